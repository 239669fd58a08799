"""Which requests a log holds, finished shards and those being written alike.

A server that is killed may have answered what it had not written yet. Who has to have all in the
log compares it with what was answered, and asks again for what is missing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from serving.request_log.shard_names import ShardName
from serving.request_log.tfrecord import entries
from serving.wire.messages import PredictionLog


def request_ids(folder: Path, since_sec: float) -> frozenset[str]:
    """Returns the ids of the requests in shards that were begun at some time or later.

    Args:
        folder: Of the log; may be missing.
        since_sec: Seconds since 1970, on the log's clock.
    """
    return frozenset(
        request_id for path in _shards(folder, since_sec) for request_id in _of_shard(path)
    )


def _shards(folder: Path, since_sec: float) -> list[Path]:
    paths = list(folder.iterdir()) if folder.is_dir() else []
    named = [
        (ShardName.parse(path.name) or ShardName.parse_unfinished(path.name), path)
        for path in paths
    ]
    return [path for name, path in named if name and name.started >= int(since_sec)]


def _of_shard(path: Path) -> Iterator[str]:
    try:
        with path.open("rb") as file:
            for entry in entries(file, os.fstat(file.fileno()).st_size):
                if isinstance(entry.content, bytes):
                    yield PredictionLog.FromString(entry.content).log_metadata.request_id
    except FileNotFoundError:
        # Finished, or salvaged, just now: the caller looks again before it asks for anything.
        return
