"""Wasserstein distance of first order, in standard deviations of both samples together.

How far a value has to be moved in the mean to turn one sample into the other. The standard
deviation of the pool, not of the training sample, keeps it finite where the latter is constant, and
does not change when rows are exchanged between the samples.
"""

from __future__ import annotations

import numpy as np

from components.skew_validator.alignment import Binning
from components.skew_validator.distances.registry import NUMBERS_ONLY, register
from components.skew_validator.distances.shares import shares


@register(Binning.GRID, kinds=NUMBERS_ONLY, on_axis=True)
def wasserstein(training: np.ndarray, serving: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Returns the area between the distribution functions over the pool's standard deviation.

    Args:
        training: Counts, shape `(..., bins)`.
        serving: Counts over the same bins.
        positions: Where the bins lie, ascending, shape `(bins,)`.

    Returns:
        0 or above; 0 where all values are equal.

    Source: Vallender 1974, Theory Probab. Appl. 18(4).
    """
    weights = shares(training + serving)
    mean = (weights * positions).sum(axis=-1, keepdims=True)
    deviation = np.sqrt((weights * (positions - mean) ** 2).sum(axis=-1))
    gaps = np.abs(np.cumsum(shares(training) - shares(serving), axis=-1))[..., :-1]
    area = (gaps * np.diff(positions)).sum(axis=-1)
    return np.divide(area, deviation, out=np.zeros_like(area), where=deviation > 0)
