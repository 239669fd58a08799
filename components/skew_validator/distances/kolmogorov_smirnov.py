"""Two-sample Kolmogorov-Smirnov: the largest gap between the distribution functions."""

from __future__ import annotations

import numpy as np

from components.skew_validator.alignment import Binning
from components.skew_validator.distances.registry import NUMBERS_ONLY, register
from components.skew_validator.distances.shares import shares


@register(Binning.DISTINCT, kinds=NUMBERS_ONLY)
def kolmogorov_smirnov(training: np.ndarray, serving: np.ndarray) -> np.ndarray:
    """Returns max |F - G| over values, in [0, 1].

    Args:
        training: Counts by ascending value, shape `(..., bins)`.
        serving: Counts over the same values.

    Source: Smirnov 1939; Hodges 1958, Arkiv foer Matematik 3(43).
    """
    gaps = np.cumsum(shares(training) - shares(serving), axis=-1)
    return np.abs(gaps).max(axis=-1)
