"""What was seen of one feature: numbers or categories, and the rows that had none.

NaN, the infinities and missing values are counted apart, so that no distance has to guess what they
mean: histograms give each of the first three a bin of its own, and the distance `absence` compares
their shares.

Values are taken to be independent of each other. Those of one row of a multivalent feature are not,
and a test on them alarms too easily; reduce such a feature to one value a row first.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

NUMERIC = "numeric"
CATEGORICAL = "categorical"


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class NumericSample:
    """Numbers of one feature.

    Attributes:
        values: The finite ones, sorted, float64, shape `(values,)`. Integers beyond 2^53 are
            rounded; identifiers are better taken as categories.
        nan: How many were NaN.
        minus_infinity: How many were -inf.
        plus_infinity: How many were inf.
        missing: How many rows had no value.
    """

    values: np.ndarray
    nan: int = 0
    minus_infinity: int = 0
    plus_infinity: int = 0
    missing: int = 0

    kind = NUMERIC

    @classmethod
    def of(cls, numbers: np.ndarray, missing: int = 0) -> NumericSample:
        """Makes a sample of numbers as they come.

        Args:
            numbers: Any shape and any real type; NaN and infinities may be among them.
            missing: How many rows had no value, 0 or more.

        Raises:
            ValueError: `missing` is negative, or the numbers are not real.
        """
        array = np.asarray(numbers)
        if array.dtype.kind not in "fiub":
            raise ValueError(f"Expected real numbers, received an array of type {array.dtype}.")
        if missing < 0:
            raise ValueError(f"missing: expected 0 or more rows, received {missing}.")
        wide = array.astype(np.float64).ravel()
        return cls(
            values=np.sort(wide[np.isfinite(wide)]),
            nan=int(np.isnan(wide).sum()),
            minus_infinity=int(np.isneginf(wide).sum()),
            plus_infinity=int(np.isposinf(wide).sum()),
            missing=missing,
        )

    @property
    def special(self) -> np.ndarray:
        """Counts of NaN, -inf and inf, shape `(3,)`."""
        return np.array([self.nan, self.minus_infinity, self.plus_infinity], np.int64)

    @property
    def present(self) -> int:
        """How many values there are, NaN and infinities among them."""
        return self.values.size + int(self.special.sum())

    @property
    def rows(self) -> int:
        """How many rows were looked at."""
        return self.present + self.missing

    @property
    def presence(self) -> np.ndarray:
        """Counts of finite values, NaN, -inf, inf and missing, shape `(5,)`."""
        return np.array([self.values.size, *self.special, self.missing], np.int64)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class CategoricalSample:
    """Categories of one feature: all of them, not only the most frequent.

    Attributes:
        counts: How often each was seen, 0 or more; texts and their UTF-8 bytes are the same.
        missing: How many rows had no value.
    """

    counts: Mapping[str, int] | Mapping[bytes, int]
    missing: int = 0

    kind = CATEGORICAL

    def __post_init__(self) -> None:
        if self.missing < 0 or any(count < 0 for count in self.counts.values()):
            raise ValueError("Expected counts of 0 or more, received a negative one.")

    @property
    def present(self) -> int:
        """How many values there are."""
        return int(sum(self.counts.values()))

    @property
    def rows(self) -> int:
        """How many rows were looked at."""
        return self.present + self.missing

    @property
    def presence(self) -> np.ndarray:
        """Counts of values and of missing ones, shape `(2,)`."""
        return np.array([self.present, self.missing], np.int64)


Sample = NumericSample | CategoricalSample
