"""Scores, against scikit-learn and by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from pipelines.replay import scores


@pytest.mark.parametrize("digits", [1, 6])
def test_agrees_with_scikit_learn(digits: int) -> None:
    generator = np.random.default_rng(3)
    predicted = np.round(generator.uniform(0.01, 0.99, 500), digits)
    label = (generator.uniform(size=500) < predicted).astype(np.float32)
    found = scores.scores(label, predicted)
    assert found.auc == pytest.approx(roc_auc_score(label, predicted), abs=1e-12)
    assert found.log_loss == pytest.approx(log_loss(label, predicted), rel=1e-6)


def test_by_hand() -> None:
    # Pairs of 1 and 0: (0.9, 0.2), (0.9, 0.5), (0.5, 0.2) are right, (0.5, 0.5) is a tie.
    label = np.array([1.0, 0.0, 1.0, 0.0])
    predicted = np.array([0.9, 0.2, 0.5, 0.5])
    found = scores.scores(label, predicted)
    assert found.auc == pytest.approx(3.5 / 4)
    assert found.calibration == pytest.approx(2.1 / 2)
    assert found.log_loss == pytest.approx(-(math.log(0.9) + math.log(0.8) + 2 * math.log(0.5)) / 4)


def test_one_class_has_no_auc() -> None:
    found = scores.scores(np.zeros(3), np.array([0.1, 0.2, 0.3]))
    assert math.isnan(found.auc)
    assert math.isnan(found.calibration)


def test_a_difference_that_never_varies_has_no_width() -> None:
    found = scores.mean_difference([0.7, 0.75, math.nan], [0.5, 0.55, 0.6], seed=1)
    assert found.pairs == 2
    assert (found.mean, found.low, found.high) == pytest.approx((0.2, 0.2, 0.2))


def test_the_interval_is_that_of_the_normal_distribution_where_it_applies() -> None:
    apart = np.random.default_rng(5).normal(0.01, 0.02, 400)
    found = scores.mean_difference(apart.tolist(), [0.0] * 400, seed=1)
    half = 1.96 * apart.std(ddof=1) / math.sqrt(400)
    assert found.mean == pytest.approx(apart.mean())
    assert found.low == pytest.approx(apart.mean() - half, abs=3e-4)
    assert found.high == pytest.approx(apart.mean() + half, abs=3e-4)


def test_the_interval_is_the_same_for_a_seed() -> None:
    one, other = [0.7, 0.6, 0.8], [0.6, 0.65, 0.7]
    assert scores.mean_difference(one, other, 7) == scores.mean_difference(one, other, 7)
