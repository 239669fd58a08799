"""How much the share of whole numbers changed: a float that was cast to an integer on one side.

The values hardly move by that, so that distances of distributions need many rows to notice.
"""

from __future__ import annotations

import numpy as np

from components.skew_validator.alignment import Binning
from components.skew_validator.distances.registry import NUMBERS_ONLY, register
from components.skew_validator.distances.shares import shares


@register(Binning.WHOLE, kinds=NUMBERS_ONLY)
def whole_numbers(training: np.ndarray, serving: np.ndarray) -> np.ndarray:
    """Returns |p - q| of the shares of whole numbers, in [0, 1].

    Args:
        training: Counts of whole numbers and of others, shape `(..., bins)`.
        serving: Counts over the same bins.

    Source: total variation distance; Levin, Peres and Wilmer 2009, prop. 4.2.
    """
    return np.abs(shares(training) - shares(serving)).sum(axis=-1) / 2
