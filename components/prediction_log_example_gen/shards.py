"""Which files of a log may hold records of a window, and their records, damage included.

Nothing is opened to choose files: their names and the file system's times say enough. Damage is
counted, never raised. What is in a record is for `records`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import math
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from components.prediction_log_example_gen.records import Place
from components.prediction_log_example_gen.tally import Tally
from components.prediction_log_example_gen.windows import Range
from serving.request_log.reader import MAX_LAG_SEC
from serving.request_log.shard_names import ShardName, finished_shards
from serving.request_log.tfrecord import READ_BUFFER_BYTES, TFRecordError, TornError, entries


@dataclasses.dataclass(frozen=True, slots=True)
class Shard:
    """A file of a log.

    Attributes:
        path: Where it lies.
        started: When it began, in seconds since 1970, as its name says.
    """

    path: str
    started: int


def shards_of(folder: Path, prefix: str | None, window: Range) -> list[Shard]:
    """Returns the finished shards that may hold records of a window, oldest first.

    Args:
        folder: Of the log.
        prefix: How the shards' names begin; None for all.
        window: Of time.

    Raises:
        ValueError: There is no such folder.
        OSError: It cannot be listed.
    """
    _check(folder)
    listed = finished_shards(folder, prefix)
    followed = _followed(name for name, _ in listed)
    return [
        Shard(str(path), name.started)
        for name, path in listed
        if followed.get(name, math.inf) >= window.start_sec - MAX_LAG_SEC
        and _may_hold(name, path, window)
    ]


def unfinished(folder: Path, prefix: str | None, window: Range) -> list[str]:
    """Returns the names of files that may hold records of a window and are not finished.

    A server is writing them, or died; they are not read.

    Args:
        folder: Of the log.
        prefix: How the shards' names begin; None for all.
        window: Of time.

    Raises:
        ValueError: There is no such folder.
        OSError: It cannot be listed.
    """
    _check(folder)
    named = ((ShardName.parse_unfinished(path.name), path) for path in sorted(folder.iterdir()))
    return [
        path.name
        for name, path in named
        if name and prefix in {None, name.prefix} and _may_hold(name, path, window)
    ]


def fingerprint(folder: Path, prefix: str | None, window: Range) -> str:
    """Returns what identifies the shards of a window: it changes when one comes or goes.

    Args:
        folder: Of the log.
        prefix: How the shards' names begin; None for all.
        window: Of time.

    Raises:
        ValueError: There is no such folder.
        OSError: It cannot be listed.
    """
    # Finished shards are never touched again, so that their names say it all.
    names = [Path(shard.path).name for shard in shards_of(folder, prefix, window)]
    return hashlib.sha256("\n".join(names).encode()).hexdigest()[:32]


def contents(shard: Shard, tally: Tally) -> Iterator[tuple[Place, bytes]]:
    """Yields the whole records of a shard, and counts the others.

    Args:
        shard: The file.
        tally: Is added to.
    """
    path = Path(shard.path)
    try:
        with path.open("rb", buffering=READ_BUFFER_BYTES) as file:
            tally.count("shards", "read")
            offset = 0
            for entry in entries(file, os.fstat(file.fileno()).st_size):
                if isinstance(entry.content, TFRecordError):
                    _count_damage(path.name, entry.content, tally)
                else:
                    yield Place(path.name, shard.started, offset), entry.content
                offset = entry.end
    except OSError as error:
        tally.count("shards", "unreadable", example=f"{path.name}: {error}")


def _check(folder: Path) -> None:
    if not folder.is_dir():
        raise ValueError(f"log_folder: expected the folder of a request log, received {folder}")


def _count_damage(name: str, error: TFRecordError, tally: Tally) -> None:
    example = f"{name}: {error.message}"
    if isinstance(error, TornError):
        tally.count("shards", "torn", example=example)
        return
    tally.count("records", "found")
    tally.count("records", "corrupt", example=example)


def _followed(names: Iterable[ShardName]) -> dict[ShardName, int]:
    """Returns when the next shard of the same process began, for all but its last.

    A process writes one shard after another, so no record is newer than the shard that follows.
    Files may have been written at any time, as those of a simulated clock are.

    Args:
        names: Oldest first.
    """
    last: dict[tuple[str, str, int], ShardName] = {}
    found = {}
    for name in names:
        writer = name.prefix, name.host, name.pid
        if writer in last:
            found[last[writer]] = name.started
        last[writer] = name
    return found


def _may_hold(name: ShardName, path: Path, window: Range) -> bool:
    # As `serving.request_log.LogReader` chooses.
    begins_in_time = name.started < window.end_sec + MAX_LAG_SEC
    try:
        written = path.stat().st_mtime
    except FileNotFoundError:  # removed, or finished under another name, just now: let it be told
        return begins_in_time
    return begins_in_time and written >= window.start_sec - MAX_LAG_SEC
