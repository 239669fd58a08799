import numpy as np
import pytest
from scipy import stats

from components.skew_validator.distances import chi_square


def test_it_is_scipy_s_statistic() -> None:
    rng = np.random.default_rng(11)
    for _ in range(20):
        p, q = rng.integers(0, 50, (2, 9)) + np.eye(2, 9, dtype=int)
        used = (p + q) > 0
        table = np.array([p[used], q[used]])
        expected = stats.chi2_contingency(table, correction=False).statistic
        assert chi_square(p, q) == pytest.approx(expected)


def test_disjoint_samples_reach_the_number_of_values() -> None:
    assert chi_square(np.array([3, 4, 0]), np.array([0, 0, 5])) == pytest.approx(12)


def test_millions_of_rows_don_t_overflow() -> None:
    p = np.array([10**9, 2 * 10**9])
    assert chi_square(p, p[::-1]) == pytest.approx(10**9 * 2 / 3)
