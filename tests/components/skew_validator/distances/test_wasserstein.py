import numpy as np
import pytest
from scipy import stats

from components.skew_validator.alignment import Binning, align
from components.skew_validator.distances import get
from components.skew_validator.sample import NumericSample


def measure(x: np.ndarray, y: np.ndarray) -> float:
    aligned = align(NumericSample.of(x), NumericSample.of(y), Binning.GRID)
    return get("wasserstein").measure(aligned)


@pytest.mark.parametrize(("n", "m", "digits"), [(50, 80, 15), (200, 31, 15), (4000, 5000, 1)])
def test_up_to_256_values_it_is_scipy_s_over_the_pool_s_deviation(n, m, digits) -> None:
    rng = np.random.default_rng(7)
    x, y = rng.normal(size=n).round(digits), rng.normal(0.3, 1.2, size=m).round(digits)
    expected = stats.wasserstein_distance(x, y) / np.concatenate([x, y]).std()
    assert measure(x, y) == pytest.approx(expected, rel=1e-9)


def test_beyond_that_it_is_nearly_so() -> None:
    rng = np.random.default_rng(7)
    x, y = rng.lognormal(size=20_000), rng.lognormal(0.1, size=9_000)
    expected = stats.wasserstein_distance(x, y) / np.concatenate([x, y]).std()
    assert measure(x, y) == pytest.approx(expected, rel=0.03)


def test_by_hand() -> None:
    # Values move by 2 in the mean; the pool 0, 0, 2, 2 deviates by 1.
    assert measure(np.array([0, 0]), np.array([2, 2])) == pytest.approx(2)


def test_a_constant_feature_is_no_distance_from_itself() -> None:
    assert measure(np.full(10, 3.5), np.full(4, 3.5)) == 0
