"""Counts as shares of their total."""

from __future__ import annotations

import numpy as np


def shares(counts: np.ndarray) -> np.ndarray:
    """Returns counts divided by their sum over the last axis; shape `(..., bins)` as given."""
    return counts / counts.sum(axis=-1, keepdims=True)
