"""The largest change of any one bin's count, as a share of all values of both samples.

It compares counts, not shares: two samples of one distribution but of different sizes are far
apart, by design of TFDV. A calibrated threshold takes this in; the same number at another size of
the serving sample means something else. Where sizes differ much the larger sample decides nearly
alone, and the distance finds little: prefer another one then.
"""

from __future__ import annotations

import numpy as np

from components.skew_validator.alignment import Binning
from components.skew_validator.distances.registry import register


@register(Binning.EQUAL_WIDTH)
def normalized_abs_difference(training: np.ndarray, serving: np.ndarray) -> np.ndarray:
    """Returns max |a - b| / (sum of a + sum of b) over bins, in [0, 1].

    Args:
        training: Counts, shape `(..., bins)`.
        serving: Counts over the same bins.

    Source: TFDV, anomalies/metrics.cc, `NormalizedAbsoluteDifference`.
    """
    total = training.sum(axis=-1) + serving.sum(axis=-1)
    return np.abs(training - serving).max(axis=-1) / total
