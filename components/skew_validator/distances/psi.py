"""Population stability index: the symmetrised Kullback-Leibler divergence, in nats.

An empty bin would make it infinite; it counts as half a row there, on that side only.
"""

from __future__ import annotations

import numpy as np

from components.skew_validator.alignment import Binning
from components.skew_validator.distances.registry import register

_EMPTY = 0.5


@register(Binning.QUANTILE, quadratic=True)
def psi(training: np.ndarray, serving: np.ndarray) -> np.ndarray:
    """Returns the sum of (p - q) ln(p / q) over bins, 0 or above.

    Args:
        training: Counts, shape `(..., bins)`.
        serving: Counts over the same bins.

    Source: Siddiqi 2006, Credit Risk Scorecards, ch. 9; Yurdakul and Naranjo 2020, J. Risk Model
    Validation 14(4), on its distribution.
    """
    used = (training + serving) > 0
    p, q = _floored(training), _floored(serving)
    return np.where(used, (p - q) * np.log(p / q), 0.0).sum(axis=-1)


def _floored(counts: np.ndarray) -> np.ndarray:
    return np.maximum(counts, _EMPTY) / counts.sum(axis=-1, keepdims=True)
