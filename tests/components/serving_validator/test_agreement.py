import ml_dtypes
import numpy as np
import pytest

from components.serving_validator.agreement import compare, relative_difference


def array(*values: float, dtype: str = "float32") -> np.ndarray:
    return np.array(values, dtype)


def texts(*values: bytes) -> np.ndarray:
    made = np.empty(len(values), object)
    made[:] = values
    return made


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        (1.0, 1.0, 0.0),
        (0.0, 0.0, 0.0),
        (0.0, -0.0, 0.0),
        (2.0, 1.0, 0.5),
        (-1.0, 1.0, 2.0),
        (0.0, 1e-30, 1.0),
        (np.nan, np.nan, 0.0),
        (np.inf, np.inf, 0.0),
        (np.inf, -np.inf, np.inf),
        (np.inf, 1.0, np.inf),
        (np.nan, 1.0, np.inf),
    ],
)
def test_the_difference_is_relative_to_the_larger_one(left, right, expected) -> None:
    both = relative_difference(array(left, dtype="float64"), array(right, dtype="float64"))
    assert both.tolist() == [expected]
    assert relative_difference(array(right), array(left)).tolist() == pytest.approx([expected])


def test_numbers_may_differ_by_a_millionth() -> None:
    near = compare({"y": array(1.0, dtype="float64")}, {"y": array(1 + 9e-7, dtype="float64")})
    assert near.agrees
    assert near.largest == pytest.approx(9e-7, rel=1e-5)
    far = compare({"y": array(1.0, dtype="float64")}, {"y": array(1 + 2e-6, dtype="float64")})
    assert not far.agrees


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
def test_types_of_low_precision_may_differ_in_their_last_places(dtype) -> None:
    one = np.ones([2], dtype)
    step = 2.0**-10 if dtype is np.float16 else 2.0**-7
    assert compare({"y": one}, {"y": (one + 2 * step).astype(dtype)}).agrees
    assert not compare({"y": one}, {"y": (one + 8 * step).astype(dtype)}).agrees


def test_complex_numbers_are_compared_by_their_distance() -> None:
    expected, received = (np.array([3 + 4j], "complex64"), np.array([3 + 3j], "complex64"))
    assert compare({"y": expected}, {"y": received}).largest == pytest.approx(1 / 5)


def test_whole_numbers_and_texts_have_to_be_equal() -> None:
    assert compare({"n": np.array([1, 2])}, {"n": np.array([1, 2])}).agrees
    assert not compare({"n": np.array([10**9])}, {"n": np.array([10**9 + 1])}).agrees
    assert compare({"t": texts(b"a\0", b"")}, {"t": texts(b"a\0", b"")}).agrees
    found = compare({"t": texts(b"a", b"b")}, {"t": texts(b"a", b"c")})
    assert found.mismatch == "output 't', example 1: expected b'b', received b'c'"


def test_a_mismatch_names_the_place_and_both_values() -> None:
    expected = np.array([[1, 2], [3, 4]], "float32")
    found = compare({"y": expected}, {"y": np.array([[1, 2], [3, 5]], "float32")})
    assert found.largest == pytest.approx(0.2)
    assert found.mismatch == (
        "output 'y', example 1 at [1]: expected 4.0, received 5.0 "
        "(relative difference 0.2, allowed 1e-06)"
    )


@pytest.mark.parametrize(
    ("received", "mismatch"),
    [
        ({}, "expected the outputs ['y'], received []"),
        ({"z": array(1)}, "expected the outputs ['y'], received ['z']"),
        ({"y": array(1, 1)}, "output 'y': expected shape (1,), received (2,)"),
        ({"y": np.array([1])}, "output 'y': expected type float32, received int64"),
    ],
)
def test_names_shapes_and_types_have_to_be_equal(received, mismatch) -> None:
    found = compare({"y": array(1)}, received)
    assert not found.agrees
    assert found.mismatch == mismatch


def test_scalars_and_empty_arrays_can_be_compared() -> None:
    empty = np.zeros([0, 3], np.float32)
    assert compare({"y": empty}, {"y": empty}).agrees
    scalar = compare({"y": np.array(1.0)}, {"y": np.array(2.0)})
    assert scalar.mismatch.startswith("output 'y': expected 1.0, received 2.0")
