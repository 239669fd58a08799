"""The area and its interval, by hand and against scikit-learn."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from components.performance_validator.area import area_of


def test_an_interval_by_hand():
    # Positives score 3 and 2, negatives 1 and 2: placements 1, 3/4 and 1, 3/4, so the area is 7/8
    # and its variance 1/32 / 2 + 1/32 / 2. 84.134 % is one standard error above the middle.
    found = area_of(np.array([1, 1, 0, 0]), np.array([3.0, 2.0, 1.0, 2.0]), confidence=0.6826895)
    assert found is not None
    assert found.value == 7 / 8
    assert found.low == pytest.approx(7 / 8 - math.sqrt(1 / 32), abs=1e-6)
    assert found.high == 1.0  # 7/8 + 0.177 is more than there is


def test_it_is_scikit_learns_area_with_ties():
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 2, 500)
    scores = np.round(labels * 0.2 + rng.random(500), 1)
    found = area_of(labels, scores, confidence=0.95)
    assert found is not None
    assert found.value == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)
    assert found.low < found.value < found.high


def test_95_of_100_intervals_hold_the_true_area():
    # Scores of N(1, 1) against N(0, 1) have the area Phi(1 / sqrt 2) = 0.7602.
    rng = np.random.default_rng(11)
    labels = np.repeat([1, 0], [60, 140])
    held = 0
    for _ in range(1000):
        found = area_of(labels, rng.normal(labels, 1.0), confidence=0.95)
        assert found is not None
        held += found.low <= 0.7602 <= found.high
    assert 925 <= held <= 965  # binomial: 950 with a standard deviation of 7


@pytest.mark.parametrize("labels", [[], [1, 1, 1], [0, 0, 0], [1, 0, 0]])
def test_one_class_has_no_area(labels):
    assert area_of(np.array(labels), np.arange(len(labels)) / 10, confidence=0.95) is None
