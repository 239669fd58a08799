"""The key of a request, wherever it stands."""

from __future__ import annotations

import numpy as np
import pytest

from serving.data_plane import REST, CallContext
from serving.rollout.sticky_key import StickyKey
from serving.server.rollouts.keys import first_value, key_of
from serving.wire import tensors
from serving.wire.messages import (
    ClassificationRequest,
    Example,
    Feature,
    PredictRequest,
    TensorProto,
)


def example(**features):
    made = Example()
    for name, (kind, value) in features.items():
        getattr(made.features.feature[name], kind).value.append(value)
    return made


EXAMPLES = [
    example(user=("bytes_list", b"ann"), age=("int64_list", 41), fare=("float_list", 2.5)),
    example(user=("bytes_list", b"bob")),
]


def predict(**inputs):
    request = PredictRequest()
    for name, array in inputs.items():
        tensors.fill(request.inputs[name], np.array(array), as_content=array != [b""])
    return request


def classify(context=None, examples=EXAMPLES):
    request = ClassificationRequest()
    if context is None:
        request.input.example_list.examples.extend(examples)
    else:
        request.input.example_list_with_context.examples.extend(examples)
        request.input.example_list_with_context.context.CopyFrom(context)
    return request


def over_rest(**inputs):
    return CallContext("r-1", entrypoint=REST, inputs={k: np.array(v) for k, v in inputs.items()})


SERIALIZED = np.array([one.SerializeToString() for one in EXAMPLES], object)
GRPC = CallContext("r-1")


@pytest.mark.parametrize(
    ("name", "request_message", "context", "found"),
    [
        ("user", predict(user=np.array([b"ann", b"bob"], object).tolist()), GRPC, b"ann"),
        ("age", predict(age=[[7], [8]]), GRPC, 7),
        ("age", PredictRequest(), over_rest(age=[7.0, 8.0]), 7.0),
        ("user", PredictRequest(), over_rest(user=np.array([b"ann"], object)), b"ann"),
        ("user", PredictRequest(), over_rest(examples=SERIALIZED), b"ann"),
        ("age", classify(), GRPC, 41),
        ("fare", classify(), GRPC, 2.5),
        ("user", classify(), GRPC, b"ann"),
        ("town", classify(context=example(town=("bytes_list", b"here"))), GRPC, b"here"),
        ("user", classify(context=example(user=("bytes_list", b"all"))), GRPC, b"ann"),
    ],
)
def test_a_field_is_that_of_the_first_row(name, request_message, context, found):
    value = first_value(name, request_message, context)
    assert (value, type(value)) == (found, type(found))


def test_a_field_of_serialized_examples_is_found():
    request = PredictRequest()
    tensors.fill(request.inputs["examples"], SERIALIZED)
    assert first_value("user", request, GRPC) == b"ann"


@pytest.mark.parametrize(
    ("request_message", "context"),
    [
        (PredictRequest(), GRPC),
        (predict(other=[1.0]), GRPC),
        (PredictRequest(), over_rest(user=[])),
        (PredictRequest(), over_rest(text=np.array([b"\xffno example"], object))),
        (PredictRequest(inputs={"text": TensorProto(dtype=tensors.DT_STRING)}), GRPC),
        (PredictRequest(inputs={"user": TensorProto(dtype=99)}), GRPC),
        (ClassificationRequest(), GRPC),
        (classify(examples=[]), GRPC),
        (classify(examples=[Example()]), GRPC),
        (classify(examples=[Example(features={"feature": {"user": Feature()}})]), GRPC),
    ],
)
def test_what_cannot_be_read_is_no_field_and_the_request_id_deals(request_message, context):
    assert first_value("user", request_message, context) is None
    key = StickyKey.parse("field:user")
    assert key_of(key, request_message, context) == b"r-1"


@pytest.mark.parametrize(
    ("headers", "key"),
    [
        ({"x-user": "ann"}, b"ann"),
        ({b"x-user": b"ann"}, b"ann"),
        ({"x-user-bin": b"\xff"}, b"r-1"),
        ({"x-user": ""}, b"r-1"),
        ({}, b"r-1"),
        (None, b"r-1"),
    ],
)
@pytest.mark.parametrize("kind", ["header", "metadata"])
def test_headers_and_metadata_are_one(kind, headers, key):
    context = CallContext("r-1", headers=headers)
    assert key_of(StickyKey.parse(f"{kind}:X-User"), PredictRequest(), context) == key


def test_a_number_is_the_same_key_over_both_transports():
    key = StickyKey.parse("field:age")
    keys = {
        key_of(key, predict(age=[7]), GRPC),
        key_of(key, PredictRequest(), over_rest(age=[7.0])),
        key_of(key, classify(examples=[example(age=("float_list", 7.0))]), GRPC),
    }
    assert keys == {b"7"}
