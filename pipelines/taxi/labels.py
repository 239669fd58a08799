"""Was a tip a big one? As `preprocessing` says it, for tips that are delivered later."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pipelines.taxi import features


def big_tip(columns: Mapping[str, np.ndarray]) -> np.ndarray:
    """Returns 1 where the tip is more than 20 % of the fare, else 0.

    A fare that is missing counts as 0, as it does in training.

    Args:
        columns: `tips` and `fare` in dollars, shape `(rows,)`, NaN where a value is missing.

    Returns:
        Float64 of the same shape; NaN where the tip is not known.
    """
    # In 32 bits, as examples hold them: 0.2 * 5 is not the same number in 64.
    tips = np.asarray(columns[features.LABEL], np.float32)
    fare = np.asarray(columns[features.FARE], np.float32)
    least = np.float32(features.BIG_TIP_SHARE) * np.where(np.isnan(fare), np.float32(0), fare)
    return np.where(np.isnan(tips), np.nan, tips > least)
