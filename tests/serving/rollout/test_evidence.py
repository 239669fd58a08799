import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, special, stats

from serving.rollout import evidence
from serving.rollout.evidence import Count

COUNTS = st.integers(0, 400).flatmap(
    lambda trials: st.integers(0, trials).map(lambda hits: Count(hits, trials))
)


def log_mixture(count: Count) -> float:
    misses = count.trials - count.hits
    return special.betaln(count.hits + 0.5, misses + 0.5) - special.betaln(0.5, 0.5)


def log_likelihood(count: Count, share: float) -> float:
    hits, misses = count.hits, count.trials - count.hits
    return special.xlogy(hits, share) + special.xlog1py(misses, -share)


def by_scipy(one: Count, other: Count, margin: float) -> float:
    """The same ratio, its largest likelihood found by a general optimizer."""
    mixed = log_mixture(one) + log_mixture(other)
    if one.share <= other.share + margin:
        return mixed - log_likelihood(one, one.share) - log_likelihood(other, other.share)
    found = optimize.minimize_scalar(
        lambda share: -log_likelihood(one, share + margin) - log_likelihood(other, share),
        bounds=(max(0, -margin), min(1, 1 - margin)),
        method="bounded",
        options={"xatol": 1e-12},
    )
    return mixed + found.fun


def test_the_worked_example_of_the_module_holds() -> None:
    # Mixtures and likelihood by scipy; the pooled share is 9 of 1,100.
    one, other = Count(8, 100), Count(1, 1000)
    expected = (
        log_mixture(one)
        + log_mixture(other)
        - log_likelihood(one, 9 / 1100)
        - log_likelihood(other, 9 / 1100)
    )

    assert evidence.exceeds(one, other) == pytest.approx(expected, abs=1e-9)
    assert expected == pytest.approx(10.2, abs=0.05)


@pytest.mark.parametrize("margin", [-0.3, 0.0, 0.02, 0.3])
@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Count(30, 100), Count(100, 1000)),
        (Count(3, 10), Count(0, 20)),
        (Count(10, 10), Count(0, 20)),
        (Count(0, 10), Count(3, 20)),
        (Count(90, 100), Count(5, 7)),
        (Count(400, 50_000), Count(900, 1_000_000)),
    ],
)
def test_the_ratio_is_that_of_a_general_optimizer(one: Count, other: Count, margin: float) -> None:
    expected = by_scipy(one, other, margin)

    assert evidence.exceeds(one, other, margin) == pytest.approx(expected, abs=1e-3)


def test_one_share_against_a_bound() -> None:
    count = Count(12, 200)

    expected = log_mixture(count) - log_likelihood(count, 0.01)
    assert evidence.above(count, 0.01) == pytest.approx(expected)
    assert evidence.above(count, 0.5) == pytest.approx(
        log_mixture(count) - log_likelihood(count, 0.06)
    )
    assert evidence.below(Count(188, 200), 0.99) == pytest.approx(expected)


def test_what_cannot_be_is_certain() -> None:
    assert evidence.above(Count(1, 10), 0.0) == math.inf
    assert evidence.below(Count(9, 10), 1.0) == math.inf


def test_without_trials_there_is_no_evidence() -> None:
    assert evidence.exceeds(Count(0, 0), Count(0, 0)) == pytest.approx(0)
    assert evidence.exceeds(Count(0, 0), Count(5, 10)) <= 0
    assert evidence.difference(Count(0, 0), Count(0, 0), 0.05) == (-1, 1)


@pytest.mark.parametrize(("hits", "trials"), [(-1, 3), (4, 3)])
def test_impossible_counts_are_refused(hits: int, trials: int) -> None:
    with pytest.raises(ValueError, match="expected 0 <= hits <= trials"):
        Count(hits, trials)


@given(one=COUNTS, other=COUNTS, margins=st.tuples(st.floats(-1, 1), st.floats(-1, 1)))
@settings(deadline=None)
def test_evidence_falls_as_the_margin_grows(
    one: Count, other: Count, margins: tuple[float, float]
) -> None:
    low, high = sorted(margins)

    assert evidence.exceeds(one, other, low) >= evidence.exceeds(one, other, high) - 1e-6


@given(one=COUNTS, other=COUNTS)
@settings(deadline=None, max_examples=50)
def test_the_interval_holds_the_observed_difference_and_turns_with_the_arms(
    one: Count, other: Count
) -> None:
    low, high = evidence.difference(one, other, 0.05)

    if one.trials and other.trials:
        assert -1 <= low <= one.share - other.share <= high <= 1
    assert evidence.difference(other, one, 0.05) == pytest.approx((-high, -low))


def test_the_interval_ends_where_the_evidence_begins() -> None:
    one, other = Count(60, 100), Count(40, 100)

    low, high = evidence.difference(one, other, 0.05)

    assert evidence.exceeds(one, other, low) == pytest.approx(math.log(20), abs=1e-6)
    assert evidence.exceeds(other, one, -high) == pytest.approx(math.log(20), abs=1e-6)
    # Wider than the interval of a single look, Newcombe's, which scipy does not have; Wald's is
    # 0.2 -+ 1.96 * sqrt(0.0048).
    assert low < 0.2 - 0.1358
    assert high > 0.2 + 0.1358


def looks(rng: np.random.Generator) -> list[tuple[Count, Count]]:
    """Returns what is seen of two equal versions after each of 400 requests."""
    of_one, hits = rng.random(400) < 0.3, rng.random(400) < 0.05
    ones, others = np.cumsum(of_one), np.cumsum(~of_one)
    hit_ones, hit_others = np.cumsum(hits & of_one), np.cumsum(hits & ~of_one)
    return [
        (Count(int(hit_one), int(one)), Count(int(hit_other), int(other)))
        for hit_one, one, hit_other, other in zip(hit_ones, ones, hit_others, others, strict=True)
    ]


def usual(one: Count, other: Count, alpha: float) -> bool:
    """The one-sided z-test of two shares, as it is when one looks once."""
    pooled = (one.hits + other.hits) / (one.trials + other.trials)
    if min(one.trials, other.trials) < 30 or not 0 < pooled < 1:
        return False
    error = math.sqrt(pooled * (1 - pooled) * (1 / one.trials + 1 / other.trials))
    return stats.norm.isf(alpha) < (one.share - other.share) / error


def test_looking_after_every_request_rejects_a_sound_version_no_more_often_than_stated() -> None:
    rng, alpha, runs = np.random.default_rng(1), 0.1, 200
    rejected = rejected_by_usual = 0
    for _ in range(runs):
        seen = looks(rng)
        rejected += any(evidence.exceeds(*pair) >= -math.log(alpha) for pair in seen)
        rejected_by_usual += any(usual(*pair, alpha) for pair in seen[::10])

    # The largest number that a rate of alpha exceeds once in 1,000 such tests.
    bound = stats.binom.isf(1e-3, runs, alpha)
    assert rejected <= bound
    # What the usual test does when it is asked only forty times: the simulation would show it.
    assert rejected_by_usual > bound
