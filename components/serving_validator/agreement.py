"""Whether two computations gave the same answer. Pure functions.

Floating-point numbers may differ by a millionth of the larger one, types of lower precision by
four units in their last place: sums are taken in another order. All else must be equal, names and
shapes included. NaN equals NaN.

    compare({"y": [1.0]}, {"y": [1.0000001]})   ->  agrees, largest difference 1e-7
    compare({"y": [1.0]}, {"y": [1.1]})         ->  output 'y', example 0: expected 1.0, ...
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

TOLERANCE = 1e-6

# Distance from 1 to the next number; float32 and float64 have less than the tolerance.
_PRECISION = {"float16": 2.0**-10, "bfloat16": 2.0**-7}
_FLOATING = ("f", "c")

Outputs = Mapping[str, np.ndarray]


@dataclasses.dataclass(frozen=True, slots=True)
class Comparison:
    """How two answers compare.

    Attributes:
        largest: The largest relative difference, |a - b| / max(|a|, |b|), of floating-point
            outputs; infinite where only one is a finite number.
        mismatch: The first thing that is not equal, with what was expected and received; empty
            when the answers agree.
    """

    largest: float
    mismatch: str

    @property
    def agrees(self) -> bool:
        """Whether the answers are equal, as far as they need to be."""
        return not self.mismatch


def compare(expected: Outputs, received: Outputs, tolerance: float = TOLERANCE) -> Comparison:
    """Compares two answers to the same request.

    Args:
        expected: Outputs by name; the first dimension is the example's.
        received: Those of the other computation.
        tolerance: Largest relative difference of floating-point numbers that is allowed.
    """
    if expected.keys() != received.keys():
        return Comparison(
            0.0, f"expected the outputs {sorted(expected)}, received {sorted(received)}"
        )
    largest, mismatch = 0.0, ""
    for name in sorted(expected):
        found = _compare(expected[name], received[name], tolerance)
        largest = max(largest, found.largest)
        if found.mismatch and not mismatch:
            mismatch = f"output {name!r}{found.mismatch}"
    return Comparison(largest, mismatch)


def _compare(expected: np.ndarray, received: np.ndarray, tolerance: float) -> Comparison:
    for what, left, right in (
        ("type", expected.dtype, received.dtype),
        ("shape", expected.shape, received.shape),
    ):
        if left != right:
            return Comparison(0.0, f": expected {what} {left}, received {right}")
    if not _is_floating(expected.dtype):
        unequal = np.asarray(expected != received)
        return Comparison(0.0, _first(unequal, expected, received, ""))
    allowed = max(tolerance, 4 * _PRECISION.get(expected.dtype.name, 0.0))
    difference = relative_difference(expected, received)
    largest = float(difference.max(initial=0.0))
    note = f" (relative difference {largest:.3g}, allowed {allowed:.3g})"
    return Comparison(largest, _first(difference > allowed, expected, received, note))


def relative_difference(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Returns |a - b| / max(|a|, |b|), element by element, as float64.

    Args:
        left: Real or complex floating-point numbers.
        right: As many of the same shape.

    Returns:
        0 where both are equal or both are NaN, infinity where only one of them is finite.
    """
    wide = np.complex128 if left.dtype.kind == "c" else np.float64
    a, b = left.astype(wide), right.astype(wide)
    with np.errstate(all="ignore"):
        quotient = np.abs(a - b) / np.maximum(np.abs(a), np.abs(b))
    quotient = np.where(np.isnan(quotient), np.inf, quotient)
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    return np.where(same, 0.0, quotient)


def _is_floating(dtype: np.dtype) -> bool:
    return dtype.kind in _FLOATING or dtype.name in _PRECISION


def _first(unequal: np.ndarray, expected: np.ndarray, received: np.ndarray, note: str) -> str:
    if not unequal.any():
        return ""
    place = tuple(int(index) for index in np.argwhere(unequal)[0])
    example = f", example {place[0]}" if place else ""
    within = f" at {list(place[1:])}" if any(place[1:]) else ""
    return f"{example}{within}: expected {expected[place]!s}, received {received[place]!s}{note}"
