"""The request log: takes records from the request's path and writes them in a thread of its own.

Nothing that happens here slows or fails a request. What cannot be logged is counted, by reason:
the queue was full, the disk did not take it, memory was short.

The thread shares the interpreter with the event loop, so what it does is little and in few steps:
it adds checksums to records that are whole, and writes many of them at once.

A process that is killed loses what waited in the queue (at most `LINGER_SEC`, while the disk keeps
up); what was written is finished by the next process that starts (`serving.request_log.salvage`).
A power failure can also take what the kernel had not written of the unfinished shard.

Which fields a record has is for `serving.request_log.record`, files are for
`serving.request_log.shard_writer`.
"""

from __future__ import annotations

import dataclasses
import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from typing import Any, Self

from serving.request_log.backlog import Backlog, Parts
from serving.request_log.salvage import salvage
from serving.request_log.sampling import checked_rate, sampled
from serving.request_log.shard_names import LogPrefix, plain_host
from serving.request_log.shard_writer import Backoff, ShardWriter
from serving.request_log.shards import ShardLimits
from serving.request_log.tfrecord import framed
from serving.wire.errors import invalid

_LOG = logging.getLogger(__name__)

COLLECTOR_TYPES = ("", "file", "ringway")  # one and the same; TensorFlow Serving names none
LINGER_SEC = 0.05
_SHARD_CHECK_SEC = 1.0  # how late a shard may be finished when no records come
# Written at once. The event loop goes on during a write and has to wait in between: some hundred
# microseconds for so much.
_WRITE_BYTES = 256 << 10


@dataclasses.dataclass(frozen=True, slots=True)
class Counters:
    """What became of the records so far.

    `offered` is the sum of `written`, the three that were not, and those that still wait.

    Attributes:
        offered: Calls of `offer`.
        written: Handed to the file system.
        dropped_queue: Refused, as too many or too large ones waited, or the log was closed.
        dropped_disk: Not taken by the disk. A shard that somebody removes before it is finished
            counts here too, beside `written`.
        failed: Could not be made ready to be written, for want of memory.
        bytes: Written, framing included.
        shards: Finished by this process, those it salvaged aside.
        salvaged: Records that dead processes left unfinished, and that were finished at the start.
    """

    offered: int = 0
    written: int = 0
    dropped_queue: int = 0
    dropped_disk: int = 0
    failed: int = 0
    bytes: int = 0
    shards: int = 0
    salvaged: int = 0


class RequestLog:
    """One log: a queue, and a thread that empties it. Make it after any fork.

    Args:
        prefix: Folder and beginning of the shards' names; the folder is made when the first record
            is written.
        sampling_rate: Share of requests that `sampled` picks, in [0, 1].
        max_shard_bytes: A shard that reaches it is finished.
        max_shard_age_sec: So is one whose first record is this old.
        queue_records: How many records may wait.
        queue_bytes: How large they may be together.
        clock: Seconds since 1970; of records' shards, which a simulated clock may name and finish.
        waiting: Seconds by which a failing disk is left alone; `clock` if None.
        backoff: How long a failing disk is left alone.
        write: Writes some of the bytes to a descriptor and returns how many.

    Raises:
        ServingError: INVALID_ARGUMENT, the prefix or the rate makes no sense.
    """

    def __init__(  # noqa: PLR0913 (all but the first have a default)
        self,
        prefix: str | os.PathLike[str],
        *,
        sampling_rate: float = 1.0,
        max_shard_bytes: int = 64 << 20,
        max_shard_age_sec: float = 60.0,
        queue_records: int = 10_000,
        queue_bytes: int = 64 << 20,
        clock: Callable[[], float] = time.time,
        waiting: Callable[[], float] | None = None,
        backoff: Backoff | None = None,
        write: Callable[[int, memoryview], int] = os.write,
    ) -> None:
        self._prefix = LogPrefix.parse(prefix)
        self.sampling_rate = checked_rate(sampling_rate)
        self._clock = clock
        self._backlog = Backlog(queue_records, queue_bytes)
        owner = plain_host(socket.gethostname()), os.getpid()
        limits = ShardLimits(max_shard_bytes, max_shard_age_sec)
        self._shards = ShardWriter(self._prefix, owner, limits, clock, backoff, write, waiting)
        self._failed = 0
        self._salvaged = 0
        self._abandoned = threading.Event()
        # A daemon, since a hung disk must not keep the process from ending.
        self._thread = threading.Thread(target=self._run, name="request-log", daemon=True)
        self._thread.start()

    @classmethod
    def from_config(cls, logging_config: Any, **options: Any) -> Self:
        """Makes the log that a model's configuration asks for.

        Args:
            logging_config: A LoggingConfig. As in every message of its kind, a missing rate is 0.
            **options: Arguments of the class other than the prefix and the rate.

        Raises:
            ServingError: INVALID_ARGUMENT, the configuration makes no sense.
        """
        collector = logging_config.log_collector_config
        if collector.type not in COLLECTOR_TYPES:
            known = ", ".join(repr(name) for name in COLLECTOR_TYPES if name)
            message = (
                f"log_collector_config.type must be one of {known}, or be left out."
                f" Received: {collector.type!r}"
            )
            raise invalid(message)
        rate = logging_config.sampling_config.sampling_rate
        return cls(collector.filename_prefix, sampling_rate=rate, **options)

    def sampled(self, request_id: str) -> bool:
        """Returns whether a request is to be logged; every replica says the same."""
        return sampled(request_id, self.sampling_rate)

    def offer(self, *parts: bytes, at: float | None = None) -> bool:
        """Hands a record over; never waits for the disk, never raises.

        Args:
            *parts: A serialised PredictionLog, in any number of parts that follow one another
                (`serving.request_log.record`).
            at: When its request was answered, in seconds since 1970; now if None. A simulated clock
                may have gone on before the record is written.

        Returns:
            False when the record was dropped, and counted, at once.
        """
        return self._backlog.put(parts, self._clock() if at is None else at)

    def counters(self) -> Counters:
        """Returns what became of the records so far; from any thread."""
        shards, backlog = self._shards, self._backlog
        return Counters(
            offered=backlog.offered,
            written=shards.written,
            dropped_queue=backlog.refused,
            dropped_disk=shards.dropped,
            failed=self._failed,
            bytes=shards.bytes,
            shards=shards.shards,
            salvaged=self._salvaged,
        )

    def close(self, timeout_sec: float = 10.0) -> bool:
        """Writes what waits and finishes the shard; takes no more records from now on.

        Waits for the disk, so it is not for the event loop.

        Args:
            timeout_sec: How long to wait for that.

        Returns:
            False when the disk was not done by then. What waited is dropped and counted as the
            disk's if the disk returns; the shard is left for the next process.
        """
        self._backlog.close()
        self._thread.join(timeout_sec)
        if self._thread.is_alive():
            self._abandoned.set()
            _LOG.warning(
                "The request log was not written within %g s and is given up.", timeout_sec
            )
            return False
        return True

    def _run(self) -> None:
        self._salvage()
        while True:
            closing = self._backlog.closed
            if not closing:
                self._backlog.wait(_SHARD_CHECK_SEC if self._shards.busy else None, LINGER_SEC)
            self._drain()
            self._shards.tick()
            if closing:  # as it was before the last look into the queue
                break
        self._shards.close()

    def _salvage(self) -> None:
        try:
            self._salvaged = salvage(self._prefix).records
        except OSError as error:
            _LOG.warning("Cannot look for leftovers in %s: %s", self._prefix.folder, error)

    def _drain(self) -> None:
        """Writes what waits, but not what comes meanwhile: that makes the next burst."""
        left = len(self._backlog)
        while left > 0:
            oldest = self._backlog.oldest
            records = self._backlog.take(_WRITE_BYTES)
            left -= len(records)
            if self._abandoned.is_set() or not self._shards.available:
                self._shards.drop(len(records))
            else:
                frames = map(self._framed, records)
                self._shards.append([frame for frame in frames if frame is not None], oldest)

    def _framed(self, parts: Parts) -> bytes | None:
        try:
            return framed(*parts)
        except Exception as error:  # noqa: BLE001 (whatever it is, requests go on)
            if not self._failed:
                _LOG.warning("A record cannot be made ready for the request log: %r", error)
            self._failed += 1
            return None
