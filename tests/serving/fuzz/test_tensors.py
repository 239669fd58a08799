"""Hostile tensors: shapes, types and contents that do not fit each other, or any model."""

import grpc
import pytest
import serving_requests as ask
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tensorflow.core.framework import tensor_pb2, types_pb2

REFUSALS = {
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.OUT_OF_RANGE,
    grpc.StatusCode.UNIMPLEMENTED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
}
INT64_MAX = 2**63 - 1
FLOAT, STRING, INT64 = types_pb2.DT_FLOAT, types_pb2.DT_STRING, types_pb2.DT_INT64


def tensor(dtype=FLOAT, shape=(), unknown_rank=False, **fields):
    proto = tensor_pb2.TensorProto(dtype=dtype, **fields)
    proto.tensor_shape.unknown_rank = unknown_rank
    for size in shape:
        proto.tensor_shape.dim.add(size=size)
    return proto


def code_of(server, request):
    try:
        server.prediction.Predict(request, timeout=30)
    except grpc.RpcError as error:
        return error.code()
    return grpc.StatusCode.OK


HOSTILE = {
    "no shape and two values": tensor(float_val=[1, 2]),
    "a negative size": tensor(shape=[-1], float_val=[1]),
    "an unknown rank": tensor(unknown_rank=True, float_val=[1]),
    "more values than the shape": tensor(shape=[1], float_val=[1, 2]),
    "a huge size": tensor(shape=[INT64_MAX], float_val=[1]),
    "a size whose bytes overflow": tensor(shape=[2**62], float_val=[1]),
    "sizes whose product overflows": tensor(shape=[2**32, 2**32], float_val=[1]),
    "a product of 0 that overflows before": tensor(shape=[2**62, 2**62, 0]),
    "tera values of one": tensor(shape=[2**40], float_val=[1]),
    "tera values of none": tensor(shape=[2**40]),
    "huge with content": tensor(shape=[2**40], tensor_content=b"\0\0\0\0"),
    "content too short": tensor(shape=[2], tensor_content=b"\0\0\0\0"),
    "content too long": tensor(shape=[1], tensor_content=b"\0" * 8),
    "content of half a value": tensor(shape=[1], tensor_content=b"\0\0"),
    "rank 300": tensor(shape=[1] * 300, float_val=[1]),
    "another type": tensor(INT64, [1], int64_val=[1]),
    "values of another type": tensor(FLOAT, [2], int64_val=[1, 2, 3]),
    "no type": tensor(0, [1], float_val=[1]),
    "a type that does not travel": tensor(types_pb2.DT_RESOURCE, [1]),
    "a variant": tensor(types_pb2.DT_VARIANT, [1]),
    "a reference type": tensor(types_pb2.DT_FLOAT_REF, [1], float_val=[1]),
    "a quantized type": tensor(types_pb2.DT_QINT8, [1], int_val=[1]),
    "a type from the future": tensor(99, [1], float_val=[1]),
    "texts": tensor(STRING, [1], string_val=[b"a"]),
}
HOSTILE_TEXTS = {
    "content that ends in a length": tensor(STRING, [1], tensor_content=b"\xff"),
    "content with a length that is too long": tensor(STRING, [1], tensor_content=b"\x7fa"),
    "content of a huge length": tensor(STRING, [1], tensor_content=b"\xff" * 9 + b"\x01"),
    "content of many": tensor(STRING, [2**40], tensor_content=b"\x00" * 100),
    "many of one": tensor(STRING, [2**40], string_val=[b"a"]),
    "a matrix": tensor(STRING, [-5, -5], string_val=[b"a"] * 25),
}
# These are read as TensorFlow reads them, so the model decides.
FITTING = {"values of another type", "a product of 0 that overflows before"}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_numbers(server, case):
    code = code_of(server, ask.predict(ask.spec("half"), x=HOSTILE[case]))
    assert code in REFUSALS | ({grpc.StatusCode.OK} if case in FITTING else set())


@pytest.mark.parametrize("case", HOSTILE_TEXTS)
def test_hostile_texts(server, case):
    code = code_of(server, ask.predict(ask.spec("text"), text=HOSTILE_TEXTS[case]))
    assert code is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize(
    "x",
    [
        tensor(shape=[2, 3], float_val=[1]),
        tensor(shape=[2], float_val=[1]),
        tensor(shape=[], float_val=[1]),
        tensor(shape=[1, 1, 2], float_val=[1]),
    ],
)
def test_what_the_graph_cannot_compute_is_an_invalid_argument(server, x):
    code = code_of(server, ask.predict(ask.spec("matrix"), x=x))
    assert code is grpc.StatusCode.INVALID_ARGUMENT


def test_rows_that_differ_between_inputs_are_an_invalid_argument(server):
    request = ask.predict(ask.spec("pair"), a=[1.0, 2.0], b=[1.0, 2.0, 3.0])
    assert code_of(server, request) is grpc.StatusCode.INVALID_ARGUMENT


SIZES = st.one_of(st.integers(0, 4), st.sampled_from([-1, 2**16, 2**31, 2**40, 2**62, INT64_MAX]))
TYPES = st.one_of(st.sampled_from([FLOAT, STRING, INT64]), st.integers(0, 130))
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "float_val": st.lists(st.floats(width=32), max_size=5),
        "int64_val": st.lists(st.integers(-(2**63), INT64_MAX), max_size=5),
        "int_val": st.lists(st.integers(-(2**31), 2**31 - 1), max_size=5),
        "string_val": st.lists(st.binary(max_size=5), max_size=5),
        "half_val": st.lists(st.integers(-(2**31), 2**31 - 1), max_size=5),
        "bool_val": st.lists(st.booleans(), max_size=5),
        "scomplex_val": st.lists(st.floats(width=32), max_size=5),
        "tensor_content": st.binary(max_size=32),
    },
)
TENSORS = st.builds(
    lambda dtype, shape, fields: tensor(dtype, shape, **fields),
    TYPES,
    st.lists(SIZES, max_size=4),
    FIELDS,
)
SPECS = [
    (ask.spec("half"), "x"),
    (ask.spec("text"), "text"),
    (ask.spec("matrix"), "x"),
    *((ask.spec("types", signature=name), "x") for name in ("int64", "float16", "bool", "uint8")),
]


@settings(settings.get_profile("fuzz"))
@given(st.sampled_from(SPECS), TENSORS)
@example(SPECS[0], tensor(shape=[4, 0], float_val=[]))
def test_any_tensor(server, target, given_tensor):
    spec, name = target
    code = code_of(server, ask.predict(spec, **{name: given_tensor}))
    assert code in REFUSALS | {grpc.StatusCode.OK}
