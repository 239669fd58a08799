"""Which values become which types, and which do not."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from serving.client import InvalidRequest
from serving.client.casting import as_array, cast
from serving.wire import tensors as t


def casted(value: Any, number: int) -> np.ndarray:
    return cast(as_array(value, "x"), number, "x")


@pytest.mark.parametrize(
    ("value", "number", "expected"),
    [
        ([1, 2], t.DT_FLOAT, np.array([1, 2], np.float32)),
        ([0.1], t.DT_FLOAT, np.array([0.1], np.float32)),
        (np.array([0.1, 1e300]), t.DT_DOUBLE, np.array([0.1, 1e300])),
        ([math.nan, math.inf], t.DT_FLOAT, np.array([math.nan, math.inf], np.float32)),
        ([1.0, -3.0], t.DT_INT64, np.array([1, -3])),
        (np.array([255], np.uint8), t.DT_FLOAT, np.array([255], np.float32)),
        (np.array([127], np.int8), t.DT_HALF, np.array([127], np.float16)),
        ([7], t.DT_INT32, np.array([7], np.int32)),
        ([2**63], t.DT_UINT64, np.array([2**63], np.uint64)),
        ([2**24], t.DT_FLOAT, np.array([2**24], np.float32)),
        ([True, False], t.DT_INT64, np.array([1, 0])),
        ([1, 0], t.DT_BOOL, np.array([True, False])),
        ([True], t.DT_FLOAT, np.array([1], np.float32)),
        (np.array([1, 2], ">f4"), t.DT_FLOAT, np.array([1, 2], np.float32)),
        ([1.5], t.DT_COMPLEX64, np.array([1.5], np.complex64)),
        (3, t.DT_FLOAT, np.array(3, np.float32)),
        ([], t.DT_INT32, np.array([], np.int32)),
        ([[1, 2], [3, 4]], t.DT_DOUBLE, np.array([[1.0, 2.0], [3.0, 4.0]])),
    ],
)
def test_values_that_stay_the_same_are_cast(value: Any, number: int, expected: np.ndarray) -> None:
    found = casted(value, number)
    assert found.dtype == expected.dtype
    assert found.shape == expected.shape
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("value", "number", "shown"),
    [
        ([1.0, 1.5], t.DT_INT64, "1.5"),
        ([math.nan], t.DT_INT64, "nan"),
        ([1e300], t.DT_FLOAT, "1e+300"),
        ([2**24 + 1], t.DT_FLOAT, "16777217"),
        ([2**63 - 1], t.DT_DOUBLE, "9223372036854775807"),
        (np.array([2**31 - 1], np.int32), t.DT_FLOAT, "2147483647"),
        ([2.0**63], t.DT_INT64, "9.223372036854775808e+18|9.223372036854776e\\+18"),
        ([-1], t.DT_UINT64, "-1"),
        ([2**63], t.DT_INT64, "9223372036854775808"),
        ([300], t.DT_UINT8, "300"),
        ([2], t.DT_BOOL, "2"),
        ([-0.5], t.DT_INT32, "-0.5"),
        ([1j], t.DT_FLOAT, "1j"),
        (["1"], t.DT_FLOAT, "'1'"),
        ([1], t.DT_STRING, "1"),
    ],
)
def test_values_that_would_change_are_refused_and_shown(
    value: Any, number: int, shown: str
) -> None:
    with pytest.raises(InvalidRequest, match=shown.replace("1e+300", r"1e\+300")):
        casted(value, number)


@pytest.mark.parametrize(
    "value",
    [
        [b"a\x00", b"b"],
        ["ä", "b"],
        np.array(["ä", "b"]),
        np.array(["ä", b"b"], object),
        [["a"], ["b"]],
    ],
)
def test_texts_stay_as_they_are_trailing_zero_bytes_included(value: Any) -> None:
    found = casted(value, t.DT_STRING)
    assert found.dtype == object
    assert found.tolist() == (value.tolist() if isinstance(value, np.ndarray) else value)


@pytest.mark.parametrize(
    "value", [[[1], [1, 2]], ["a", 1], ["a", None], [None], [{}], [["a"], ["b", "c"]], object()]
)
def test_what_is_no_array_of_numbers_or_texts_is_refused(value: Any) -> None:
    with pytest.raises(InvalidRequest, match="Input 'x'"):
        as_array(value, "x")


def test_integers_beyond_64_bits_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="Input 'x'"):
        as_array([2**64], "x")


def test_arrays_of_another_byte_order_are_turned_around_without_a_cast() -> None:
    found = as_array(np.array([1, 2], ">i8"), "x")
    assert found.dtype.isnative
    assert found.tolist() == [1, 2]


def test_bfloat16_inputs_take_floats() -> None:
    ml_dtypes = pytest.importorskip("ml_dtypes")
    found = casted([1.5, 2], t.DT_BFLOAT16)
    assert found.dtype == ml_dtypes.bfloat16
    with pytest.raises(InvalidRequest, match="257"):
        casted([257], t.DT_BFLOAT16)  # eight bits of fraction hold 256 and 258
    np.testing.assert_array_equal(casted(found, t.DT_FLOAT), np.array([1.5, 2], np.float32))
