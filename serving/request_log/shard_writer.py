"""Writes records into shards, one after another, on a disk that may fail.

After a failure the shard is finished with what it holds, records are dropped and counted, and after
a while a fresh shard is tried: first soon, then at longer and longer intervals, up to a bound. No
shard is opened while an earlier one could not be finished, so a failing disk never makes more than
one unfinished file. Nothing that is complete is ever removed.

Used from one thread. The thread itself, and the queue before it, are for
`serving.request_log.writer`.
"""

from __future__ import annotations

import dataclasses
import logging
import os
from collections.abc import Callable, Sequence

from serving.request_log.shard_names import LogPrefix, ShardName
from serving.request_log.shards import ShardLimits, UnfinishedShard

_LOG = logging.getLogger(__name__)
_MAX_DOUBLINGS = 30  # beyond, any first delay has long met its bound


@dataclasses.dataclass(frozen=True, slots=True)
class Backoff:
    """How long to leave a failing disk alone.

    Attributes:
        first_sec: After the first failure; doubles with each one.
        longest_sec: The bound.
    """

    first_sec: float = 1.0
    longest_sec: float = 60.0

    def delay_sec(self, failures: int) -> float:
        """Returns the time to wait after so many failures in a row, at least one."""
        return min(self.longest_sec, self.first_sec * 2 ** min(failures - 1, _MAX_DOUBLINGS))


class ShardWriter:
    """The shards of one log, in one process.

    Attributes:
        written: Records handed to the file system so far.
        dropped: Records that were not, and records of shards that were removed under the writer.
        bytes: Bytes written, framing included.
        shards: Shards finished.
    """

    def __init__(
        self,
        prefix: LogPrefix,
        owner: tuple[str, int],
        limits: ShardLimits,
        clock: Callable[[], float],
        backoff: Backoff | None = None,
        write: Callable[[int, memoryview], int] = os.write,
        waiting: Callable[[], float] | None = None,
    ) -> None:
        """Prepares; touches no file.

        Args:
            prefix: Where shards lie.
            owner: Host and process, as names show them.
            limits: When a shard is complete.
            clock: Seconds since 1970.
            backoff: How long a failing disk is left alone.
            write: Writes some of the bytes to a descriptor and returns how many.
            waiting: Seconds by which a failing disk is left alone, where `clock` is a simulated
                one; `clock` itself if None.
        """
        self._prefix = prefix
        self._owner = owner
        self._limits = limits
        self._clock = clock
        self._waiting = waiting or clock
        self._backoff = backoff or Backoff()
        self._write = write
        self._shard: UnfinishedShard | None = None
        self._sequence = 0
        self._failures = 0
        self._failed_at = 0.0
        self.written = 0
        self.dropped = 0
        self.bytes = 0
        self.shards = 0

    @property
    def available(self) -> bool:
        """Whether the disk works, or should be tried again."""
        if not self._failures:
            return True
        waited = self._waiting() - self._failed_at
        # A clock that was set back must not prolong the wait.
        return not 0 <= waited < self._backoff.delay_sec(self._failures)

    @property
    def busy(self) -> bool:
        """Whether a shard waits to be finished, so that `tick` is needed from time to time."""
        return self._shard is not None

    def append(self, frames: Sequence[bytes], oldest: float | None = None) -> None:
        """Writes framed records, as far as the disk takes them; counts the rest as dropped.

        Args:
            frames: In their order.
            oldest: When the first was made, in seconds since 1970: a shard that begins with it is
                as old. Now if None.
        """
        before = self.written
        if self.available:
            self._guarded(lambda: self._append(frames, oldest))
        self.dropped += len(frames) - (self.written - before)

    def drop(self, records: int) -> None:
        """Counts records that were not even framed, as the disk would not take them."""
        self.dropped += records

    def tick(self) -> None:
        """Finishes the shard if its time has come."""
        if self._shard and self._due(self._shard) and self.available:
            self._guarded(self._finish)

    def close(self) -> None:
        """Finishes the shard, or leaves it to be salvaged where the disk fails."""
        self._guarded(self._finish)
        if self._shard:
            self._shard.release()
            self._shard = None

    def _append(self, frames: Sequence[bytes], oldest: float | None) -> None:
        rest = frames
        while rest:
            shard = self._writable(oldest)
            count = self._limits.fitting(shard.size, [len(frame) for frame in rest])
            if count:
                self._put(shard, rest[:count])
            if shard.size >= self._limits.max_bytes or count < len(rest):
                self._finish()
            rest = rest[count:]

    def _put(self, shard: UnfinishedShard, frames: Sequence[bytes]) -> None:
        records, size = shard.records, shard.size
        try:
            shard.append(frames)
        finally:
            self.written += shard.records - records
            self.bytes += shard.size - size

    def _writable(self, oldest: float | None) -> UnfinishedShard:
        if self._shard and self._due(self._shard):
            self._finish()
        if self._shard is None:
            began = self._clock() if oldest is None else oldest
            name = ShardName(self._prefix.name, int(began), *self._owner, self._sequence)
            self._shard = UnfinishedShard.create(self._prefix.folder, name, began, self._write)
            self._sequence = self._shard.name.sequence + 1
        return self._shard

    def _due(self, shard: UnfinishedShard) -> bool:
        return shard.ended or self._limits.aged(shard.opened, self._clock())

    def _finish(self) -> None:
        shard = self._shard
        if shard is None:
            return
        try:
            shard.finish()
        except FileNotFoundError:  # with its folder, most likely: nothing will bring it back
            self.dropped += shard.records
            shard.release()
            self._shard = None
            raise
        self._shard = None
        self.shards += bool(shard.records)

    def _guarded(self, act: Callable[[], None]) -> None:
        """Acts on the disk, and keeps account of whether it works."""
        try:
            act()
        except (OSError, MemoryError) as error:
            self._failed(error)
        else:
            self._worked()

    def _failed(self, error: OSError | MemoryError) -> None:
        if not self._failures:
            _LOG.warning(
                "The request log %s cannot be written, so its records are dropped and counted;"
                " trying again every %g to %g s: %s",
                self._prefix.folder / self._prefix.name,
                self._backoff.first_sec, self._backoff.longest_sec, error,
            )  # fmt: skip
        self._failures += 1
        self._failed_at = self._waiting()
        try:
            self._finish()
        except OSError as second:
            _LOG.debug("Nor can the shard be finished; trying again later: %s", second)

    def _worked(self) -> None:
        if self._failures:
            _LOG.warning(
                "The request log %s is written again; %d records were dropped so far.",
                self._prefix.folder / self._prefix.name, self.dropped,
            )  # fmt: skip
        self._failures = 0
