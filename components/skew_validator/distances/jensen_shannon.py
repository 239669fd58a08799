"""Jensen-Shannon divergence, in bits.

Of strings it is what TFDV computes, without its limit to the 1,000 most frequent. Of numbers TFDV
lays ten buckets over each sample's own range and assumes values to be spread evenly within a
bucket; here both are counted in ten buckets over the common range. NaN is a bin like another, not
a mismatch.
"""

from __future__ import annotations

import numpy as np

from components.skew_validator.alignment import Binning
from components.skew_validator.distances.registry import register
from components.skew_validator.distances.shares import shares


@register(Binning.EQUAL_WIDTH, quadratic=True)
def jensen_shannon(training: np.ndarray, serving: np.ndarray) -> np.ndarray:
    """Returns (KL(p | m) + KL(q | m)) / 2 with m = (p + q) / 2, in [0, 1].

    Args:
        training: Counts, shape `(..., bins)`.
        serving: Counts over the same bins.

    Source: Lin 1991, IEEE Trans. Inf. Theory 37(1).
    """
    p, q = shares(training), shares(serving)
    middle = (p + q) / 2
    divergence = (_kullback_leibler(p, middle) + _kullback_leibler(q, middle)) / 2
    # Rounding may leave it a little outside.
    return np.clip(divergence, 0.0, 1.0)


def _kullback_leibler(p: np.ndarray, middle: np.ndarray) -> np.ndarray:
    # 0 log 0 is 0; where p is above 0, so is the middle.
    ratio = np.divide(p, middle, out=np.ones_like(p), where=p > 0)
    return (p * np.log2(ratio)).sum(axis=-1)
