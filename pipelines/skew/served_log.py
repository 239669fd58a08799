"""What a request log holds of one model: how new it is, and which versions answered how much.

Reads finished shards once, without making examples of them. What is damaged is passed over here; it
is counted by `components.prediction_log_example_gen`, which reads the same records.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError

from components.prediction_log_example_gen.keys import SHADOW_ARM
from components.prediction_log_example_gen.shards import shards_of
from components.prediction_log_example_gen.windows import Range
from serving.request_log.shard_names import ShardName, finished_shards
from serving.request_log.tfrecord import READ_BUFFER_BYTES, TFRecordError, entries
from serving.wire.messages import PredictionLog

UNKNOWN_VERSION = ""

# A server finishes a shard when its first record is a minute old, and looks once a second.
FINISHED_WITHIN_SEC = 75.0
_POLL_SEC = 0.2


def newest(folder: Path, model: str) -> int | None:
    """Returns when a model last answered, in seconds since 1970; None where no record says so.

    Args:
        folder: Of the log; may be missing.
        model: Its name.
    """
    found: int | None = None
    written = [(_written(path), path) for _, path in finished_shards(folder)]
    for last_write, path in sorted(written, reverse=True):
        # No record is newer than the last write to its file.
        if found is not None and last_write < found:
            break
        for record in _records(path, model):
            found = max(found or 0, record.log_metadata.timestamp_secs)
    return found


def rows_by_version(folder: Path, model: str, window: Range) -> Counter[str]:
    """Returns how many rows each version of a model answered to callers in a window.

    Args:
        folder: Of the log.
        model: Its name.
        window: Of time.

    Returns:
        Rows by version; `UNKNOWN_VERSION` where the server behind did not say.
    """
    found: Counter[str] = Counter()
    for shard in shards_of(folder, None, window):
        for record in _records(Path(shard.path), model):
            metadata = record.log_metadata
            # What a shadow answered was given to nobody.
            if metadata.timestamp_secs in window and metadata.rollout_arm != SHADOW_ARM:
                spec = metadata.model_spec
                version = str(spec.version.value) if spec.HasField("version") else UNKNOWN_VERSION
                found[version] += rows_of(record)
    return found


def rows_of(record: Any) -> int:
    """Returns how many rows a PredictionLog is about, as far as its answer tells."""
    kind = record.WhichOneof("log_type")
    if kind == "predict_log":
        outputs = record.predict_log.response.outputs.values()
        sizes = [output.tensor_shape.dim[0].size for output in outputs if output.tensor_shape.dim]
        return max(sizes, default=1)
    if kind in {"classify_log", "regress_log", "multi_inference_log"}:
        asked = getattr(record, kind).request.input
        rows: int = len(asked.example_list.examples) or len(
            asked.example_list_with_context.examples
        )
        return rows
    return 1


def being_written(folder: Path) -> list[str]:
    """Returns the names of a log's unfinished files: a server writes them, or one left them."""
    if not folder.is_dir():
        return []
    names = sorted(path.name for path in folder.iterdir())
    return [name for name in names if ShardName.parse_unfinished(name)]


def wait_until_finished(
    folder: Path,
    names: Iterable[str],
    *,
    timeout_sec: float = FINISHED_WITHIN_SEC,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> list[str]:
    """Waits for files of a log to be finished; those that begin meanwhile are not waited for.

    Args:
        folder: Of the log.
        names: As of `being_written`.
        timeout_sec: How long to wait; what a dead server left is finished by the next one only.
        clock: In seconds.
        sleep: Takes seconds.

    Returns:
        Those that are not finished yet.
    """
    end = clock() + timeout_sec
    left = [name for name in names if (folder / name).exists()]
    while left and clock() < end:
        sleep(_POLL_SEC)
        left = [name for name in left if (folder / name).exists()]
    return left


def _written(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:  # removed just now
        return 0.0


def _records(path: Path, model: str) -> Iterator[Any]:
    try:
        with path.open("rb", buffering=READ_BUFFER_BYTES) as file:
            for entry in entries(file, os.fstat(file.fileno()).st_size):
                record = _decoded(entry.content)
                if record is not None and record.log_metadata.model_spec.name == model:
                    yield record
    except OSError:
        return


def _decoded(content: bytes | TFRecordError) -> Any:
    if isinstance(content, TFRecordError):
        return None
    try:
        return PredictionLog.FromString(content)
    except DecodeError:
        return None
