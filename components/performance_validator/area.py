"""The area under the ROC curve with a confidence interval. Pure, and the same at every call.

DeLong's variance is exact about ties and needs no random numbers, where a bootstrap would need
thousands of sorts and a seed.
"""

from __future__ import annotations

import dataclasses
import math
import statistics

import numpy as np

from components.roc import delong

_FEWEST_OF_A_CLASS = 2  # fewer have no variance


@dataclasses.dataclass(frozen=True, kw_only=True)
class Area:
    """An area under the ROC curve.

    Attributes:
        value: In [0, 1].
        low: Lower end of its interval, at least 0.
        high: Upper end, at most 1.
    """

    value: float
    low: float
    high: float


def area_of(labels: np.ndarray, scores: np.ndarray, *, confidence: float) -> Area | None:
    """Returns the area with its interval; None where a class has fewer than two rows.

    Args:
        labels: 1 or 0, shape `(rows,)`.
        scores: Higher means more likely 1, shape `(rows,)`; no NaN.
        confidence: Of the two-sided interval, in (0, 1).

    Source: DeLong et al. 1988, as `components.roc.delong` has it; the interval is the normal one.
    """
    positives = int(np.count_nonzero(labels))
    if min(positives, labels.size - positives) < _FEWEST_OF_A_CLASS:
        return None
    areas, covariance = delong.areas(labels, scores)
    reach = statistics.NormalDist().inv_cdf((1 + confidence) / 2)
    # Rounding may leave the variance of a perfect order below zero.
    error = reach * math.sqrt(max(0.0, float(covariance[0, 0])))
    value = float(areas[0])
    return Area(value=value, low=max(0.0, value - error), high=min(1.0, value + error))
