"""One file of the log: when the next one is due, and writing it to its end.

While a shard is written it has a hidden name and a lock of the kernel, which ends with its process.
So readers who take `*.tfrecord` see only whole files, and several servers can share a folder. The
lock is flock(2); on a network file system it has to hold between machines.

When to write, and what to do about a failing disk, is for `serving.request_log.shard_writer`;
shards of dead processes are for `serving.request_log.salvage`.
"""

from __future__ import annotations

import bisect
import dataclasses
import errno
import fcntl
import itertools
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

from serving.request_log.durable import publish
from serving.request_log.shard_names import ShardName

_FILE_MODE = 0o640  # logs hold what callers sent: not for everybody
_MAX_NAME_TRIES = 10_000


@dataclasses.dataclass(frozen=True, slots=True)
class ShardLimits:
    """When a shard is complete.

    Attributes:
        max_bytes: It grows no larger, save by one record that is larger alone.
        max_age_sec: It is finished this long after its first record.
    """

    max_bytes: int
    max_age_sec: float

    def aged(self, opened: float, now: float) -> bool:
        """Returns whether a shard has been written for long enough; times in seconds.

        A clock that was set back would keep a shard open for as long as the step: it counts as due.
        """
        return not 0 <= now - opened < self.max_age_sec

    def fitting(self, used: int, sizes: Sequence[int]) -> int:
        """Returns how many of these records, in their order, a shard still takes.

        Args:
            used: Bytes that it holds.
            sizes: Bytes of each record.
        """
        count = bisect.bisect_right(list(itertools.accumulate(sizes)), self.max_bytes - used)
        return count or int(used == 0 and bool(sizes))


class UnfinishedShard:
    """A shard that this process is writing.

    Its first `size` bytes are whole records; what a failed write left after them is cut off when
    the shard is finished, or salvaged.

    Attributes:
        name: What it is called.
        opened: When, as the caller's clock says.
        size: Bytes of whole records.
        records: How many.
        ended: Whether it takes no more.
    """

    def __init__(
        self,
        folder: Path,
        name: ShardName,
        descriptor: int,
        opened: float,
        write: Callable[[int, memoryview], int],
    ) -> None:
        self._folder = folder
        self._descriptor = descriptor
        self._write = write
        self.name = name
        self.opened = opened
        self.size = 0
        self.records = 0
        self.ended = False

    @classmethod
    def create(
        cls,
        folder: Path,
        name: ShardName,
        opened: float,
        write: Callable[[int, memoryview], int] = os.write,
    ) -> Self:
        """Makes an empty shard, under the given name or the next one that is free.

        Args:
            folder: Is made if missing.
            name: The name to begin with.
            opened: The time, in seconds.
            write: Writes some of the bytes to a descriptor and returns how many.

        Raises:
            OSError: It cannot be made.
        """
        folder.mkdir(parents=True, exist_ok=True)
        for _ in range(_MAX_NAME_TRIES):
            descriptor = _claim(folder, name)
            if descriptor is not None:
                return cls(folder, name, descriptor, opened, write)
            name = name.following()
        raise FileExistsError(errno.EEXIST, "every name is taken", str(folder / name.final))

    def append(self, frames: Sequence[bytes]) -> None:
        """Writes records.

        Args:
            frames: Framed, in their order.

        Raises:
            OSError: Not all were written. `records` and `size` say how many were, whole; the shard
                has to be finished then.
        """
        data = memoryview(b"".join(frames))
        done = 0
        try:
            while done < len(data):
                done += self._write(self._descriptor, data[done:])
        finally:
            ends = list(itertools.accumulate(map(len, frames)))
            whole = bisect.bisect_right(ends, done)
            self.records += whole
            self.size += ends[whole - 1] if whole else 0

    def finish(self) -> None:
        """Cuts the shard to its whole records and gives it its final name; drops an empty one.

        May be called again after it failed.

        Raises:
            FileNotFoundError: Someone removed the shard.
            OSError: It keeps its unfinished name.
        """
        self.ended = True
        path = self._folder / self.name.unfinished
        if self.records:
            os.ftruncate(self._descriptor, self.size)
            publish(self._descriptor, path, self._folder / self.name.final)
        else:
            path.unlink(missing_ok=True)
        self.release()

    def release(self) -> None:
        """Gives the shard up as it is, for a later process to salvage."""
        os.close(self._descriptor)


def _claim(folder: Path, name: ShardName) -> int | None:
    """Makes and locks the unfinished file of a name, or returns None where the name is taken."""
    path = folder / name.unfinished
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _FILE_MODE)
    except FileExistsError:
        return None
    try:
        # Until the lock is ours, a starting server may take the file for a leftover, and remove it.
        if locked(descriptor, path):
            # Only now can nobody else finish a shard of this name, so only now has looking a point.
            if not (folder / name.final).exists():
                return descriptor
            path.unlink()
    except OSError:
        os.close(descriptor)
        path.unlink(missing_ok=True)
        raise
    os.close(descriptor)
    return None


def locked(descriptor: int, path: Path) -> bool:
    """Locks a file, if nobody else has it and `path` still names it.

    Raises:
        OSError: The file system knows no locks.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.path.samestat(os.fstat(descriptor), path.stat(follow_symlinks=False))
    except (BlockingIOError, FileNotFoundError):
        return False
