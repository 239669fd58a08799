import numpy as np
import pytest
from scipy import stats

from components.skew_validator.distances import psi


def test_it_is_the_sum_of_both_relative_entropies() -> None:
    rng = np.random.default_rng(11)
    p, q = rng.integers(1, 50, (2, 10))
    p_share, q_share = p / p.sum(), q / q.sum()
    expected = stats.entropy(p_share, q_share) + stats.entropy(q_share, p_share)
    assert psi(p, q) == pytest.approx(expected)


def test_by_hand() -> None:
    expected = (0.5 - 0.25) * np.log(2) + (0.5 - 0.75) * np.log(0.5 / 0.75)
    assert psi(np.array([10, 10]), np.array([1, 3])) == pytest.approx(expected)


def test_an_empty_bin_counts_as_half_a_row() -> None:
    # Shares 0.9 and 0.1; 1 and, of four rows, 0.5 / 4.
    expected = (0.9 - 1) * np.log(0.9 / 1) + (0.1 - 0.125) * np.log(0.1 / 0.125)
    assert psi(np.array([9, 1]), np.array([4, 0])) == pytest.approx(expected)
