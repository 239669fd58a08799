import numpy as np
import pytest

from components.skew_validator.distances import normalized_abs_difference


def test_by_hand() -> None:
    # |5 - 2|, |3 - 10|, |2 - 8| of 30 values.
    found = normalized_abs_difference(np.array([5, 3, 2]), np.array([2, 10, 8]))
    assert found == pytest.approx(7 / 30)


def test_it_grows_with_the_difference_of_sizes_alone() -> None:
    found = normalized_abs_difference(np.array([900, 100]), np.array([90, 10]))
    assert found == pytest.approx(810 / 1100)
