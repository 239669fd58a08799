from __future__ import annotations

import numpy as np
import pytest

from components.skew_validator.pictures import draw
from components.skew_validator.sample import CategoricalSample, NumericSample


def test_few_distinct_numbers_have_a_bin_each() -> None:
    training = NumericSample.of(np.array([1, 1, 2, 3]), missing=1)
    serving = NumericSample.of(np.array([2, 4, np.nan, np.inf]))
    found = draw(training, serving)
    assert found is not None
    assert found.labels == ("1", "2", "3", "4", "NaN", "inf", "missing")
    assert found.training == pytest.approx((0.4, 0.2, 0.2, 0, 0, 0, 0.2))
    assert found.serving == pytest.approx((0, 0.25, 0, 0.25, 0.25, 0.25, 0))


def test_many_numbers_have_bins_that_far_outliers_do_not_widen() -> None:
    values = np.linspace(0, 100, 1001)
    found = draw(NumericSample.of(values), NumericSample.of(np.append(values[:-1], 1e9)))
    assert found is not None
    assert len(found.labels) == 22
    assert (found.labels[0], found.labels[1], found.labels[-1]) == ("< 1", "1 to 5.9", "> 99")
    assert found.training == pytest.approx(found.serving, abs=0.002)
    assert found.training[0] == pytest.approx(0.01, abs=0.001)
    assert sum(found.training) == pytest.approx(1)


def test_of_many_categories_the_most_frequent_are_shown() -> None:
    training = CategoricalSample(counts={f"c{place:02}": 100 - place for place in range(20)})
    serving = CategoricalSample(counts={b"c00": 50, b"new": 50}, missing=100)
    found = draw(training, serving)
    assert found is not None
    assert len(found.labels) == 17
    assert found.labels[:2] == ("c00", "new")
    assert found.labels[-2:] == ("(6 others)", "missing")
    assert found.serving == pytest.approx((0.25, 0.25, *[0] * 14, 0.5))
    assert sum(found.training) == pytest.approx(1)


def test_what_cannot_be_drawn_together_is_not() -> None:
    numbers, names = NumericSample.of(np.arange(3)), CategoricalSample(counts={"a": 3})
    assert draw(numbers, names) is None
    assert draw(numbers, NumericSample.of(np.empty(0))) is None
    assert draw(numbers, NumericSample.of(np.empty(0), missing=2)) is not None


def test_hardly_any_spread_is_drawn_all_the_same() -> None:
    mostly = np.concatenate([np.zeros(10_000), np.arange(30)])
    found = draw(NumericSample.of(mostly), NumericSample.of(mostly))
    assert found is not None
    assert sum(found.training) == pytest.approx(1)
