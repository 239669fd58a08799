import math

import numpy as np
import pytest
from scipy import stats

from components.skew_validator.power import detectable_shift


def test_the_textbook_s_392_of_each_show_a_change_of_a_tenth() -> None:
    # (1.960 + 0.8416)^2 * 2 * 0.25 / 0.1^2 = 392.4 rows in each group.
    assert detectable_shift(392, 392, alpha=0.05, power=0.8) == pytest.approx(0.1, rel=1e-3)


def test_examples_of_the_docstring() -> None:
    assert detectable_shift(10**6, 10, 0.0005, 0.8) == pytest.approx(0.68, abs=0.005)
    assert detectable_shift(10**6, 1000, 0.0005, 0.8) == pytest.approx(0.07, abs=0.005)


def test_without_values_nothing_shows() -> None:
    assert detectable_shift(0, 10, 0.01, 0.8) == math.inf
    assert detectable_shift(10, 0, 0.01, 0.8) == math.inf


def test_the_change_it_names_is_found_with_the_power_asked() -> None:
    n, m, alpha, power = 4000, 300, 0.001, 0.8
    shift = detectable_shift(n, m, alpha, power)
    rng = np.random.default_rng(2)
    x = rng.binomial(n, (1 - shift) / 2, 20_000)
    y = rng.binomial(m, (1 + shift) / 2, 20_000)
    pooled = (x + y) / (n + m)
    z = (y / m - x / n) / np.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
    assert (z > stats.norm.isf(alpha / 2)).mean() == pytest.approx(power, abs=0.03)
