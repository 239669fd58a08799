"""Reads a log back: the PredictionLogs of a folder, of all time or of a range of it.

Damage is counted and passed over, never raised, so that one bad block on a disk does not keep a
whole day from being read; who reads decides whether the counts are tolerable.

Unfinished shards are not read. What records are joined with, or turned into, is for others.
"""

from __future__ import annotations

import dataclasses
import logging
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError

from serving.request_log.shard_names import ShardName, finished_shards
from serving.request_log.tfrecord import READ_BUFFER_BYTES, TFRecordError, TornError, entries
from serving.wire import messages

_LOG = logging.getLogger(__name__)

# Shards that begin this long after a range, or were last written this long before it, are not
# opened. A record waits in the queue between its own time and that of its shard's name, which takes
# milliseconds unless a disk hangs; and a file server sets times by a clock of its own.
MAX_LAG_SEC = 3600.0


@dataclasses.dataclass(slots=True)
class ReadCounts:
    """What a reader came across.

    Attributes:
        shards: Opened.
        records: Yielded.
        outside: Whole, but not of the time asked for.
        corrupt: Did not match a checksum, or was no PredictionLog. A wrong length counts as one
            record, however many it hides.
        torn: Shards that end within a record.
        unreadable: Shards that could not be opened or read on.
    """

    shards: int = 0
    records: int = 0
    outside: int = 0
    corrupt: int = 0
    torn: int = 0
    unreadable: int = 0


class LogReader:
    """The records of a log, shard by shard in the order of their names; iterate it once.

    Within a shard, records stand in the order in which they were answered.

    Attributes:
        counts: What was come across so far.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        prefix: str | None = None,
        since: float = -math.inf,
        until: float = math.inf,
    ) -> None:
        """Opens nothing yet.

        Args:
            folder: Where the shards lie; a missing one holds none.
            prefix: Only shards whose names begin so, or all.
            since: Only records of this second or later, in seconds since 1970.
            until: Only records before this second.
        """
        self._folder = Path(folder)
        self._prefix = prefix
        self._since = since
        self._until = until
        self.counts = ReadCounts()

    def __iter__(self) -> Iterator[Any]:
        """Yields PredictionLogs."""
        for name, path in finished_shards(self._folder, self._prefix):
            try:
                if self._may_hold(name, path):
                    yield from self._shard(path)
            except OSError as error:
                _LOG.warning("Cannot read %s: %s", path, error)
                self.counts.unreadable += 1

    def _may_hold(self, name: ShardName, path: Path) -> bool:
        # No record is newer than the last write to its file; copying can only make that later.
        begins_in_time = name.started < self._until + MAX_LAG_SEC
        return begins_in_time and path.stat().st_mtime >= self._since - MAX_LAG_SEC

    def _shard(self, path: Path) -> Iterator[Any]:
        with path.open("rb", buffering=READ_BUFFER_BYTES) as file:
            self.counts.shards += 1
            for entry in entries(file, os.fstat(file.fileno()).st_size):
                record = self._decoded(entry.content)
                if record is not None and self._in_time(record):
                    yield record

    def _decoded(self, content: bytes | TFRecordError) -> Any:
        if isinstance(content, TornError):
            self.counts.torn += 1
            return None
        if isinstance(content, TFRecordError):
            self.counts.corrupt += 1
            return None
        try:
            return messages.PredictionLog.FromString(content)
        except DecodeError:
            self.counts.corrupt += 1
            return None

    def _in_time(self, record: Any) -> bool:
        inside = self._since <= record.log_metadata.timestamp_secs < self._until
        self.counts.records += inside
        self.counts.outside += not inside
        return inside
