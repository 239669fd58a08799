import math

import numpy as np
import pytest

from components.roc import areas, gain

# 43 patients of the trial that DeLong et al. 1988 compare three tests on:
# albumin, total protein, K-G score, and whether surgery helped.
_TRIAL = """
3.0 5.8 10 0   3.2 6.3  5 1   3.9 6.8  3 1   2.8 4.8  6 0
3.2 5.8  3 1   0.9 4.0  5 0   2.5 5.7  8 0   1.6 5.6  5 1
3.8 5.7  5 1   3.7 6.7  6 1   3.2 5.4  4 1   3.8 6.6  6 1
4.1 6.6  5 1   3.6 5.7  5 1   4.3 7.0  4 1   3.6 6.7  4 0
2.3 4.4  6 1   4.2 7.6  4 0   4.0 6.6  6 0   3.5 5.8  6 1
3.8 6.8  7 1   3.0 4.7  8 0   4.5 7.4  5 1   3.7 7.4  5 1
3.1 6.6  6 1   4.1 8.2  6 1   4.3 7.0  5 1   4.3 6.5  4 1
3.2 5.1  5 1   2.6 4.7  6 1   3.3 6.8  6 0   1.7 4.0  7 0
3.7 6.1  5 1   3.3 6.3  7 1   4.2 7.7  6 1   3.5 6.2  5 1
2.9 5.7  9 0   2.1 4.8  7 1   2.8 6.2  8 0   4.0 7.0  7 1
3.3 5.7  6 1   3.7 6.9  5 1   3.6 6.6  5 1
"""


def _trial() -> tuple[np.ndarray, np.ndarray]:
    rows = np.array(_TRIAL.split(), dtype=float).reshape(-1, 4)
    # A lower K-G score is the better sign.
    return rows[:, 3], np.stack([rows[:, 0], rows[:, 1], -rows[:, 2]])


def _pairwise(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Mann-Whitney's kernel for every pair: positives by negatives."""
    positives, negatives = scores[labels == 1], scores[labels == 0]
    above = positives[:, None] > negatives[None, :]
    tied = positives[:, None] == negatives[None, :]
    return above + 0.5 * tied


def test_one_model_by_hand() -> None:
    of_one, covariance = areas([1, 1, 0, 0], [3, 2, 1, 2])
    assert of_one.tolist() == [7 / 8]
    assert covariance.tolist() == [[1 / 32]]


def test_the_trial_that_delong_published() -> None:
    # As SAS prints it: PROC LOGISTIC, "Comparing Receiver Operating
    # Characteristic Curves".
    of_tests, covariance = areas(*_trial())
    assert of_tests.round(4).tolist() == [0.7366, 0.6478, 0.7258]
    assert np.sqrt(np.diag(covariance)).round(4).tolist() == [0.0927, 0.1, 0.1028]
    pair = [0, 2]
    found = gain(of_tests[pair], covariance[np.ix_(pair, pair)], confidence=0.95)
    assert round(found.gain, 4) == 0.0108
    assert round(found.standard_error, 4) == 0.0953
    assert (round(found.low, 4), round(found.high, 4)) == (-0.1761, 0.1976)


@pytest.mark.parametrize("values", [2, 5, 1_000_000])
def test_every_pair_of_rows_gives_the_same(values: int) -> None:
    random = np.random.default_rng(7)
    labels = (random.random(137) < 0.3).astype(int)
    scores = random.integers(0, values, size=(3, 137)).astype(float)
    of_models, covariance = areas(labels, scores)
    kernels = [_pairwise(labels, row) for row in scores]
    assert of_models == pytest.approx([kernel.mean() for kernel in kernels])
    expected = np.cov([k.mean(axis=1) for k in kernels]) / len(kernels[0])
    expected = expected + np.cov([k.mean(axis=0) for k in kernels]) / len(kernels[0][0])
    np.testing.assert_allclose(covariance, expected, rtol=1e-9, atol=1e-15)


def test_the_interval_covers_as_often_as_it_says() -> None:
    # Scores N(1, 1) against N(0, 1): the area is Phi(1 / sqrt 2) = 0.760250;
    # the second model adds noise of variance 1: Phi(1 / sqrt 4) = 0.691462.
    random = np.random.default_rng(11)
    labels = np.repeat([1, 0], [80, 240])
    covered = 0
    for _ in range(600):
        first = random.normal(size=320) + labels
        second = first + random.normal(size=320)
        found = gain(*areas(labels, [first, second]), confidence=0.95)
        covered += found.low <= 0.760250 - 0.691462 <= found.high
    # Four binomial standard errors around 570.
    assert abs(covered - 570) < 4 * math.sqrt(600 * 0.95 * 0.05)


def test_models_that_rank_alike_differ_by_nothing() -> None:
    labels, scores = _trial()
    found = gain(*areas(labels, [scores[0], np.exp(scores[0])]), confidence=0.99)
    assert found.gain == 0
    assert found.low == found.high == 0


def test_infinite_scores_are_ranked() -> None:
    of_one, _ = areas([0, 0, 1, 1], [-math.inf, 0.0, 0.0, math.inf])
    assert of_one.tolist() == [7 / 8]


@pytest.mark.parametrize(
    ("labels", "scores", "message"),
    [
        ([1, 1, 1, 0], [1, 2, 3, 4], "2 rows of each class, received 3 positive"),
        ([1, 1, 0, math.nan], [1, 2, 3, 4], "only 0 and 1"),
        ([1, 1, 0, 0], [1, 2, 3, math.nan], "received NaN"),
        ([1, 1, 0, 0], [1, 2, 3], r"expected shape \(models, 4\)"),
        ([[1, 1], [0, 0]], [1, 2], r"labels: expected shape \(rows,\)"),
    ],
)
def test_what_cannot_be_ranked_is_refused(
    labels: list[float], scores: list[float], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        areas(labels, scores)


def test_a_confidence_of_one_is_refused() -> None:
    with pytest.raises(ValueError, match="confidence"):
        gain([0.5, 0.5], np.eye(2), confidence=1.0)
