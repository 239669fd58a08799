"""The hyperparameters of the taxi model: what Tuner may choose from, and what holds without it.

Plain values, so that a fingerprint of them tells whether recorded best ones still answer the
question. Each list is small enough for a full grid.
"""

from typing import Final

SEARCH_SPACE: Final[dict[str, list[float]]] = {
    "units": [32, 64, 128],
    "learning_rate": [0.005, 0.008],
    "l2": [0.001, 0.002],
}

DEFAULTS: Final[dict[str, float]] = {"units": 64, "learning_rate": 0.008, "l2": 0.001}
