import math

import numpy as np
import pytest
from scipy import special, stats

from serving.rollout.guards import P99Latency, Status, Terms, p99_latency
from serving.rollout.guards.p99_latency import at_least, at_most
from serving.rollout.histogram import LATENCY_SEC, Histogram, of_values
from serving.rollout.snapshot import ArmStats

TERMS = Terms(alpha=0.01, min_requests=500)
ALONE = Terms(alpha=0.01, min_requests=500, compared=False)


def arm(*answers: tuple[float, int]) -> ArmStats:
    """Returns an arm that answered in so many seconds so many times."""
    values = [seconds for seconds, times in answers for _ in range(times)]
    return ArmStats(requests=len(values), latency=of_values(LATENCY_SEC, values))


QUICK = arm((0.01, 9950), (0.02, 50))


@pytest.mark.parametrize(
    ("bounds", "candidate", "stable", "terms", "status"),
    [
        (P99Latency(), QUICK, QUICK, TERMS, Status.HOLDS),
        (P99Latency(), arm((0.01, 900), (0.1, 100)), QUICK, TERMS, Status.BROKEN),
        (P99Latency(), arm((0.1, 40)), QUICK, TERMS, Status.BROKEN),
        (P99Latency(), arm((0.01, 39), (0.1, 1)), QUICK, TERMS, Status.NOT_ENOUGH),
        (P99Latency(max_ratio=20), arm((0.1, 1000)), QUICK, TERMS, Status.HOLDS),
        (P99Latency(max_ratio=2), arm((0.1, 1000)), QUICK, TERMS, Status.BROKEN),
        (P99Latency(), arm((0.001, 1000)), QUICK, TERMS, Status.HOLDS),
        # Of so few stable answers nothing is known.
        (P99Latency(), arm((0.1, 1000)), arm((0.01, 100)), TERMS, Status.NOT_ENOUGH),
        (P99Latency(max_sec=0.05), arm((0.1, 1000)), arm((0.1, 1000)), TERMS, Status.BROKEN),
        (P99Latency(max_sec=0.05), arm((0.1, 1000)), arm(), ALONE, Status.BROKEN),
        (P99Latency(max_sec=0.05), arm((0.01, 1000)), arm(), ALONE, Status.HOLDS),
        (P99Latency(max_sec=0.05), arm((0.01, 100)), arm(), ALONE, Status.NOT_ENOUGH),
    ],
)
def test_percentiles_are_compared(
    bounds: P99Latency, candidate: ArmStats, stable: ArmStats, terms: Terms, status: Status
) -> None:
    assert p99_latency(bounds, candidate, stable, terms).status is status


def test_the_reason_has_the_numbers() -> None:
    finding = p99_latency(P99Latency(), arm((0.1, 1000)), QUICK, TERMS)

    # Edges are 0.01 ms * 2 ** (k / 8): 100 ms lies between those of k = 106 and 107, 97.4 and 106.2
    # ms, 10 ms between 79 and 80, 9.39 and 10.24 ms. What is read off is their geometric middle.
    assert "the candidate's p99 is 102 ms, the stable version's 9.81 ms" in finding.because
    assert "the candidate's is above 97.4 ms" in finding.because
    assert "below 10.2 ms, more than 1.5 times" in finding.because


def test_the_guard_takes_a_third_of_alpha_for_each_of_its_bounds() -> None:
    def log_e(slow: int) -> float:
        """Of 200 answers, against "at most 1 % are slow": the mixture over the likelihood."""
        mixed = special.betaln(slow + 0.5, 200 - slow + 0.5) - special.betaln(0.5, 0.5)
        return mixed - slow * math.log(0.01) - (200 - slow) * math.log(0.99)

    fewest = next(slow for slow in range(3, 200) if log_e(slow) >= math.log(3 / 0.01))
    stable = arm((0.01, 100_000))

    def status(slow: int) -> Status:
        candidate = arm((0.01, 200 - slow), (1.0, slow))
        return p99_latency(P99Latency(), candidate, stable, TERMS).status

    assert status(fewest) is Status.BROKEN
    assert status(fewest - 1) is Status.NOT_ENOUGH


def test_nothing_is_known_of_no_answers() -> None:
    none = Histogram.empty(LATENCY_SEC)

    assert at_least(none, 3.0) == 0
    assert at_most(none, 3.0) == math.inf


def test_bounds_of_the_percentile_hold_it_at_every_look() -> None:
    rng, runs, alpha = np.random.default_rng(21), 60, 0.1
    truth = float(stats.lognorm.ppf(0.99, 0.5, scale=math.exp(-4)))
    missed = 0
    for _ in range(runs):
        values = rng.lognormal(-4, 0.5, 3000)
        looks = (of_values(LATENCY_SEC, values[:seen]) for seen in range(200, 3001, 200))
        missed += any(
            at_least(look, -math.log(alpha)) > truth or at_most(look, -math.log(alpha)) < truth
            for look in looks
        )

    # Each bound alone misses with a chance of alpha.
    assert missed <= stats.binom.isf(1e-3, runs, 2 * alpha)


def test_a_slower_version_is_found() -> None:
    rng = np.random.default_rng(22)
    stable = of_values(LATENCY_SEC, rng.lognormal(-4, 0.5, 20_000))
    for _ in range(10):
        candidate = of_values(LATENCY_SEC, 3 * rng.lognormal(-4, 0.5, 500))
        finding = p99_latency(
            P99Latency(),
            ArmStats(requests=500, latency=candidate),
            ArmStats(requests=20_000, latency=stable),
            TERMS,
        )
        assert finding.status is Status.BROKEN
