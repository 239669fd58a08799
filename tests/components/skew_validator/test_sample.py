import numpy as np
import pytest

from components.skew_validator.sample import CategoricalSample, NumericSample


def test_nan_infinities_and_missing_rows_are_counted_apart() -> None:
    numbers = np.array([3.0, np.nan, -np.inf, 1.0, np.inf, np.nan, np.inf, np.inf])
    sample = NumericSample.of(numbers, missing=5)
    assert sample.values.tolist() == [1.0, 3.0]
    assert (sample.nan, sample.minus_infinity, sample.plus_infinity, sample.missing) == (2, 1, 3, 5)
    assert sample.presence.tolist() == [2, 2, 1, 3, 5]
    assert (sample.present, sample.rows) == (8, 13)


@pytest.mark.parametrize("dtype", [np.int64, np.uint8, np.bool_, np.float32])
def test_numbers_of_any_real_type_are_taken(dtype) -> None:
    assert NumericSample.of(np.array([[1, 0], [1, 1]], dtype)).values.tolist() == [0, 1, 1, 1]


def test_other_types_and_negative_counts_are_refused() -> None:
    with pytest.raises(ValueError, match="Expected real numbers"):
        NumericSample.of(np.array(["1"]))
    with pytest.raises(ValueError, match="missing: expected 0 or more"):
        NumericSample.of(np.array([1]), missing=-1)
    with pytest.raises(ValueError, match="received a negative one"):
        CategoricalSample(counts={"a": -1})


def test_categories_count_values_and_missing_rows() -> None:
    sample = CategoricalSample(counts={"a": 3, "b": 4}, missing=2)
    assert (sample.present, sample.rows) == (7, 9)
    assert sample.presence.tolist() == [7, 2]
