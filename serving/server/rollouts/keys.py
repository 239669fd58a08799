"""Finds the key of a request: in its metadata, in its first row, or its id.

A field is looked for among the inputs, and then in the first tf.Example, wherever a request carries
those. What is not there, or cannot be read, is no key; the request is then dealt by its id.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError

from serving.data_plane import CallContext
from serving.rollout.sticky_key import FieldValue, Kind, StickyKey
from serving.wire import tensors
from serving.wire.errors import ServingError
from serving.wire.messages import Example


def key_of(key: StickyKey, request: Any, context: CallContext) -> bytes:
    """Returns what decides a request's arm.

    Args:
        key: Where it stands.
        request: The message.
        context: With what came beside it.
    """
    found: Mapping[str, str] = {}
    if key.kind in {Kind.HEADER, Kind.METADATA}:
        value = context.header(key.name)
        found = {} if value is None else {key.name: value}
    return key.of(
        request_id=context.request_id,
        metadata=found,
        field=lambda name: first_value(name, request, context),
    )


def first_value(name: str, request: Any, context: CallContext) -> FieldValue | None:
    """Returns a field of a request's first row; None where it has none that can be read."""
    try:
        if hasattr(request, "input"):
            return _of_input(name, request.input)
        return _of_tensors(name, request, context)
    except (ServingError, DecodeError, IndexError, ValueError, TypeError):
        return None


def _of_tensors(name: str, request: Any, context: CallContext) -> FieldValue | None:
    arrays = context.inputs
    if arrays is not None and not request.inputs:
        if name in arrays:
            return _first(arrays[name])
        return _of_serialized(name, list(arrays.values()))
    if name in request.inputs:
        return _first(tensors.to_array(request.inputs[name]))
    texts = [each for each in request.inputs.values() if each.dtype == tensors.DT_STRING]
    # Of many examples only the first is read, which to_array would not spare us.
    return _of_example(name, texts[0].string_val[0]) if len(texts) == 1 else None


def _of_serialized(name: str, arrays: list[np.ndarray]) -> FieldValue | None:
    texts = [array for array in arrays if array.dtype == object]
    return _of_example(name, _first(texts[0])) if len(texts) == 1 else None


def _first(array: np.ndarray) -> FieldValue | None:
    if not array.size:
        return None
    value: FieldValue = array.reshape(-1)[:1].tolist()[0]
    return value


def _of_example(name: str, serialized: object) -> FieldValue | None:
    if not isinstance(serialized, bytes):
        return None
    return _of_feature(name, Example.FromString(serialized))


def _of_input(name: str, given: Any) -> FieldValue | None:
    kind = given.WhichOneof("kind")
    if kind is None:
        return None
    listed = getattr(given, kind)
    found = _of_feature(name, listed.examples[0]) if listed.examples else None
    if found is None and kind == "example_list_with_context":
        found = _of_feature(name, listed.context)
    return found


def _of_feature(name: str, example: Any) -> FieldValue | None:
    features = example.features.feature
    if name not in features:
        return None
    kind = features[name].WhichOneof("kind")
    values = getattr(features[name], kind).value if kind else ()
    value: FieldValue | None = values[0] if values else None
    return value
