"""Pearson's chi-square statistic of the table of samples by bins.

It grows with the number of rows. Its textbook distribution needs about five expected values in each
cell; `calibration` does not use it, so rare categories are no trouble.
"""

from __future__ import annotations

import numpy as np

from components.skew_validator.alignment import Binning
from components.skew_validator.distances.registry import register


@register(Binning.QUANTILE, quadratic=True)
def chi_square(training: np.ndarray, serving: np.ndarray) -> np.ndarray:
    """Returns the sum of (observed - expected)^2 / expected, without continuity correction.

    Args:
        training: Counts, shape `(..., bins)`.
        serving: Counts over the same bins. Bins that are empty on both sides add nothing.

    Returns:
        0 or above, at most the number of values of both samples.

    Source: Pearson 1900, Philosophical Magazine 50(302).
    """
    n = training.sum(axis=-1, keepdims=True)
    m = serving.sum(axis=-1, keepdims=True)
    both = training + serving
    # For two rows the sum over both is this one sum.
    excess = (m * training - n * serving).astype(np.float64) ** 2
    terms = np.divide(excess, both, out=np.zeros_like(excess), where=both > 0)
    return terms.sum(axis=-1) / (n * m).squeeze(-1)
