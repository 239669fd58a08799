"""Builds the record of one answered request: TensorFlow Serving's `PredictionLog`.

It is put together from bytes that are there already, since this happens for each request in the
event loop. A message's bytes are those of its fields, one after another, and a field that is a
message is written as its tag, its length and its bytes:

    log_metadata   model_spec, sampling_config, timestamp_secs, request_id, rollout_id, rollout_arm
    predict_log    request, response             or classify_log and so on, see `LOG_FIELDS`

The last three of the metadata are ours: by `request_id` a later label finds the prediction, and the
other two tell which arm of which rollout answered. TensorFlow Serving's readers pass over them.
Which requests are logged, and where, is for others.

Source: https://protobuf.dev/programming-guides/encoding
"""

from __future__ import annotations

import functools
from typing import Any

from serving.wire import messages

# Methods of the data plane, and the field of the record that holds them.
LOG_FIELDS = {
    "predict": "predict_log",
    "classify": "classify_log",
    "regress": "regress_log",
    "multi_inference": "multi_inference_log",
}

_INT64_MASK = (1 << 64) - 1
_VARINT, _LENGTH_DELIMITED = 0, 2  # wire types


@functools.lru_cache(maxsize=4096)  # lengths recur, and a second lasts for many requests
def varint(value: int) -> bytes:
    """Returns an integer of 64 bits as protobuf writes it: seven bits in a byte, lowest first."""
    rest = value & _INT64_MASK
    digits = bytearray()
    while rest > 0x7F:
        digits.append(rest & 0x7F | 0x80)
        rest >>= 7
    digits.append(rest)
    return bytes(digits)


def _tag(descriptor: Any, field: str, wire_type: int = _LENGTH_DELIMITED) -> bytes:
    return varint(descriptor.fields_by_name[field].number << 3 | wire_type)


_RECORD = messages.PredictionLog.DESCRIPTOR
_METADATA = messages.LogMetadata.DESCRIPTOR
_METADATA_TAG = _tag(_RECORD, "log_metadata")
_SPEC_TAG = _tag(_METADATA, "model_spec")
_TIMESTAMP_TAG = _tag(_METADATA, "timestamp_secs", _VARINT)
_REQUEST_ID_TAG = _tag(_METADATA, "request_id")
_ROLLOUT_ID_TAG = _tag(_METADATA, "rollout_id")
_ROLLOUT_ARM_TAG = _tag(_METADATA, "rollout_arm")


def _log_tags(field: str) -> tuple[bytes, bytes, bytes]:
    content = _RECORD.fields_by_name[field].message_type
    return _tag(_RECORD, field), _tag(content, "request"), _tag(content, "response")


_LOG_TAGS = {method: _log_tags(field) for method, field in LOG_FIELDS.items()}


# The record of a small call is one piece of memory: cheaper to keep and to write than its parts.
_JOINED_BYTES = 16 << 10


def record_parts(  # noqa: PLR0913 (all but the first three by name)
    method: str,
    request: bytes,
    response: bytes,
    *,
    model_spec: bytes,
    request_id: str,
    now: float,
    sampling_rate: float,
    rollout: tuple[str, str] = ("", ""),
) -> tuple[bytes, ...]:
    """Returns the record of a request and its answer, in parts that follow one another.

    Large messages are parts themselves, and not copied.

    Args:
        method: A key of `LOG_FIELDS`.
        request: The bytes of the request's message.
        response: The bytes of the response's message.
        model_spec: The bytes of the ModelSpec of what answered, with the version that the caller
            may not have named.
        request_id: Joins the record with the answer and a later label.
        now: When it was answered, in seconds since 1970; the record holds whole seconds.
        sampling_rate: Of the log, so that readers can weigh the records.
        rollout: Its id and the arm that answered; both empty where it is part of none.

    Raises:
        KeyError: No such method.
        UnicodeEncodeError: The id is no text that can be written.
    """
    tag, request_tag, response_tag = _LOG_TAGS[method]
    name = request_id.encode()
    metadata = _metadata(model_spec, sampling_rate, int(now)) + varint(len(name)) + name
    if rollout[0]:
        metadata += _rollout(*rollout)
    before_request = request_tag + varint(len(request))
    before_response = response_tag + varint(len(response))
    size = len(before_request) + len(request) + len(before_response) + len(response)
    head = (_METADATA_TAG, varint(len(metadata)), metadata, tag, varint(size), before_request)
    if size <= _JOINED_BYTES:
        return (b"".join((*head, request, before_response, response)),)
    return b"".join(head), request, before_response, response


@functools.lru_cache(maxsize=256)  # the same for many requests of a second
def _metadata(model_spec: bytes, sampling_rate: float, seconds: int) -> bytes:
    """Returns the LogMetadata as far as the length of the request's id."""
    sampling = messages.LogMetadata(sampling_config={"sampling_rate": sampling_rate})
    spec = _SPEC_TAG + varint(len(model_spec)) + model_spec
    time = _TIMESTAMP_TAG + varint(seconds)
    return b"".join((spec, sampling.SerializeToString(), time, _REQUEST_ID_TAG))


@functools.lru_cache(maxsize=16)
def _rollout(rollout_id: str, arm: str) -> bytes:
    """Returns the fields of the LogMetadata that tell of a rollout."""
    named, answered = rollout_id.encode(), arm.encode()
    return b"".join(
        (
            _ROLLOUT_ID_TAG, varint(len(named)), named,
            _ROLLOUT_ARM_TAG, varint(len(answered)), answered,
        )
    )  # fmt: skip
