"""How sure an area under a ROC curve is where only its value and the numbers of rows are known.

Where the rows themselves are there, `delong` is exact; this is for what somebody else measured.
"""

from __future__ import annotations

import math


def standard_error(area: float, positives: int, negatives: int) -> float:
    """Returns the standard error of an area.

    Args:
        area: In [0, 1].
        positives: Rows with the label 1, at least 1.
        negatives: Rows with the label 0, at least 1.

    Raises:
        ValueError: A value is out of its range.

    Source: Hanley and McNeil 1982, Radiology 143(1), equation 2, with the exponential model for
    the two probabilities.
    """
    if not 0 <= area <= 1 or min(positives, negatives) < 1:
        raise ValueError(
            "expected an area in [0, 1] and rows of both classes, received "
            f"{area!r} of {positives} and {negatives}"
        )
    # An area at its end would be taken for certain, however few the rows: it is moved by as much
    # as half of one pair of rows, ties counting half.
    half_pair = 0.5 / (positives * negatives)
    area = min(max(area, half_pair), 1 - half_pair)
    two_positives = area / (2 - area)
    two_negatives = 2 * area * area / (1 + area)
    variance = (
        area * (1 - area)
        + (positives - 1) * (two_positives - area * area)
        + (negatives - 1) * (two_negatives - area * area)
    ) / (positives * negatives)
    return math.sqrt(max(0.0, variance))
