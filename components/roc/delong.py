"""DeLong's variances of areas under ROC curves that share their rows.

The area is the probability that a positive row gets a higher score than a
negative one, a tie counting one half (Mann-Whitney's statistic). Two models
that are asked the same rows have correlated areas, so their difference is
known far better than either: its variance is `v1 + v2 - 2 cov`. DeLong,
DeLong and Clarke-Pearson read all of these from each row's *placement*: the
share of the other class that the row is ranked right against.

Example: positives score 3 and 2, negatives 1 and 2. The positives' placements
are 1 and (1 + 1/2) / 2 = 3/4, the negatives' 1 and 3/4; the area is their
mean, 7/8, and its variance is 1/32 / 2 + 1/32 / 2 = 1/32.

Placements come from midranks, so a model costs one sort rather than a look at
every pair; ties are counted exactly. What an area means for a model, and which
confidence to ask for, is left to others.

References:
    E. R. DeLong, D. M. DeLong, D. L. Clarke-Pearson, "Comparing the areas
    under two or more correlated receiver operating characteristic curves: a
    nonparametric approach", Biometrics 44(3), 1988, pages 837-845.
    X. Sun, W. Xu, "Fast implementation of DeLong's algorithm for comparing
    the areas under correlated receiver operating characteristic curves", IEEE
    Signal Processing Letters 21(11), 2014, pages 1389-1393.
"""

from __future__ import annotations

import dataclasses
import math
import statistics
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

_FEWEST_OF_A_CLASS = 2


@dataclasses.dataclass(frozen=True, kw_only=True)
class Gain:
    """How much larger one model's area is than another's on the same rows.

    Attributes:
        gain: The difference of the areas, in [-1, 1].
        low: Lower end of its interval, at least -1.
        high: Upper end, at most 1.
        standard_error: Of the difference; 0 when both models rank alike.
    """

    gain: float
    low: float
    high: float
    standard_error: float


def areas(
    labels: ArrayLike, scores_by_model: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Measures the areas of models that scored the same rows.

    Args:
        labels: Shape `(rows,)`: 1 or True where the row is positive, else 0.
        scores_by_model: Shape `(models, rows)`, or `(rows,)` for one model;
            higher means more likely positive. Infinities are allowed.

    Returns:
        The areas, shape `(models,)`, each in [0, 1], and the covariance of
        their estimates, shape `(models, models)`. An area of exactly 0 or 1
        has a variance of 0: DeLong's estimate says nothing about it then.

    Raises:
        ValueError: Shapes differ, a label is neither 0 nor 1, a score is not
            a number, or there are fewer than two rows of either class.

    Source: DeLong et al. 1988, equations 4 to 6; Sun and Xu 2014, algorithm 2.
    """
    positive = _classes(labels)
    scores = _scores(scores_by_model, len(positive))
    placed = [_placements(row[positive], row[~positive]) for row in scores]
    of_positives = np.stack([one for one, _ in placed])
    of_negatives = np.stack([other for _, other in placed])
    return of_positives.mean(axis=1), _mean_covariance(of_positives) + _mean_covariance(
        of_negatives
    )


def gain(areas_of_two: ArrayLike, covariance: ArrayLike, *, confidence: float) -> Gain:
    """Tells how much larger the first of two areas is, with its interval.

    Args:
        areas_of_two: Areas of the two models, shape `(2,)`.
        covariance: Of these areas, shape `(2, 2)`, as `areas` returns it.
        confidence: Of the two-sided interval, in (0, 1).

    Returns:
        The first area minus the second, with the normal interval.

    Raises:
        ValueError: The confidence or a shape is not as asked for.

    Source: DeLong et al. 1988, equation 7, with the contrast (1, -1).
    """
    if not 0 < confidence < 1:
        message = f"confidence: expected within (0, 1), received {confidence}"
        raise ValueError(message)
    first, second = _of_shape("areas_of_two", areas_of_two, (2,))
    matrix = _of_shape("covariance", covariance, (2, 2))
    # Rounding may leave a variance of models that rank alike below zero.
    variance = max(0.0, matrix[0, 0] + matrix[1, 1] - 2 * matrix[0, 1])
    standard_error = math.sqrt(variance)
    reach = statistics.NormalDist().inv_cdf((1 + confidence) / 2) * standard_error
    difference = float(first - second)
    return Gain(
        gain=difference,
        low=max(-1.0, difference - reach),
        high=min(1.0, difference + reach),
        standard_error=standard_error,
    )


def _classes(labels: ArrayLike) -> NDArray[np.bool_]:
    values = np.asarray(labels)
    if values.ndim != 1:
        message = f"labels: expected shape (rows,), received {values.shape}"
        raise ValueError(message)
    positive = values == 1
    if not np.all(positive | (values == 0)):
        message = "labels: expected only 0 and 1; leave rows without a label out"
        raise ValueError(message)
    positives = int(positive.sum())
    if min(positives, len(values) - positives) < _FEWEST_OF_A_CLASS:
        message = (
            f"labels: expected at least {_FEWEST_OF_A_CLASS} rows of each"
            f" class, received {positives} positive and"
            f" {len(values) - positives} negative"
        )
        raise ValueError(message)
    return positive


def _scores(scores_by_model: ArrayLike, rows: int) -> NDArray[np.float64]:
    scores = np.atleast_2d(np.asarray(scores_by_model, dtype=np.float64))
    if scores.ndim != 2 or scores.shape[0] < 1 or scores.shape[1] != rows:
        message = f"scores_by_model: expected shape (models, {rows}), received {scores.shape}"
        raise ValueError(message)
    if np.isnan(scores).any():
        message = "scores_by_model: expected numbers, received NaN"
        raise ValueError(message)
    return scores


def _of_shape(name: str, values: ArrayLike, shape: tuple[int, ...]) -> NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64)
    if array.shape != shape:
        message = f"{name}: expected shape {shape}, received {array.shape}"
        raise ValueError(message)
    return array


def _placements(
    positives: NDArray[np.float64], negatives: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Ranks each row against the other class: shares in [0, 1], ties half."""
    together = _midranks(np.concatenate([positives, negatives]))
    below = together[: len(positives)] - _midranks(positives)
    above = together[len(positives) :] - _midranks(negatives)
    return below / len(negatives), 1 - above / len(positives)


def _midranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks from 1; equal values share the mean of the ranks they take."""
    _, where, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2)[where.reshape(-1)]


def _mean_covariance(placements: NDArray[np.float64]) -> NDArray[np.float64]:
    """The covariance of the models' mean placements."""
    off = placements - placements.mean(axis=1, keepdims=True)
    rows = placements.shape[1]
    return off @ off.T / ((rows - 1) * rows)
