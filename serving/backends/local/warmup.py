"""Replays recorded requests against a version before it serves, as TensorFlow Serving does.

The first calls of a model are slow: kernels are set up, memory is taken. A version may bring
requests for that, PredictionLogs in `assets.extra/tf_serving_warmup_requests`. A version that
cannot answer them fails to load.

Source: saved_model_warmup_util.cc and saved_model_warmup.cc under
tensorflow_serving/servables/tensorflow.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError

from serving.backends.servable import Servable
from serving.request_log.tfrecord import TFRecordError, read_records
from serving.wire import inference
from serving.wire.errors import ServingError, StatusCode, invalid
from serving.wire.messages import PredictionLog
from serving.wire.specs import Signature

REQUESTS = Path("assets.extra") / "tf_serving_warmup_requests"
MAX_RECORDS = 1000


def warm_up(servable: Servable, folder: Path, iterations: int = 1) -> int:
    """Replays a version's warm-up requests, if it has any.

    Args:
        servable: The version, loaded.
        folder: The version's.
        iterations: Times that each request is replayed, 1 or more.

    Returns:
        How many requests there were; 0 where the version brings none.

    Raises:
        ServingError: DATA_LOSS for a file that is no TFRecord, INVALID_ARGUMENT for a record that
            is no PredictionLog and for more than `MAX_RECORDS`, UNIMPLEMENTED for a kind that
            cannot be replayed, or what the model answers.
    """
    path = folder / REQUESTS
    if not path.exists():
        return 0
    count = 0
    try:
        for count, record in enumerate(read_records(path), start=1):
            if count > MAX_RECORDS:
                raise invalid(
                    f"Number of warmup records exceeds the maximum ({MAX_RECORDS}) at {path}"
                )
            _replay_often(servable, _parsed(record, count, path), iterations)
    except TFRecordError as error:
        raise ServingError(
            error.code,
            f"{error.message}. Please verify your warmup data is in TFRecord format.",
        ) from error
    except OSError as error:
        raise ServingError(
            StatusCode.UNAVAILABLE, f"Could not read the warmup requests {path}: {error}"
        ) from error
    return count


def replay(servable: Servable, log: Any) -> None:
    """Answers a logged request and drops the answer.

    Args:
        servable: A loaded version.
        log: A PredictionLog with a request; its response is not looked at.

    Raises:
        ServingError: As a client would get it; UNIMPLEMENTED for SessionRun and streams.
    """
    kind = log.WhichOneof("log_type")
    if kind not in _REPLAYS:
        number = log.DESCRIPTOR.fields_by_name[kind].number if kind else 0
        raise ServingError(
            StatusCode.UNIMPLEMENTED,
            f"Unsupported log_type for warmup: {number} ({kind or 'none'}). "
            f"Supported are: {', '.join(_REPLAYS)}.",
        )
    _REPLAYS[kind](servable, getattr(log, kind).request)


def _parsed(record: bytes, number: int, path: Path) -> Any:
    try:
        return PredictionLog.FromString(record)
    except DecodeError as error:
        raise invalid(f"Failed to parse warmup record: number {number} from {path}") from error


def _replay_often(servable: Servable, log: Any, iterations: int) -> None:
    for _ in range(iterations):
        replay(servable, log)


def _predict(servable: Servable, request: Any) -> None:
    signature = inference.predict_signature(servable.signatures, request.model_spec)
    inputs = inference.predict_inputs(request, signature)
    servable.run(signature.name, inputs, inference.output_names(request.output_filter, signature))


def _classify(servable: Servable, request: Any) -> None:
    signature = inference.classify_signature(servable.signatures, request.model_spec)
    _classify_with(servable, signature, request.input)


def _regress(servable: Servable, request: Any) -> None:
    signature = inference.regress_signature(servable.signatures, request.model_spec)
    _regress_with(servable, signature, request.input)


def _multi_inference(servable: Servable, request: Any) -> None:
    signatures = inference.task_signatures(servable.signatures, request.tasks)
    for task, signature in zip(request.tasks, signatures, strict=True):
        _METHODS[task.method_name](servable, signature, request.input)


def _classify_with(servable: Servable, signature: Signature, examples: Any) -> None:
    array = inference.example_inputs(examples)
    outputs = servable.run(signature.name, {inference.EXAMPLES: array})
    inference.classification_result(outputs, len(array))


def _regress_with(servable: Servable, signature: Signature, examples: Any) -> None:
    array = inference.example_inputs(examples)
    outputs = servable.run(signature.name, {inference.EXAMPLES: array})
    inference.regression_result(outputs, len(array))


_METHODS = {
    inference.CLASSIFY_METHOD: _classify_with,
    inference.REGRESS_METHOD: _regress_with,
}
_REPLAYS: Mapping[str, Any] = {
    "predict_log": _predict,
    "classify_log": _classify,
    "regress_log": _regress,
    "multi_inference_log": _multi_inference,
}
