"""Two-sample Anderson-Darling: the gap between the distribution functions, everywhere at once.

Kolmogorov-Smirnov looks at the widest gap, this one at the mean of the squared gaps, each weighed
by how little chance makes of it there. It sees more of what happens in the tails: a default value
of 0 that stands in for some numbers, a wider spread.
"""

from __future__ import annotations

import numpy as np

from components.skew_validator.alignment import Binning
from components.skew_validator.distances.registry import NUMBERS_ONLY, register
from components.skew_validator.distances.shares import shares


@register(Binning.GRID, kinds=NUMBERS_ONLY, quadratic=True)
def anderson_darling(training: np.ndarray, serving: np.ndarray) -> np.ndarray:
    """Returns n m / N times the mean over the pool of (F - G)^2 / (H (1 - H)).

    F, G and H are the distribution functions of training, serving and both together. It grows with
    the number of rows, and is 1 in the mean where nothing has changed.

    Args:
        training: Counts by ascending value, shape `(..., bins)`.
        serving: Counts over the same values.

    Returns:
        0 or above; 0 where all values are equal.

    Source: Scholz and Stephens 1987, J. Am. Stat. Assoc. 82(399), eq. 6, for two samples.
    """
    n = training.sum(axis=-1)
    m = serving.sum(axis=-1)
    pool = shares(training + serving)[..., :-1]
    below = np.cumsum(pool, axis=-1)
    gaps = np.cumsum(shares(training) - shares(serving), axis=-1)[..., :-1]
    spread = below * (1 - below)
    # Empty bins at either end; rounding may leave a little there.
    inside = spread > _ROUNDING
    weighed = np.divide(pool * gaps**2, spread, out=np.zeros_like(gaps), where=inside)
    return weighed.sum(axis=-1) * (n * m / (n + m))


_ROUNDING = 1e-12
