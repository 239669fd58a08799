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

Where nobody asks for thresholds, most features that did not change need a hundredth. And a value
half as large again as the largest of 1 / alpha splits is an alarm without the other nine tenths.
That alone would be a valid rank test (the largest of 1 / alpha is the one that was seen in a share
of alpha), only a less steady one near the border, which the half keeps away from.

Kolmogorov-Smirnov on more than 1,024 distinct values uses Kolmogorov's distribution instead of
splits, in Simard and L'Ecuyer's computation, at the effective size n m / (n + m). With fewer values
it is used as well where it leaves no doubt: on 100 rows and more its p-value is too small by half
at most where two sizes are equal, too large where values are tied, and 1 % of `alpha` settles it.

Sources: Phipson and Smyth 2010, Stat. Appl. Genet. Mol. Biol. 9(1), on p-values of permutations;
Besag and Clifford 1991, Biometrika 78(2), on stopping; Hodges 1958, Arkiv foer Matematik 3(43), and
Simard and L'Ecuyer 2011, J. Stat. Softw. 39(11), on Kolmogorov-Smirnov.
"""

from __future__ import annotations

import dataclasses
import math
import sys
from collections.abc import Iterable, Iterator
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
# Of the smaller sample, and of the rate: where the formula settles an alarm on fewer values.
_ENOUGH_ROWS = 100
_NO_DOUBT = 0.01
# Where no threshold is asked for: splits made at first, and how far beyond all an alarm is settled.
_FEW = 64
_MARGIN = 1.5
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
            where those were stopped early; NaN where it was not asked for.
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
    distance: Distance,
    aligned: Aligned,
    alpha: float,
    rng: np.random.Generator,
    *,
    thresholds: bool = True,
) -> Calibration:
    """Measures two samples and says how likely chance alone gets as far.

    Args:
        distance: What to measure them by.
        aligned: Integer counts over the bins that the distance asks for.
        alpha: Rate of false alarms of this one test, in (0, 1).
        rng: Where random numbers come from.
        thresholds: Whether to make as many splits as a threshold takes, if the outcome is settled
            with fewer.

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
    if distance.name == "kolmogorov_smirnov":
        found = _by_formula(value, aligned, alpha)
        if aligned.training.size > _MAX_BINS or _leaves_no_doubt(found, aligned):
            return found
    portions = _portions(math.ceil(1 / alpha - _ROUNDING), thresholds)
    margin = math.inf if thresholds else _MARGIN
    return _by_splits(value, alpha, _Splits(distance, aligned, rng), portions, margin)


def _by_formula(value: float, aligned: Aligned, alpha: float) -> Calibration:
    n, m = int(aligned.training.sum()), int(aligned.serving.sum())
    effective = max(1, round(n * m / (n + m)))
    # Below this, not even float64 tells the p-value from 0.
    p_value = max(float(stats.kstwo.sf(value, effective)), sys.float_info.min)
    threshold = float(stats.kstwo.isf(alpha, effective))
    return Calibration(value=value, threshold=threshold, p_value=p_value, alpha=alpha, splits=0)


def _leaves_no_doubt(found: Calibration, aligned: Aligned) -> bool:
    rows = min(int(aligned.training.sum()), int(aligned.serving.sum()))
    return rows >= _ENOUGH_ROWS and found.p_value <= _NO_DOUBT * found.alpha


def _by_splits(
    value: float, alpha: float, splits: _Splits, portions: Iterable[int], margin: float
) -> Calibration:
    reached = value * (1 - _ROUNDING)
    seen = np.empty(0)
    for portion in portions:
        seen = np.concatenate([seen, splits.measure(portion)])
        hits = int((seen >= reached).sum())
        # So many of the largest are beyond the threshold.
        beyond = int(alpha * (1 + _ROUNDING) * (seen.size + 1))
        if hits >= EXCEEDANCES or (beyond and reached > margin * seen.max()):
            break
    largest = np.partition(seen, seen.size - beyond)[-beyond] if beyond else math.nan
    return Calibration(
        value=value,
        threshold=float(largest),
        p_value=(hits + 1) / (seen.size + 1),
        alpha=alpha,
        splits=seen.size,
    )


def _portions(block: int, thresholds: bool) -> Iterator[int]:
    """Yields how many splits to make at once: 10 blocks in all, less the value that was seen."""
    first = block - 1
    if not thresholds:
        few = _FEW
        while few < first:
            yield few
            first, few = first - few, 2 * few
    yield first
    yield from [block] * (EXCEEDANCES - 1)


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
