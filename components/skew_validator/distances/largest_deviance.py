"""The one bin whose share changed most, by how little chance makes of it.

Chi-square adds up all bins, so that a new category has to be as large as the noise of all the
others. This looks at each bin against the rest and takes the largest; it finds the new category,
the one that is lost, a value that stands in for missing ones. The infinity norm looks at single
bins too, but a change of 2 % is the same to it in a bin of 50 % and in one of none.
"""

from __future__ import annotations

import numpy as np
from scipy import special

from components.skew_validator.alignment import Binning
from components.skew_validator.distances.registry import register


@register(Binning.QUANTILE, quadratic=True)
def largest_deviance(training: np.ndarray, serving: np.ndarray) -> np.ndarray:
    """Returns the largest deviance of a bin's two-by-two table: in it or not, by sample.

    The deviance is 2 times the sum of observed ln(observed / expected). Unlike the square of the
    difference over what was expected it stays small where a rare category happens to fall into the
    smaller sample.

    Args:
        training: Counts, shape `(..., bins)`.
        serving: Counts over the same bins.

    Returns:
        0 or above.

    Source: Wilks 1935, Ann. Math. Stat. 6(4); McCullagh and Nelder 1989, Generalized Linear Models,
    ch. 4.4.
    """
    n = training.sum(axis=-1, keepdims=True)
    m = serving.sum(axis=-1, keepdims=True)
    both = training + serving
    inside = both / (n + m)
    cells = (
        (training, n * inside),
        (serving, m * inside),
        (n - training, n * (1 - inside)),
        (m - serving, m * (1 - inside)),
    )
    deviance = 2 * sum(_surprise(observed, expected) for observed, expected in cells)
    return np.maximum(np.max(deviance, axis=-1), 0.0)


def _surprise(observed: np.ndarray, expected: np.ndarray) -> np.ndarray:
    # Where nothing was expected nothing was observed; 0 ln 0 is 0.
    ratio = np.divide(observed, expected, out=np.ones_like(expected), where=expected > 0)
    return special.xlogy(observed, ratio)
