import numpy as np
import pytest
from scipy import stats

from components.skew_validator.distances import largest_deviance


def deviance(training: np.ndarray, serving: np.ndarray, place: int) -> float:
    table = [[counts[place], counts.sum() - counts[place]] for counts in (training, serving)]
    return float(stats.chi2_contingency(table, False, lambda_="log-likelihood").statistic)


def test_it_is_the_largest_of_scipy_s_g_statistics_of_one_bin_against_the_rest() -> None:
    rng = np.random.default_rng(12)
    for _ in range(20):
        p, q = rng.integers(0, 40, (2, 7)) + 1
        expected = max(deviance(p, q, place) for place in range(7))
        assert largest_deviance(p, q) == pytest.approx(expected)


def test_a_new_category_by_hand() -> None:
    # 10 of 100 served rows where 5 of 100 were expected, and none of training's.
    training, serving = np.array([100, 0]), np.array([90, 10])
    expected = 2 * (10 * np.log(10 / 5) + 100 * np.log(100 / 95) + 90 * np.log(90 / 95))
    assert largest_deviance(training, serving) == pytest.approx(expected)


def test_disjoint_samples_have_a_finite_one() -> None:
    # Every cell of the table holds twice what was expected, or nothing.
    found = largest_deviance(np.array([8, 0]), np.array([0, 8]))
    assert found == pytest.approx(2 * 16 * np.log(2))


def test_a_single_bin_is_no_distance() -> None:
    assert largest_deviance(np.array([5]), np.array([900])) == 0


def test_millions_of_rows_don_t_overflow() -> None:
    p = np.array([10**9, 2 * 10**9])
    expected = 2 * (2 * 10**9 * np.log(2 / 3) + 4 * 10**9 * np.log(4 / 3))
    assert largest_deviance(p, p[::-1]) == pytest.approx(expected)
