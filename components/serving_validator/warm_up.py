"""Warm-up requests: what a server replays as it loads a version, so that no caller waits for it.

The first calls of a model are slow. TensorFlow Serving and Ringway's server replay the requests
that a version brings in `assets.extra/tf_serving_warmup_requests`, a TFRecord file of
PredictionLogs; for each signature these are one of a single example and one of several.

Source: https://www.tensorflow.org/tfx/serving/saved_model_warmup
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from components.serving_validator.feeds import Feed
from serving.request_log.tfrecord import write_records
from serving.wire.messages import PredictionLog
from serving.wire.tensors import fill

REQUESTS = Path("assets.extra") / "tf_serving_warmup_requests"

# Enough for the kernels that a batch takes and a single row does not; few, as loading waits for it.
_BATCH = 8


def write(folder: Path, model: str, feeds: Iterable[Feed]) -> int:
    """Gives a SavedModel warm-up requests, unless its author has already.

    Args:
        folder: The SavedModel's.
        model: The name it is served under.
        feeds: One for each signature.

    Returns:
        How many requests were written; 0 where there were some.
    """
    path = folder / REQUESTS
    if path.exists():
        return 0
    return write_records(path, requests(model, feeds))


def requests(model: str, feeds: Iterable[Feed]) -> Iterator[bytes]:
    """Yields serialized PredictionLogs."""
    for feed in feeds:
        for count in sorted({1, min(_BATCH, len(feed))}):
            log = PredictionLog()
            request = log.predict_log.request
            request.model_spec.name = model
            request.model_spec.signature_name = feed.signature
            for name, array in feed.inputs.items():
                fill(request.inputs[name], array[:count], as_content=True)
            yield log.SerializeToString(deterministic=True)
