"""Shards of processes that died: their whole records become finished shards.

A shard belongs to the living for as long as its lock is held, in whichever process. Everything from
the first record that is not whole is cut off: nothing behind it can be trusted to be in its place.
"""

from __future__ import annotations

import dataclasses
import logging
import os
from pathlib import Path
from typing import BinaryIO

from serving.request_log.durable import publish
from serving.request_log.shard_names import LogPrefix, ShardName
from serving.request_log.shards import locked
from serving.request_log.tfrecord import READ_BUFFER_BYTES, TFRecordError, entries

_LOG = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, slots=True)
class Salvaged:
    """What came out of leftovers.

    Attributes:
        shards: Finished now.
        records: In them.
        cut_bytes: Were not whole records.
    """

    shards: int = 0
    records: int = 0
    cut_bytes: int = 0

    def plus(self, other: Salvaged) -> Salvaged:
        """Returns the sum of both."""
        return Salvaged(
            self.shards + other.shards,
            self.records + other.records,
            self.cut_bytes + other.cut_bytes,
        )


def salvage(prefix: LogPrefix) -> Salvaged:
    """Finishes what dead processes left of a log.

    A file that cannot be read or renamed is logged and left for another time.

    Raises:
        OSError: The folder cannot be listed.
    """
    total = Salvaged()
    if not prefix.folder.is_dir():
        return total
    for path in sorted(prefix.folder.iterdir()):
        name = ShardName.parse_unfinished(path.name)
        if name is None or name.prefix != prefix.name:
            continue
        try:
            total = total.plus(_salvage_file(path, name))
        except OSError as error:
            _LOG.warning("Cannot salvage %s, which is left as it is: %s", path, error)
    return total


def _salvage_file(path: Path, name: ShardName) -> Salvaged:
    # Not following links, and not waiting for the other end of a pipe.
    flags = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        descriptor = os.open(path, flags)
    except FileNotFoundError:  # its owner, or another server that starts, was quicker
        return Salvaged()
    with os.fdopen(descriptor, "r+b", buffering=READ_BUFFER_BYTES) as file:
        if not locked(descriptor, path):
            return Salvaged()
        return _finish(file, path, name)


def _finish(file: BinaryIO, path: Path, name: ShardName) -> Salvaged:
    size = os.fstat(file.fileno()).st_size
    records, whole = _whole_records(file, size)
    if not records:
        path.unlink(missing_ok=True)
        return Salvaged(cut_bytes=size)
    while (path.parent / name.final).exists():  # someone copied files about
        name = name.following()
    os.ftruncate(file.fileno(), whole)
    publish(file.fileno(), path, path.parent / name.final)
    _LOG.warning(
        "Salvaged %d records of process %d as %s; %d bytes at the end were not whole.",
        records, name.pid, name.final, size - whole,
    )  # fmt: skip
    return Salvaged(1, records, size - whole)


def _whole_records(file: BinaryIO, size: int) -> tuple[int, int]:
    """Counts the good records before the first bad one, and their bytes."""
    records, whole = 0, 0
    for entry in entries(file, size):
        if isinstance(entry.content, TFRecordError):
            break
        records, whole = records + 1, entry.end
    return records, whole
