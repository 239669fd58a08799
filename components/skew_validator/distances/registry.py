"""Distances by name. Each stands in a file of its own and registers itself.

A distance is a function of counts over the same bins. It takes arrays of shape `(..., bins)` and
returns shape `(...)`, so that thousands of resamples are measured in one call. Those on an axis
are also given the positions of the bins, shape `(bins,)`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from components.skew_validator.alignment import Aligned, Binning
from components.skew_validator.sample import CATEGORICAL, NUMERIC

Function = Callable[..., np.ndarray]

BOTH_KINDS = frozenset({NUMERIC, CATEGORICAL})
NUMBERS_ONLY = frozenset({NUMERIC})


@dataclasses.dataclass(frozen=True, kw_only=True)
class Distance:
    """A distance between two samples.

    Attributes:
        name: What it is called in configurations.
        function: `(training, serving)` or, on an axis, `(training, serving, positions)`.
        binning: Which bins it is computed on, where the feature is numeric.
        kinds: Kinds of samples it is defined for.
        on_axis: Whether the function takes positions.
        quadratic: Whether it grows with the square of a small change, as divergences do; ranking
            takes the root of such ones.
    """

    name: str
    function: Function
    binning: Binning
    kinds: frozenset[str] = BOTH_KINDS
    on_axis: bool = False
    quadratic: bool = False

    def measure(self, aligned: Aligned) -> float:
        """Returns the distance of two samples, 0 or above.

        Raises:
            ValueError: Shapes differ, a count is negative or not finite, or a side has none.
        """
        for side, counts in (("training", aligned.training), ("serving", aligned.serving)):
            _require_counts(side, counts)
        if aligned.training.shape != aligned.serving.shape:
            raise ValueError(
                f"{self.name}: expected counts over the same bins, received shapes "
                f"{aligned.training.shape} and {aligned.serving.shape}."
            )
        return float(self.measure_all(aligned.training, aligned.serving, aligned.positions))

    def measure_all(
        self, training: np.ndarray, serving: np.ndarray, positions: np.ndarray | None
    ) -> np.ndarray:
        """Returns distances of many pairs over the same bins, shape `(...)`.

        Args:
            training: Counts, shape `(..., bins)`; no row may be empty.
            serving: Counts, likewise.
            positions: Shape `(bins,)`, ascending; None where bins have no order.
        """
        if self.on_axis:
            return self.function(training, serving, positions)
        return self.function(training, serving)


def _require_counts(side: str, counts: np.ndarray) -> None:
    valid = np.isfinite(counts).all() and (counts >= 0).all()
    if not valid or not counts.sum() > 0:
        raise ValueError(
            f"Expected at least one value in the {side} sample and no negative count; received "
            f"{counts.size} bins with a total of {counts.sum()}."
        )


_DISTANCES: dict[str, Distance] = {}


def register(
    binning: Binning,
    *,
    kinds: frozenset[str] = BOTH_KINDS,
    on_axis: bool = False,
    quadratic: bool = False,
) -> Callable[[Function], Function]:
    """Returns a decorator that registers a function under its own name."""

    def add(function: Function) -> Function:
        name = function.__name__
        if name in _DISTANCES:
            raise ValueError(f"A distance called {name!r} is registered already.")
        _DISTANCES[name] = Distance(
            name=name,
            function=function,
            binning=binning,
            kinds=kinds,
            on_axis=on_axis,
            quadratic=quadratic,
        )
        return function

    return add


def get(name: str) -> Distance:
    """Returns a distance by name.

    Raises:
        ValueError: There is none of that name.
    """
    if name not in _DISTANCES:
        raise ValueError(f"There is no distance {name!r}: expected one of {', '.join(names())}.")
    return _DISTANCES[name]


def names() -> tuple[str, ...]:
    """Returns the names of all distances, sorted."""
    return tuple(sorted(_DISTANCES))
