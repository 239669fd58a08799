"""How good predictions are: area under the ROC curve, log loss, calibration, and differences.

Pure functions of arrays.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

_CLIP = 1e-7
_RESAMPLES = 10_000


@dataclasses.dataclass(frozen=True)
class Scores:
    """How predictions fit labels.

    Attributes:
        auc: Area under the ROC curve; NaN where all labels are the same.
        log_loss: In nats.
        calibration: Sum of the predictions over the number of labels that are 1; NaN without any.
    """

    auc: float
    log_loss: float
    calibration: float


@dataclasses.dataclass(frozen=True)
class Difference:
    """A mean of paired differences and its interval.

    Attributes:
        mean: The mean.
        low: Lower end of the 95 % interval.
        high: Upper end.
        pairs: How many there are.
    """

    mean: float
    low: float
    high: float
    pairs: int


def scores(label: np.ndarray, predicted: np.ndarray) -> Scores:
    """Returns how predictions fit labels.

    Args:
        label: 0 or 1, shape `(rows,)`.
        predicted: Probabilities, same shape, no NaN.
    """
    hits = float(label.sum())
    clipped = np.clip(predicted.astype(np.float64), _CLIP, 1 - _CLIP)
    losses = -(label * np.log(clipped) + (1 - label) * np.log1p(-clipped))
    return Scores(
        auc=auc(label, predicted),
        log_loss=float(losses.mean()) if len(losses) else math.nan,
        calibration=float(predicted.sum()) / hits if hits else math.nan,
    )


def auc(label: np.ndarray, predicted: np.ndarray) -> float:
    """Returns the area under the ROC curve; ties count one half; NaN where labels do not vary.

    Source: Hanley and McNeil 1982, Radiology 143(1), from the rank sum of Mann and Whitney.
    """
    positive = label > 0
    hits, misses = int(positive.sum()), int((~positive).sum())
    if not hits or not misses:
        return math.nan
    _, place, counts = np.unique(predicted, return_inverse=True, return_counts=True)
    last_rank = np.cumsum(counts)
    mean_rank = last_rank - (counts - 1) / 2
    ranks = mean_rank[place.reshape(-1)]
    return float((ranks[positive].sum() - hits * (hits + 1) / 2) / (hits * misses))


def mean_difference(one: Sequence[float], other: Sequence[float], seed: int) -> Difference:
    """Returns the mean of `one` minus `other`, with a bootstrap interval over the pairs.

    Pairs in which either is NaN are left out.

    Source: Efron 1979, Ann. Stat. 7(1); the percentile interval.
    """
    apart = np.asarray(one, dtype=np.float64) - np.asarray(other, dtype=np.float64)
    apart = apart[~np.isnan(apart)]
    if not len(apart):
        return Difference(math.nan, math.nan, math.nan, 0)
    generator = np.random.default_rng(seed)
    picked = generator.integers(0, len(apart), (_RESAMPLES, len(apart)))
    low, high = np.quantile(apart[picked].mean(axis=1), [0.025, 0.975])
    return Difference(float(apart.mean()), float(low), float(high), len(apart))
