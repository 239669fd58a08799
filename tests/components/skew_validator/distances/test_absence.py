import numpy as np
import pytest

from components.skew_validator.distances import absence


def test_by_hand() -> None:
    # Finite, NaN, -inf, inf, missing: 90, 10 and 85, 5, 10 percent.
    found = absence(np.array([90, 10, 0, 0, 0]), np.array([17, 1, 0, 0, 2]))
    assert found == pytest.approx(0.10)


def test_with_two_bins_it_is_the_change_of_a_share() -> None:
    assert absence(np.array([95, 5]), np.array([45, 5])) == pytest.approx(0.05)
