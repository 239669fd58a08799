"""Logs of requests about taxi-like rows, written by `RequestLog`, and reading examples back.

The schema has a text (`company`), an integer (`area`), a float (`fare`) and a label (`tips`).
"""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from serving.request_log import RequestLog, record_parts
from serving.request_log.tfrecord import entries
from serving.wire import messages
from serving.wire.tensors import to_proto

HOUR = 3600
SPAN = 498_689  # 2026-11-21 17:00 to 18:00 UTC: 20778 days and 17 hours since 1970
START = SPAN * HOUR
NOW = START + 100.0

SCHEMA_TEXT = """
default_environment: "TRAINING"
default_environment: "SERVING"
feature { name: "company" type: BYTES }
feature { name: "area" type: INT }
feature { name: "fare" type: FLOAT }
feature { name: "tips" type: FLOAT not_in_environment: "SERVING" }
"""
SCHEMA = text_format.Parse(SCHEMA_TEXT, schema_pb2.Schema())
KINDS = {"bytes": "bytes_list", "int": "int64_list", "float": "float_list"}


def model_spec(signature: str = "serving_default", version: int = 7) -> Any:
    """Makes what answered: a version of the model `taxi`."""
    spec = messages.ModelSpec(name="taxi", signature_name=signature)
    spec.version.value = version
    return spec


def example(**values: Any) -> Any:
    """Makes a tf.Example: integers, floats and bytes by name, alone or in lists."""
    made = messages.Example()
    for name, value in values.items():
        listed = value if isinstance(value, list) else [value]
        kind = KINDS[type(listed[0]).__name__]
        getattr(made.features.feature[name], kind).value.extend(listed)
    return made


def predict(inputs: Mapping[str, np.ndarray], outputs: Mapping[str, np.ndarray]) -> tuple[Any, Any]:
    """Makes a request with named tensors, and its answer."""
    request, response = messages.PredictRequest(), messages.PredictResponse()
    for name, array in inputs.items():
        request.inputs[name].CopyFrom(to_proto(array))
    for name, array in outputs.items():
        response.outputs[name].CopyFrom(to_proto(array))
    return request, response


def taxi_rows(fares: Sequence[float], company: bytes = b"Blue", area: int = 8) -> tuple[Any, Any]:
    """Makes a request with named tensors, all rows alike but for the fare; answers fare / 100."""
    count = len(fares)
    inputs = {
        "company": np.array([company] * count, object),
        "area": np.full(count, area, np.int64),
        "fare": np.array(fares, np.float32),
    }
    return predict(inputs, {"outputs": np.array(fares, np.float32)[:, None] / 100})


def serialized(examples: Sequence[Any], scores: Sequence[float]) -> tuple[Any, Any]:
    """Makes a Predict request whose input `examples` holds serialized tf.Examples."""
    texts = np.empty(len(examples), object)
    texts[:] = [made if isinstance(made, bytes) else made.SerializeToString() for made in examples]
    return predict({"examples": texts}, {"outputs": np.array(scores, np.float32)[:, None]})


def classify(examples: Sequence[Any], scores: Sequence[float]) -> tuple[Any, Any]:
    """Makes a ClassificationRequest, and its answer: labels 0 and 1."""
    request, response = messages.ClassificationRequest(), messages.ClassificationResponse()
    request.input.example_list.examples.extend(examples)
    for score in scores:
        row = response.result.classifications.add().classes
        row.add(label="0", score=1 - score)
        row.add(label="1", score=score)
    return request, response


def regress(examples: Sequence[Any], context: Any, values: Sequence[float]) -> tuple[Any, Any]:
    """Makes a RegressionRequest with a context, and its answer."""
    request, response = messages.RegressionRequest(), messages.RegressionResponse()
    request.input.example_list_with_context.examples.extend(examples)
    request.input.example_list_with_context.context.CopyFrom(context)
    for value in values:
        response.result.regressions.add(value=value)
    return request, response


def multi_inference(examples: Sequence[Any], values: Sequence[float]) -> tuple[Any, Any]:
    """Makes a request for `classification` and `regression` at once, and its answer."""
    request, response = messages.MultiInferenceRequest(), messages.MultiInferenceResponse()
    request.input.example_list.examples.extend(examples)
    first, second = response.results.add(), response.results.add()
    first.model_spec.CopyFrom(model_spec("classification"))
    second.model_spec.CopyFrom(model_spec("regression"))
    for value in values:
        first.classification_result.classifications.add().classes.add(label="1", score=value)
        second.regression_result.regressions.add(value=value)
    return request, response


def record(
    method: str,
    pair: tuple[Any, Any],
    request_id: str,
    *,
    now: float = NOW,
    spec: Any = None,
    rate: float = 0.5,
    rollout: tuple[str, str] = ("", ""),
) -> tuple[bytes, ...]:
    """Makes a record as the server makes it."""
    request, response = pair
    return record_parts(
        method,
        request.SerializeToString(),
        response.SerializeToString(),
        model_spec=(spec or model_spec()).SerializeToString(),
        request_id=request_id,
        now=now,
        sampling_rate=rate,
        rollout=rollout,
    )


def content(method: str, pair: tuple[Any, Any], request_id: str = "id", **options: Any) -> bytes:
    """Makes the bytes of a record."""
    return b"".join(record(method, pair, request_id, **options))


def write_log(
    folder: Path, records: Iterable[tuple[bytes, ...]], *, started: float = NOW, name: str = "r"
) -> Path:
    """Writes one shard with a real log, and returns its path."""
    before = set(folder.glob("*.tfrecord"))
    log = RequestLog(folder / name, clock=lambda: started)
    for parts in records:
        assert log.offer(*parts)
    assert log.close()
    [path] = set(folder.glob("*.tfrecord")) - before
    return path


def written(folder: Path) -> list[bytes]:
    """Reads the serialized examples of a split's folder, sorted."""
    found = []
    for path in folder.glob("*.gz"):
        data = gzip.decompress(path.read_bytes())
        for entry in entries(io.BytesIO(data), len(data)):
            assert isinstance(entry.content, bytes), entry.content
            found.append(entry.content)
    return sorted(found)


def values(text: bytes) -> dict[str, Any]:
    """Returns the values of a serialized tf.Example: lists by name, or None."""
    features = messages.Example.FromString(text).features.feature
    found = {}
    for name, feature in features.items():
        kind = feature.WhichOneof("kind")
        found[name] = list(getattr(feature, kind).value) if kind else None
    return found
