"""Requests to classify and regress: JSON to tf.Example, and results to JSON.

A request is `{"signature_name": ..., "context": {...}, "examples": [{...}, ...]}`; an answer is
`{"results": ...}`. A feature takes the kind of its first value: an integer or a boolean is int64, a
number with a point is a float, a text or Base64 is bytes.

Source of the rules and texts: tensorflow_serving/util/json_tensor.cc.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import orjson

from serving.wire.errors import ServingError, invalid
from serving.wire.json_arrays import dump_array, dump_rows
from serving.wire.json_tensors import b64_bytes, is_b64
from serving.wire.json_text import quoted, type_name
from serving.wire.messages import ClassificationRequest, RegressionRequest
from serving.wire.rest import signature_name

CONTEXT = "context"
EXAMPLES = "examples"

_MAX_INT64 = 2**63 - 1
_INTEGERS = range(-(2**63), 2**64)  # beyond them a JSON number is a float
_KIND_NAMES = {"int64_list": "int64", "float_list": "float", "bytes_list": "bytes"}


def classification_request(document: Mapping[str, Any], model_spec: Any) -> Any:
    """Returns a ClassificationRequest of what a request's JSON holds.

    Raises:
        ServingError: INVALID_ARGUMENT.
    """
    return _filled(ClassificationRequest(), document, model_spec)


def regression_request(document: Mapping[str, Any], model_spec: Any) -> Any:
    """Returns a RegressionRequest of what a request's JSON holds.

    Raises:
        ServingError: INVALID_ARGUMENT.
    """
    return _filled(RegressionRequest(), document, model_spec)


def classification_response(response: Any) -> bytes:
    """Returns the results of a ClassificationResponse: for each example pairs of label and score.

    Raises:
        ServingError: There is no result; INVALID_ARGUMENT.
    """
    results = response.result.classifications
    if not results:
        raise invalid("Cannot convert empty ClassificationResults to JSON")
    return b'{"results": [' + b",".join(map(_classes, results)) + b"]}"


def regression_response(response: Any) -> bytes:
    """Returns the results of a RegressionResponse: for each example a float.

    Raises:
        ServingError: There is no result; INVALID_ARGUMENT.
    """
    results = response.result.regressions
    if not results:
        raise invalid("Cannot convert empty RegressionResults to JSON")
    values = np.array([result.value for result in results], np.float32)
    return b'{"results": ' + dump_array(values) + b"}"


def _filled(request: Any, document: Mapping[str, Any], model_spec: Any) -> Any:
    request.model_spec.CopyFrom(model_spec)
    request.model_spec.signature_name = signature_name(document)
    if CONTEXT in document:
        examples = request.input.example_list_with_context
        examples.context.SetInParent()
        _fill_example(examples.context, document[CONTEXT])
    else:
        examples = request.input.example_list
    for value in _example_values(document):
        _fill_example(examples.examples.add(), value)
    return request


def _example_values(document: Mapping[str, Any]) -> list[Any]:
    if EXAMPLES not in document:
        raise invalid(
            f"JSON Value: {quoted(document)} When method is classify, key '{EXAMPLES}' is expected "
            "and was not found"
        )
    values = document[EXAMPLES]
    if not isinstance(values, list):
        raise invalid(
            f"JSON Value: {quoted(document)} Expecting '{EXAMPLES}' value to be an list/array"
        )
    if not values:
        raise invalid(f"JSON Value: {quoted(document)} '{EXAMPLES}' value is an empty array")
    return values


def _fill_example(example: Any, value: Any) -> None:
    if not isinstance(value, dict):
        raise invalid(f"Example must be JSON object but got JSON {type_name(value)}")
    features = example.features.feature
    for name, content in value.items():
        _fill_feature(features[name], name, content if isinstance(content, list) else [content])


def _fill_feature(feature: Any, name: str, values: list[Any]) -> None:
    kind = None
    checked = []
    for found, value in _kinds(name, values):
        kind = kind or found
        if found != kind:
            raise invalid(
                f"Unexpected element type in feature: {name} expecting type: {_KIND_NAMES[kind]}"
            )
        checked.append(value)
    if kind:
        getattr(feature, kind).value.extend(checked)


def _kinds(name: str, values: list[Any]) -> Iterator[tuple[str, Any]]:
    """Yields for each value the list of a Feature that holds it, and what to put there."""
    for value in values:
        if isinstance(value, bool):
            yield "int64_list", int(value)
        elif isinstance(value, str):
            yield "bytes_list", value.encode()
        elif isinstance(value, int) and value in _INTEGERS:
            yield "int64_list", _int64(name, value)
        elif isinstance(value, int | float):
            yield "float_list", _float32(value)
        elif is_b64(value):
            yield "bytes_list", b64_bytes(value)
        else:
            raise _unexpected(name, value)


def _int64(name: str, value: int) -> int:
    if value > _MAX_INT64:
        raise invalid(f"Feature: {name} has uint64_t element. Only int64_t is supported.")
    return value


def _float32(value: float) -> float:
    """Makes infinite what float32 cannot hold, as a cast in C does."""
    with np.errstate(over="ignore"):
        return float(np.float32(value))


def _unexpected(name: str, value: Any) -> ServingError:
    return invalid(f"Feature: {name} has element with unexpected JSON type: {type_name(value)}")


def _classes(result: Any) -> bytes:
    scores = dump_rows(np.array([item.score for item in result.classes], np.float32))
    pairs = [
        b"[" + orjson.dumps(item.label) + b"," + score + b"]"
        for item, score in zip(result.classes, scores, strict=True)
    ]
    return b"[" + b",".join(pairs) + b"]"
