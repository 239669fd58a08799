"""TensorProto to NumPy and back, with TensorFlow as the reference."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from serving.wire import tensors
from serving.wire.errors import ServingError, StatusCode
from serving.wire.messages import TensorProto

NUMERIC = [
    np.float32, np.float64, np.float16, np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16,
    np.uint32, np.uint64, np.bool_, np.complex64, np.complex128, tf.bfloat16.as_numpy_dtype,
]  # fmt: skip
SOME = [[0, 1, 2], [3, 4, 5]]


def same(left, right):
    assert left.dtype == right.dtype
    assert left.shape == right.shape
    assert left.tobytes() == right.tobytes()


@pytest.mark.parametrize("dtype", NUMERIC)
@pytest.mark.parametrize("as_content", [False, True])
def test_tensorflow_reads_what_we_write(dtype, as_content):
    array = np.array(SOME).astype(dtype)
    ours = tensors.to_proto(array, as_content=as_content)
    theirs = tf.io.parse_tensor(ours.SerializeToString(), tf.as_dtype(dtype)).numpy()
    same(theirs, array)


@pytest.mark.parametrize("dtype", NUMERIC)
def test_we_read_what_tensorflow_writes(dtype):
    array = np.array(SOME).astype(dtype)
    written = tf.make_tensor_proto(array).SerializeToString()
    same(tensors.to_array(TensorProto.FromString(written)), array)


@pytest.mark.parametrize("dtype", NUMERIC)
def test_values_in_lists_come_back(dtype):
    array = np.array(SOME).astype(dtype)
    same(tensors.to_array(tensors.to_proto(array)), array)


def test_texts_go_both_ways():
    texts = np.array([b"a", "b\u00e9".encode(), b"\xff\x00"], object)
    ours = tensors.to_proto(texts)
    read = tf.io.parse_tensor(ours.SerializeToString(), tf.string).numpy()
    assert read.tolist() == texts.tolist()
    theirs = tf.io.serialize_tensor(tf.constant(texts)).numpy()
    assert tensors.to_array(TensorProto.FromString(theirs)).tolist() == texts.tolist()
    assert tensors.to_array(tensors.to_proto(np.array(["x", "y"]))).tolist() == [b"x", b"y"]


def test_texts_are_read_from_tensor_content():
    proto = TensorProto(dtype=tensors.DT_STRING, tensor_content=b"\x01\x00\x02" + b"a" + b"bc")
    proto.tensor_shape.dim.add().size = 3
    assert tensors.to_array(proto).tolist() == [b"a", b"", b"bc"]


@pytest.mark.parametrize(
    ("values", "expected"), [([], [0, 0, 0]), ([7], [7, 7, 7]), ([1, 2], [1, 2, 2])]
)
def test_a_short_list_is_filled_with_its_last_value(values, expected):
    proto = TensorProto(dtype=tensors.DT_INT64, int64_val=values)
    proto.tensor_shape.dim.add().size = 3
    assert tensors.to_array(proto).tolist() == expected
    same(tf.io.parse_tensor(proto.SerializeToString(), tf.int64).numpy(), tensors.to_array(proto))


def shaped(sizes, **fields):
    proto = TensorProto(**fields)
    for size in sizes:
        proto.tensor_shape.dim.add().size = size
    return proto


@pytest.mark.parametrize(
    "proto",
    [
        shaped([2], dtype=tensors.DT_FLOAT, float_val=[1, 2, 3]),
        shaped([-1], dtype=tensors.DT_FLOAT, float_val=[1]),
        shaped([2], dtype=tensors.DT_FLOAT, tensor_content=b"1234"),
        shaped([2**40], dtype=tensors.DT_FLOAT),
        shaped([2**20, 2**20], dtype=tensors.DT_STRING, string_val=[b"a"]),
        shaped([1], dtype=tensors.DT_COMPLEX64, scomplex_val=[1]),
        shaped([1], dtype=20),
        shaped([1], dtype=0),
        shaped([1], dtype=77),
        shaped([2], dtype=tensors.DT_STRING, tensor_content=b"\x05\x05a"),
        shaped([1], dtype=tensors.DT_STRING, tensor_content=b"\xff\xff\xff\xff\xff\xff"),
        TensorProto(dtype=tensors.DT_FLOAT, tensor_shape={"unknown_rank": True}),
    ],
)
def test_what_does_not_fit_is_refused(proto):
    with pytest.raises(ServingError) as raised:
        tensors.to_array(proto)
    assert raised.value.code == StatusCode.INVALID_ARGUMENT


def test_a_type_that_tensorflow_lacks_is_refused():
    with pytest.raises(ServingError, match="datetime64"):
        tensors.to_proto(np.array(["2013-01-01"], "datetime64[D]"))


@settings(deadline=None)
@given(
    st.sampled_from(NUMERIC[:-1]).flatmap(
        lambda dtype: arrays.arrays(dtype, arrays.array_shapes(min_dims=0, min_side=0))
    ),
    st.booleans(),
)
def test_any_array_comes_back_as_it_was(array, as_content):
    same(tensors.to_array(tensors.to_proto(array, as_content=as_content)), array)


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=60))
def test_any_bytes_give_an_array_or_the_error_for_callers(data):
    proto = TensorProto()
    try:
        proto.ParseFromString(data)
    except Exception:  # noqa: BLE001 - not a message; protobuf's own affair
        return
    refused = None
    try:
        assert isinstance(tensors.to_array(proto), np.ndarray)
    except ServingError as error:
        refused = error.code
    assert refused in {None, StatusCode.INVALID_ARGUMENT}


@pytest.mark.parametrize("dims", [[1] * 33, [1] * 1_000, [2**40, 2**40, 0], [2**62, 0]])
def test_shapes_that_numpy_cannot_have_are_refused(dims):
    proto = TensorProto(dtype=tensors.DT_FLOAT)
    for size in dims:
        proto.tensor_shape.dim.add(size=size)
    if 0 not in dims:
        proto.float_val.append(1)
    with pytest.raises(ServingError, match="too large"):
        tensors.to_array(proto)
