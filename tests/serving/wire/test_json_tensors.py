"""JSON lists become arrays of the type asked for, or the error says which value does not fit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from rest_json import NUMBERS, refusal

from serving.wire import tensors
from serving.wire.json_tensors import SUPPORTED, dense, first_misfit, is_b64

INTEGERS = {
    tensors.DT_INT8: (-128, 127),
    tensors.DT_INT16: (-32768, 32767),
    tensors.DT_INT32: (-(2**31), 2**31 - 1),
    tensors.DT_INT64: (-(2**63), 2**63 - 1),
    tensors.DT_UINT8: (0, 255),
    tensors.DT_UINT32: (0, 2**32 - 1),
    tensors.DT_UINT64: (0, 2**64 - 1),
}
FLOATS = (tensors.DT_FLOAT, tensors.DT_DOUBLE)
LEFT_OUT = (
    tensors.DT_HALF,
    tensors.DT_BFLOAT16,
    tensors.DT_COMPLEX64,
    tensors.DT_COMPLEX128,
    tensors.DT_UINT16,
)


@pytest.mark.parametrize("number", INTEGERS)
def test_integers_fit_up_to_their_limits(number):
    low, high = INTEGERS[number]
    array = dense([low, high], number)
    assert array.dtype == tensors.DTYPES[number]
    assert array.tolist() == [low, high]
    for value in (low - 1, high + 1, float(high + 1)):
        code, message = refusal(dense, [value], number)
        assert code == "INVALID_ARGUMENT"
        assert f"is not of expected type: {tensors.dtype_name(number)}" in message


@pytest.mark.parametrize("number", FLOATS)
def test_integers_do_for_floats(number):
    array = dense([[1, 2.5], [-3, 2**63]], number)
    assert array.dtype == tensors.DTYPES[number]
    assert array.tolist() == [[1.0, 2.5], [-3.0, 2.0**63]]


def test_a_float_too_large_for_float32_is_infinite():
    assert dense([1e39, -1e39], tensors.DT_FLOAT).tolist() == [np.inf, -np.inf]


@pytest.mark.parametrize(
    ("value", "number", "kind"),
    [
        ("1", tensors.DT_FLOAT, 'JSON Value: "1" Type: String is not of expected type: float'),
        (True, tensors.DT_FLOAT, "JSON Value: true Type: True is not of expected type: float"),
        (None, tensors.DT_FLOAT, "JSON Value: null Type: Null is not of expected type: float"),
        ({}, tensors.DT_FLOAT, "JSON Value: {} Type: Object is not of expected type: float"),
        (1.0, tensors.DT_INT32, "JSON Value: 1.0 Type: Number is not of expected type: int32"),
        (True, tensors.DT_INT64, "JSON Value: true Type: True is not of expected type: int64"),
        (1, tensors.DT_BOOL, "JSON Value: 1 Type: Number is not of expected type: bool"),
        (1, tensors.DT_STRING, "JSON Value: 1 Type: Number is not of expected type: string"),
        (None, tensors.DT_STRING, "JSON Value: null Type: Null is not of expected type: string"),
    ],
)
@pytest.mark.parametrize("rank", [0, 1, 3])
def test_a_value_of_another_type_is_named(value, number, kind, rank):
    for _ in range(rank):
        value = [value]
    assert refusal(dense, value, number) == ("INVALID_ARGUMENT", kind)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([[1], [2, 3]], "Encountered list at unexpected size: 2 at level: 1 expected size: 1"),
        ([[], [1]], "Encountered list at unexpected size: 1 at level: 1 expected size: 0"),
        ([1, [1]], "Encountered list at unexpected level: 1 expected < 1"),
        (
            [[1], 2],
            "JSON Value: 2 found at incorrect level: 2 in the JSON DOM. Expected at level: 2",
        ),
    ],
)
def test_ragged_lists_are_refused(value, message):
    assert refusal(dense, value, tensors.DT_FLOAT) == ("INVALID_ARGUMENT", message)


@pytest.mark.parametrize("shape", [(0,), (2, 0), (3, 0), (2, 1, 0)])
def test_empty_lists_are_empty_tensors(shape):
    for number in SUPPORTED:
        array = dense(np.empty(shape).tolist(), number)
        assert array.shape == shape
        assert array.dtype == tensors.DTYPES[number]


def test_rank_is_limited():
    deepest = np.ones((1,) * tensors.MAX_RANK).tolist()
    assert dense(deepest, tensors.DT_FLOAT).shape == (1,) * tensors.MAX_RANK
    code, message = refusal(dense, [deepest], tensors.DT_FLOAT)
    assert code == "INVALID_ARGUMENT"
    assert "at most 32 dimensions" in message


@pytest.mark.parametrize("number", LEFT_OUT)
def test_types_that_json_cannot_carry_are_not_implemented(number):
    assert refusal(dense, [1.5], number) == (
        "UNIMPLEMENTED",
        f"Conversion of JSON Value: 1.5 to type: {tensors.dtype_name(number)}",
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", b""), ("YQ==", b"a"), ("YQ", b"a"), ("Y Q\n==", b"a"), ("/+8=", b"\xff\xef")],
)
def test_base64_is_decoded(text, expected):
    assert dense([{"b64": text}, "z"], tensors.DT_STRING).tolist() == [expected, b"z"]
    assert dense({"b64": text}, tensors.DT_STRING).tolist() == expected


@pytest.mark.parametrize("text", ["YQ=", "Y", "YQ==YQ==", "_-8=", "\u00e4", "Y!Q="])
def test_broken_base64_is_refused(text):
    assert refusal(dense, {"b64": text}, tensors.DT_STRING)[1] == "Unable to base64 decode"


@pytest.mark.parametrize("value", [{"b64": 5}, {"b64": "YQ==", "x": 1}, {"B64": "YQ=="}, {}])
def test_other_objects_are_no_base64(value):
    assert not is_b64(value)
    message = refusal(dense, [value], tensors.DT_STRING)[1]
    assert message.endswith(" not formatted correctly for base64 data")


def test_texts_become_utf8():
    assert dense(["\u00e4\U0001f600", "a\0b"], tensors.DT_STRING).tolist() == [
        b"\xc3\xa4\xf0\x9f\x98\x80",
        b"a\x00b",
    ]


@given(
    hnp.arrays(
        st.sampled_from(NUMBERS),
        hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=3),
    )
)
def test_lists_become_the_arrays_they_came_from(array):
    if 0 in array.shape:  # a list cannot say what comes after an empty dimension
        array = array.reshape(array.shape[: array.shape.index(0) + 1])
    read = dense(array.tolist(), tensors.number_of(array.dtype))
    assert read.dtype == array.dtype
    np.testing.assert_array_equal(read, array)


@given(st.integers(1, 40), st.data())
@settings(max_examples=200)
def test_the_first_misfit_is_found(count, data):
    bad = data.draw(st.sets(st.integers(0, count - 1)))
    values = [["x"] if i in bad else [1.0] for i in range(count)]
    assert first_misfit(values, tensors.DT_FLOAT) == min(bad, default=None)
