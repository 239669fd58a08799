import math

import numpy as np
import pytest
from scipy import integrate, stats

from serving.rollout import evidence, sequential
from serving.rollout.evidence import Count
from serving.rollout.metric import Metric, MetricKind, Moments
from serving.rollout.sequential import Verdict

ALPHA = 0.1
CORRECT = Metric(name="correct", smallest_effect=0.1)
LOSS = Metric(name="loss", kind=MetricKind.MEAN, higher_is_better=False, smallest_effect=0.2)


def of_ones(hits: int, trials: int) -> Moments:
    share = hits / trials if trials else 0.0
    return Moments(trials, share, trials * share * (1 - share))


def at_most(runs: int, rate: float) -> float:
    """The number that a rate exceeds once in 1,000 tests of so many runs."""
    return stats.binom.isf(1e-3, runs, rate)


@pytest.mark.parametrize(
    ("candidate", "stable", "metric", "verdict"),
    [
        (of_ones(900, 1000), of_ones(700, 1000), CORRECT, Verdict.CANDIDATE_BETTER),
        (of_ones(700, 1000), of_ones(900, 1000), CORRECT, Verdict.STABLE_BETTER),
        (of_ones(9000, 10_000), of_ones(9000, 10_000), CORRECT, Verdict.NO_DIFFERENCE),
        (of_ones(90, 100), of_ones(85, 100), CORRECT, Verdict.UNDECIDED),
        (of_ones(0, 0), of_ones(85, 100), CORRECT, Verdict.UNDECIDED),
        (Moments(1000, 0.3, 100.0), Moments(1000, 0.9, 100.0), LOSS, Verdict.CANDIDATE_BETTER),
        (Moments(1000, 0.9, 100.0), Moments(1000, 0.3, 100.0), LOSS, Verdict.STABLE_BETTER),
        (Moments(9000, 0.3, 900.0), Moments(9000, 0.3, 900.0), LOSS, Verdict.NO_DIFFERENCE),
        (Moments(99, 0.3, 1.0), Moments(1000, 0.9, 100.0), LOSS, Verdict.UNDECIDED),
        (Moments(100, 0.3, 0.0), Moments(100, 0.9, 0.0), LOSS, Verdict.UNDECIDED),
    ],
)
def test_verdicts(candidate: Moments, stable: Moments, metric: Metric, verdict: Verdict) -> None:
    found = sequential.compare(candidate, stable, metric, alpha=0.05)

    assert found.verdict is verdict
    assert found.low <= candidate.mean - stable.mean <= found.high
    assert verdict.value in found.because
    assert "confidence 0.95" in found.because


def test_evidence_of_a_mean_is_the_mixed_likelihood_ratio() -> None:
    apart, variance, effect = 0.3, 0.01, 0.2
    mixed, _ = integrate.quad(
        lambda mean: (
            stats.norm.pdf(apart, mean, math.sqrt(variance)) * stats.norm.pdf(mean, 0, effect)
        ),
        -3,
        3,
        points=[0, apart],
    )

    expected = math.log(mixed / stats.norm.pdf(apart, 0, math.sqrt(variance)))
    assert sequential.mean_evidence(apart, variance, effect) == pytest.approx(expected)


def test_the_interval_of_a_mean_ends_where_the_evidence_begins() -> None:
    width = sequential.half_width(0.01, 0.2, 0.05)

    assert sequential.mean_evidence(width, 0.01, 0.2) == pytest.approx(math.log(20))


def test_the_interval_of_a_mean_reaches_the_effect_after_the_stated_number_of_values() -> None:
    effect, spread = 0.1, 3.0

    assert sequential.half_width(effect**2 / 9.2, effect, 0.05) == pytest.approx(effect, rel=0.01)
    values = 9.2 * spread / effect**2
    assert sequential.half_width(spread / values, effect, 0.05) == pytest.approx(effect, rel=0.01)


def verdict_of_proportions(hits: tuple[np.ndarray, np.ndarray], alpha: float) -> Verdict:
    """Looks after every pair of observations and stops at the first verdict for one arm."""
    ours, theirs = (np.cumsum(found) for found in hits)
    for seen, (one, other) in enumerate(zip(ours, theirs, strict=True), start=1):
        counts = Count(int(one), seen), Count(int(other), seen)
        # Only then is 0 outside the interval: see the test below.
        if excludes_0(*counts, alpha):
            found = sequential.compare(
                of_ones(int(one), seen), of_ones(int(other), seen), CORRECT, alpha=alpha
            )
            assert found.verdict in {Verdict.CANDIDATE_BETTER, Verdict.STABLE_BETTER}
            return found.verdict
    return Verdict.UNDECIDED


def excludes_0(one: Count, other: Count, alpha: float) -> bool:
    limit = -math.log(alpha)
    return evidence.exceeds(one, other) >= limit or evidence.exceeds(other, one) >= limit


@pytest.mark.parametrize("one", [0, 20, 30, 34, 35, 36, 37, 38, 39, 60, 100])
@pytest.mark.parametrize("other", [0, 1, 20, 55, 99, 100])
def test_a_verdict_on_proportions_is_given_exactly_when_the_evidence_suffices(
    one: int, other: int
) -> None:
    found = sequential.compare(of_ones(one, 100), of_ones(other, 100), CORRECT, alpha=ALPHA)

    for_one = found.verdict in {Verdict.CANDIDATE_BETTER, Verdict.STABLE_BETTER}
    assert for_one == excludes_0(Count(one, 100), Count(other, 100), ALPHA)


def test_peeking_at_every_proportion_errs_no_more_often_than_stated() -> None:
    rng, runs = np.random.default_rng(3), 300

    wrong = sum(
        verdict_of_proportions((rng.random(500) < 0.5, rng.random(500) < 0.5), ALPHA)
        is not Verdict.UNDECIDED
        for _ in range(runs)
    )

    assert wrong <= at_most(runs, ALPHA)


def test_a_planted_difference_of_proportions_is_found() -> None:
    rng, runs = np.random.default_rng(4), 60

    found = [
        verdict_of_proportions((rng.random(1000) < 0.65, rng.random(1000) < 0.5), 0.05)
        for _ in range(runs)
    ]

    assert found.count(Verdict.STABLE_BETTER) <= at_most(runs, 0.05)
    # At the end, with 1,000 in each arm, 0.15 is 6.9 standard errors of a single look.
    assert found.count(Verdict.CANDIDATE_BETTER) >= 0.9 * runs


def first_verdicts(ours: np.ndarray, theirs: np.ndarray, alpha: float) -> list[Verdict]:
    """Looks after every pair of values of every run, arrays of shape `(runs, looks)`."""
    counts = np.arange(1, ours.shape[1] + 1)

    def running(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        means = np.cumsum(values, axis=1) / counts
        return means, np.cumsum(values**2, axis=1) - counts * means**2

    (mean, squares), (other, others) = running(ours), running(theirs)
    verdicts = []
    for run in range(ours.shape[0]):
        found = Verdict.UNDECIDED
        for look in range(sequential.FEWEST - 1, ours.shape[1]):
            one = Moments(look + 1, float(mean[run, look]), float(max(squares[run, look], 0)))
            two = Moments(look + 1, float(other[run, look]), float(max(others[run, look], 0)))
            low, high = sequential.interval(one, two, LOSS, alpha=alpha)
            if low > 0 or high < 0:
                # A loss: lower is better.
                found = Verdict.STABLE_BETTER if low > 0 else Verdict.CANDIDATE_BETTER
                break
        verdicts.append(found)
    return verdicts


def test_peeking_at_every_mean_errs_no_more_often_than_stated() -> None:
    rng, runs = np.random.default_rng(5), 300

    # Exponential: skewed, as losses are.
    found = first_verdicts(
        rng.exponential(size=(runs, 800)), rng.exponential(size=(runs, 800)), ALPHA
    )

    assert runs - found.count(Verdict.UNDECIDED) <= at_most(runs, ALPHA)


def test_a_planted_difference_of_means_is_found() -> None:
    rng, runs = np.random.default_rng(6), 60

    found = first_verdicts(
        rng.exponential(0.8, (runs, 1500)), rng.exponential(1.0, (runs, 1500)), 0.05
    )

    assert found.count(Verdict.STABLE_BETTER) <= at_most(runs, 0.05)
    assert found.count(Verdict.CANDIDATE_BETTER) >= 0.9 * runs
