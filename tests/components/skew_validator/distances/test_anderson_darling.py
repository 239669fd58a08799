import inspect
from typing import Any

import numpy as np
import pytest
from scipy import stats

from components.skew_validator.distances import anderson_darling

# SciPy 1.17 has a new name for it and warns of the old one.
NEW = "variant" in inspect.signature(stats.anderson_ksamp).parameters
AS_OURS: dict[str, Any] = {"variant": "right"} if NEW else {"midrank": False}


def test_a_pair_by_hand() -> None:
    # F - G is 3/4 - 1/4 at the first of two values, and H = 1/2 there: 2 * (1/2)^2 / 4 * 8 / 4.
    training, serving = np.array([3, 1]), np.array([1, 3])
    below, gap = 1 / 2, 1 / 2
    expected = 4 * 4 / 8 * (below * gap**2 / (below * (1 - below)))
    assert anderson_darling(training, serving) == pytest.approx(expected)


@pytest.mark.filterwarnings("ignore:p-value")
def test_it_is_scipy_s_statistic_before_that_is_standardised() -> None:
    rng = np.random.default_rng(3)
    standardised, raw = [], []
    for shift in (0, 1, 2, 3):
        x, y = rng.integers(0, 9, 40), rng.integers(shift, 9 + shift, 25)
        found = stats.anderson_ksamp([x, y], **AS_OURS)
        standardised.append(found.statistic)
        raw.append(anderson_darling(np.bincount(x, minlength=13), np.bincount(y, minlength=13)))
    # Both sizes are the same in all, and so is what it is standardised by.
    slopes = np.diff(standardised) / np.diff(raw)
    assert slopes == pytest.approx(np.full(3, slopes[0]))


def test_it_is_one_in_the_mean_where_nothing_has_changed() -> None:
    rng = np.random.default_rng(4)
    pool = np.full(500, 2)
    serving = rng.multivariate_hypergeometric(pool, 400, size=3000)
    found = anderson_darling(pool - serving, serving)
    # Its variance is 2 (pi^2 - 9) / 3, about 0.58.
    assert found.mean() == pytest.approx(1, abs=0.06)


def test_equal_values_are_no_distance() -> None:
    assert anderson_darling(np.array([0, 5, 0]), np.array([0, 7, 0])) == 0


def test_millions_of_rows_don_t_overflow() -> None:
    p = np.array([10**9, 2 * 10**9])
    q = p[::-1]
    # At the first value: gap 1/3, H = 1/2; n m / N = 1.5e9.
    assert anderson_darling(p, q) == pytest.approx(1.5e9 * 0.5 / 9 / 0.25)
