"""Finds a served request in a request log by its id, without reading more of it than needed.

Shards are looked through from the newest one on, as bytes: only in one that holds the id somewhere
are records told apart and parsed. A shadow's answer is a record of its own with the same id, and is
written a little later, perhaps into another shard; so once the id was found, shards that began up
to `_AROUND_SEC` before are looked through as well, and older ones are not.

Shards that are still being written are read as far as they are whole. What the record means for
people is left to `request_lineage`.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError

from serving.request_log.shard_names import ShardName, finished_shards
from serving.request_log.tfrecord import READ_BUFFER_BYTES, TFRecordError, entries
from serving.wire.messages import PredictionLog

_AROUND_SEC = 600
_CHUNK_BYTES = 8 << 20


@dataclasses.dataclass(frozen=True, kw_only=True)
class Served:
    """A record of the request.

    Attributes:
        record: A PredictionLog.
        shard: Name of the file that it stands in.
    """

    record: Any
    shard: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Search:
    """What was found.

    Attributes:
        folder: Of the log.
        found: Records with the id, the oldest first; what a caller got before what a shadow said.
        shards: How many files the log has.
        unreadable: Names of files that could not be read to their end.
    """

    folder: Path
    found: tuple[Served, ...] = ()
    shards: int = 0
    unreadable: tuple[str, ...] = ()


def find(folder: Path, request_id: str) -> Search:
    """Looks for a request.

    Args:
        folder: Of the log; may be missing.
        request_id: The id, as the answer named it.
    """
    wanted = request_id.encode(errors="surrogateescape")
    shards = _shards(folder)
    found: list[Served] = []
    unreadable: list[str] = []
    oldest: float | None = None
    for name, path in shards:
        if oldest is not None and name.started < oldest - _AROUND_SEC:
            break
        try:
            here = _in_shard(path, wanted)
        except OSError:
            unreadable.append(path.name)
            continue
        found += here
        oldest = name.started if here else oldest
    return Search(
        folder=folder,
        found=tuple(sorted(found, key=_order)),
        shards=len(shards),
        unreadable=tuple(unreadable),
    )


def _order(served: Served) -> tuple[int, bool, str]:
    metadata = served.record.log_metadata
    return metadata.timestamp_secs, metadata.rollout_arm == "shadow", served.shard


def _shards(folder: Path) -> list[tuple[ShardName, Path]]:
    """Lists all shards, the newest first, those that are being written among them."""
    if not folder.is_dir():
        return []
    unfinished = ((ShardName.parse_unfinished(path.name), path) for path in folder.iterdir())
    found = [(name, path) for name, path in unfinished if name] + finished_shards(folder)
    return sorted(found, key=lambda shard: (shard[0].started, shard[0].final), reverse=True)


def _in_shard(path: Path, wanted: bytes) -> list[Served]:
    try:
        return list(_records(path, wanted))
    except FileNotFoundError:
        name = ShardName.parse_unfinished(path.name)
        if name is None:
            raise
        return list(_records(path.with_name(name.final), wanted))  # it was finished just now


def _records(path: Path, wanted: bytes) -> Iterator[Served]:
    with path.open("rb", buffering=READ_BUFFER_BYTES) as file:
        if not _holds(file, wanted):
            return
        file.seek(0)
        for entry in entries(file, os.fstat(file.fileno()).st_size):
            content = entry.content
            if isinstance(content, TFRecordError) or wanted not in content:
                continue
            try:
                record = PredictionLog.FromString(content)
            except DecodeError:
                continue
            # The id may stand in what was asked, too.
            if record.log_metadata.request_id.encode() == wanted:
                yield Served(record=record, shard=path.name)


def _holds(file: Any, wanted: bytes) -> bool:
    """Whether bytes stand anywhere in a file. Not by mmap: a shard may be cut while it is read."""
    tail = b""
    while chunk := file.read(_CHUNK_BYTES):
        if wanted in chunk or wanted in tail + chunk[: len(wanted)]:
            return True
        # A read may be short.
        tail = (tail + chunk[-len(wanted) :])[-len(wanted) :]
    return False
