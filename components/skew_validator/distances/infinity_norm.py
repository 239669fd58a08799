"""The largest change of any one bin's share.

Of strings it is what TFDV computes, without its limit to the 1,000 most frequent. Of numbers TFDV
computes nothing and reports 0 (data-validation#147); here it looks at ten buckets.
"""

from __future__ import annotations

import numpy as np

from components.skew_validator.alignment import Binning
from components.skew_validator.distances.registry import register
from components.skew_validator.distances.shares import shares


@register(Binning.EQUAL_WIDTH)
def infinity_norm(training: np.ndarray, serving: np.ndarray) -> np.ndarray:
    """Returns max |p - q| over bins, in [0, 1].

    Args:
        training: Counts, shape `(..., bins)`.
        serving: Counts over the same bins.

    Source: TFDV, anomalies/metrics.cc, `LInftyDistance`.
    """
    return np.abs(shares(training) - shares(serving)).max(axis=-1)
