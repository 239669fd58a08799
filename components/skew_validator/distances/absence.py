"""How much the shares of missing, NaN and infinite values changed.

Other distances look at values. This one looks at whether there are any: at finite values, NaN,
-inf, inf and missing rows, or at values and missing rows of categories.
"""

from __future__ import annotations

import numpy as np

from components.skew_validator.alignment import Binning
from components.skew_validator.distances.registry import register
from components.skew_validator.distances.shares import shares


@register(Binning.PRESENCE)
def absence(training: np.ndarray, serving: np.ndarray) -> np.ndarray:
    """Returns half the sum of |p - q|: the share of rows that changed sides, in [0, 1].

    Args:
        training: Counts, shape `(..., bins)`.
        serving: Counts over the same bins.

    Source: total variation distance; Levin, Peres and Wilmer 2009, prop. 4.2.
    """
    return np.abs(shares(training) - shares(serving)).sum(axis=-1) / 2
