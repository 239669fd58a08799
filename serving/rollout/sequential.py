"""The verdict of an A/B test that may be looked at after every observation.

The interval is a confidence sequence: with a chance of at least 1 - alpha it holds the true
difference at all looks together, so stopping at the first interval that excludes 0 names a better
arm wrongly with a chance of at most alpha. Stopping when the interval lies within the smallest
effect that matters says "no difference" wrongly with at most the same.

- Proportions: exact, from `evidence.difference`.
- Means: the normal mixture of the mixture sequential probability ratio test. With D the difference
  of the means and V the estimate of its variance, the log of the mixed likelihood ratio against
  "the difference is m" is

      ln(V / (V + tau^2)) / 2 + tau^2 (D - m)^2 / (2 V (V + tau^2)),

  with tau the smallest effect that matters. It rests on the means being near normal, so it says
  nothing before each arm has `FEWEST` values, and asks for values without rare huge ones.

How long it takes: at alpha = 0.05 the interval of a mean reaches as far as the smallest effect on
either side after 9.2 S / effect^2 values in each arm, with S the sum of both variances of a value.
Near a difference of just the smallest effect no verdict may ever come, so the plan sets an end.

Sources: Robbins 1970, Ann. Math. Stat. 41(5); Johari, Koomen, Pekelis and Walsh 2022, Always valid
inference, Oper. Res. 70(3); Howard et al. 2021, Time-uniform, nonparametric, nonasymptotic
confidence sequences, Ann. Stat. 49(2), eq. 14; Waudby-Smith et al. 2024, Time-uniform central limit
theory, Ann. Stat. 52(6), on estimated variances.
"""

from __future__ import annotations

import dataclasses
import enum
import math

from serving.rollout import evidence
from serving.rollout.metric import Metric, MetricKind, Moments

# Values in each arm before a mean is near enough to normal.
FEWEST = 100


class Verdict(enum.Enum):
    """How an A/B test stands."""

    CANDIDATE_BETTER = "candidate better"
    STABLE_BETTER = "stable better"
    NO_DIFFERENCE = "no difference that matters"
    UNDECIDED = "undecided"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Comparison:
    """A verdict and what it rests on.

    Attributes:
        verdict: How the test stands.
        low: Lowest difference, candidate minus stable, that the data allow.
        high: The highest.
        because: In words.
    """

    verdict: Verdict
    low: float
    high: float
    because: str


def compare(candidate: Moments, stable: Moments, metric: Metric, *, alpha: float) -> Comparison:
    """Returns how the test stands.

    Args:
        candidate: Its values so far.
        stable: Likewise.
        metric: Which way is good, and from which difference on it matters.
        alpha: Chance of a wrong verdict over all looks, in (0, 1).

    Raises:
        RolloutError: The metric is a proportion, and there are values but 0 and 1.
    """
    low, high = interval(candidate, stable, metric, alpha=alpha)
    verdict = _verdict(low, high, metric)
    numbers = (
        f"candidate {candidate.mean:.4g} over {candidate.count} labelled, stable "
        f"{stable.mean:.4g} over {stable.count}; difference in [{low:.4g}, {high:.4g}] with "
        f"confidence {1 - alpha:g} over all looks"
    )
    return Comparison(
        verdict=verdict, low=low, high=high, because=f"{metric.name}: {verdict.value}: {numbers}"
    )


def interval(
    candidate: Moments, stable: Moments, metric: Metric, *, alpha: float
) -> tuple[float, float]:
    """Returns the differences, candidate minus stable, that the data allow.

    Raises:
        RolloutError: The metric is a proportion, and there are values but 0 and 1.
    """
    if metric.kind is MetricKind.PROPORTION:
        counts = candidate.as_count(metric.name), stable.as_count(metric.name)
        return evidence.difference(*counts, alpha)
    variance = variance_of_difference(candidate, stable)
    if variance is None:
        return -math.inf, math.inf
    width = half_width(variance, metric.smallest_effect, alpha)
    apart = candidate.mean - stable.mean
    return apart - width, apart + width


def variance_of_mean(values: Moments) -> float | None:
    """Returns the variance of a mean, or None while it is not known."""
    enough = values.count >= FEWEST and values.variance > 0
    return values.variance / values.count if enough else None


def variance_of_difference(one: Moments, other: Moments) -> float | None:
    """Returns the variance of the difference of two means, or None while it is not known."""
    if min(one.count, other.count) < FEWEST:
        return None
    found = one.variance / one.count + other.variance / other.count
    # Without any spread so far, the spread is unknown rather than 0.
    return found if found > 0 else None


def mean_evidence(apart: float, variance: float, effect: float) -> float:
    """Returns log E against "the true value of `apart` is 0".

    Args:
        apart: A difference that was seen.
        variance: Of its estimate, above 0.
        effect: Near which true differences are found soonest.
    """
    wider = variance + effect * effect
    ratio = math.log(variance / wider) / 2
    return ratio + effect * effect * apart * apart / (2 * variance * wider)


def mean_above(beyond: float, variance: float | None, effect: float) -> float:
    """Returns log E against "the true value of `beyond` is at most 0".

    Args:
        beyond: A mean or a difference of means, less its bound.
        variance: Of its estimate; None while that is not known, and then nothing is said.
        effect: Near which true values are found soonest.
    """
    # The mixture is two-sided; below the bound it would speak against the other side.
    if variance is None or beyond <= 0:
        return -math.inf
    return mean_evidence(beyond, variance, effect)


def half_width(variance: float, effect: float, alpha: float) -> float:
    """Returns from which distance on `mean_evidence` reaches 1 / alpha."""
    wider = variance + effect * effect
    needed = math.log(1 / alpha) + math.log(wider / variance) / 2
    return math.sqrt(2 * variance * wider * needed) / effect


def _verdict(low: float, high: float, metric: Metric) -> Verdict:
    better, worse = Verdict.CANDIDATE_BETTER, Verdict.STABLE_BETTER
    if not metric.higher_is_better:
        better, worse = worse, better
    if low > 0:
        return better
    if high < 0:
        return worse
    if -metric.smallest_effect < low and high < metric.smallest_effect:
        return Verdict.NO_DIFFERENCE
    return Verdict.UNDECIDED
