"""The hyperparameters of the flights model: what Tuner may choose from, and what holds without it.

Plain values, so that a fingerprint of them tells whether recorded best ones still answer the
question. Tuner judges by departures of the weeks that it learns from, which favours what remembers
these weeks; so the choice stays near the defaults, which did well on weeks that follow.
"""

from typing import Final

SEARCH_SPACE: Final[dict[str, list[float]]] = {
    "units": [32, 64],
    "learning_rate": [0.002, 0.003],
    "l2": [0.0003, 0.001],
}

DEFAULTS: Final[dict[str, float]] = {"units": 64, "learning_rate": 0.003, "l2": 0.001}
