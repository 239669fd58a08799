"""From which value on a distance is more than chance, given the sizes of both samples.

A permutation test. If nothing has changed, any split of the pooled values into samples of these two
sizes was as likely as the one that was seen. So the pool is split anew at random, many times, and
the distance that was seen has its rank among those of the splits. Its chance of being among the
`alpha` largest is at most `alpha`, exactly, for every distance, every distribution, rare categories
included, and every pair of sizes.

Why not resample the training data alone? It cannot bring forth a category that it has not seen, so
that a column of many rare values would alarm always; and it takes the training sample for the
truth, so that two halves of one data set would alarm too often. Where the serving sample is small,
the pool is nearly all training data, and the thresholds of both ways agree.

How many splits: 10 / alpha. An alarm is a value that fewer than 10 of them reach, so the simulation
adds an error of a third to the p-value at the border, and none to the rate of false alarms: a rank
test is valid at any number of splits. It is stopped as soon as 10 have reached the value, since
then the outcome is settled; most features that did not change need a tenth of the splits. No tail
is extrapolated: a p-value is never reported below 1 / (splits + 1).

Kolmogorov-Smirnov on more than 1,024 distinct values uses Kolmogorov's distribution instead of
splits, in Simard and L'Ecuyer's computation, at the effective size n m / (n + m).

Sources: Phipson and Smyth 2010, Stat. Appl. Genet. Mol. Biol. 9(1), on p-values of permutations;
Besag and Clifford 1991, Biometrika 78(2), on stopping; Hodges 1958, Arkiv foer Matematik 3(43), and
Simard and L'Ecuyer 2011, J. Stat. Softw. 39(11), on Kolmogorov-Smirnov.
"""

from __future__ import annotations

import dataclasses
import math
import sys
from typing import Literal

import numpy as np
from scipy import stats

from components.skew_validator.alignment import Aligned
from components.skew_validator.distances.registry import Distance

# A value that so many splits reach is no alarm.
EXCEEDANCES = 10
# Numbers held at once, 16 MiB in each array.
_CELLS = 2**21
_MAX_BINS = 1024
# Equal tables may be summed in different order.
_ROUNDING = 1e-9
# Up to so many rows for each bin, and in all, it is quicker to draw rows than counts of bins.
_DRAWS_PER_BIN = 6
_MAX_COUNTED = 10**7
# What NumPy's hypergeometric numbers can draw from.
_MAX_TOTAL = 10**9 - 1


@dataclasses.dataclass(frozen=True, kw_only=True)
class Calibration:
    """A distance and what chance makes of it.

    Attributes:
        value: The distance of the two samples.
        threshold: What chance exceeds in a share of `alpha`; estimated from `splits`, and coarsely
            where those were stopped early.
        p_value: Chance of such a distance or a larger one when nothing has changed, in (0, 1].
        alpha: The largest p-value that is an alarm.
        splits: How many random splits were measured; 0 where a formula was used.
    """

    value: float
    threshold: float
    p_value: float
    alpha: float
    splits: int

    @property
    def significant(self) -> bool:
        """Whether the distance is more than chance."""
        return self.p_value <= self.alpha * (1 + _ROUNDING)


def per_test(false_alarm_rate: float, tests: int) -> float:
    """Returns the rate for one test, so that all together keep theirs.

    Bonferroni's correction: the rate divided by their number. It holds however the tests depend on
    each other, and features do. Sidak's, which asks for independence, would allow 0.5 % more than
    this at a rate of 1 %.

    Args:
        false_alarm_rate: Chance of one false alarm or more, in (0, 1).
        tests: How many tests there are; 0 counts as 1.

    Source: Dunn 1961, J. Am. Stat. Assoc. 56(293).
    """
    return false_alarm_rate / max(tests, 1)


def calibrate(
    distance: Distance, aligned: Aligned, alpha: float, rng: np.random.Generator
) -> Calibration:
    """Measures two samples and says how likely chance alone gets as far.

    Args:
        distance: What to measure them by.
        aligned: Integer counts over the bins that the distance asks for.
        alpha: Rate of false alarms of this one test, in (0, 1).
        rng: Where random numbers come from.

    Raises:
        ValueError: A sample is empty, or both together have a billion values or more.
    """
    value = distance.measure(aligned)
    total = int(aligned.training.sum() + aligned.serving.sum())
    if total > _MAX_TOTAL:
        raise ValueError(
            f"{distance.name}: expected fewer than a billion values in both samples, received "
            f"{total}. Take a random sample of them."
        )
    if distance.name == "kolmogorov_smirnov" and aligned.training.size > _MAX_BINS:
        return _by_formula(value, aligned, alpha)
    return _by_splits(value, distance, aligned, alpha, rng)


def _by_formula(value: float, aligned: Aligned, alpha: float) -> Calibration:
    n, m = int(aligned.training.sum()), int(aligned.serving.sum())
    effective = max(1, round(n * m / (n + m)))
    # Below this, not even float64 tells the p-value from 0.
    p_value = max(float(stats.kstwo.sf(value, effective)), sys.float_info.min)
    threshold = float(stats.kstwo.isf(alpha, effective))
    return Calibration(value=value, threshold=threshold, p_value=p_value, alpha=alpha, splits=0)


def _by_splits(
    value: float, distance: Distance, aligned: Aligned, alpha: float, rng: np.random.Generator
) -> Calibration:
    splits = _Splits(distance, aligned, rng)
    block = math.ceil(1 / alpha - _ROUNDING)
    reached = value * (1 - _ROUNDING)
    # One fewer than a round number, as the value that was seen is one more of them.
    seen = splits.measure(block - 1)
    blocks = 1
    while blocks < EXCEEDANCES and (seen >= reached).sum() < EXCEEDANCES:
        seen = np.concatenate([seen, splits.measure(block)])
        blocks += 1
    return Calibration(
        value=value,
        threshold=float(np.partition(seen, seen.size - blocks)[-blocks]),
        p_value=float((seen >= reached).sum() + 1) / (seen.size + 1),
        alpha=alpha,
        splits=seen.size,
    )


class _Splits:
    """Random splits of the pool into samples of the two sizes."""

    def __init__(self, distance: Distance, aligned: Aligned, rng: np.random.Generator) -> None:
        self._distance = distance
        pool = (aligned.training + aligned.serving).astype(np.int64)
        used = pool > 0
        self._pool = pool[used]
        self._positions = None if aligned.positions is None else aligned.positions[used]
        self._serving = int(aligned.serving.sum())
        self._rng = rng
        self._at_once = max(1, _CELLS // self._pool.size)
        self._method = _quicker(self._pool, self._serving)

    def measure(self, count: int) -> np.ndarray:
        """Returns the distances of so many splits, shape `(count,)`."""
        sizes = [self._at_once] * (count // self._at_once) + [count % self._at_once]
        return np.concatenate([self._measure(size) for size in sizes if size] or [np.empty(0)])

    def _measure(self, count: int) -> np.ndarray:
        serving = self._rng.multivariate_hypergeometric(
            self._pool, self._serving, size=count, method=self._method
        )
        return self._distance.measure_all(self._pool - serving, serving, self._positions)


def _quicker(pool: np.ndarray, serving: int) -> Literal["marginals", "count"]:
    """Returns the quicker of NumPy's two ways to split a pool; both give the same distribution.

    `marginals` draws a number for each bin, about 200 ns; `count` draws the rows of the smaller
    sample, about 30 ns each, and needs 8 bytes for every row.
    """
    rows = int(pool.sum())
    few = min(serving, rows - serving) < _DRAWS_PER_BIN * pool.size
    return "count" if few and rows <= _MAX_COUNTED else "marginals"
