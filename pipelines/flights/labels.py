"""Was a flight late? As `preprocessing` says it, for delays that are delivered later."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pipelines.flights import features


def late(columns: Mapping[str, np.ndarray]) -> np.ndarray:
    """Returns 1 where a flight arrived more than 15 minutes after its time, else 0.

    Args:
        columns: `arr_delay` in minutes, shape `(rows,)`, NaN where it is not known.

    Returns:
        Float64 of the same shape; NaN where the delay is not known.
    """
    delay = np.asarray(columns[features.LABEL], np.float64)
    return np.where(np.isnan(delay), np.nan, delay > features.LATE_MINUTES)
