import math

import numpy as np
import pytest
from scipy import stats

from serving.rollout import evidence
from serving.rollout.evidence import Count
from serving.rollout.guards import ErrorRate, Status, Terms, error_rate
from serving.rollout.snapshot import ArmStats

TERMS = Terms(alpha=0.01, min_requests=100)
ALONE = Terms(alpha=0.01, min_requests=100, compared=False)


def arm(errors: int, requests: int) -> ArmStats:
    return ArmStats(errors=errors, requests=requests)


@pytest.mark.parametrize(
    ("bounds", "candidate", "stable", "terms", "status"),
    [
        (ErrorRate(), arm(0, 1000), arm(0, 9000), TERMS, Status.HOLDS),
        (ErrorRate(), arm(10, 1000), arm(90, 9000), TERMS, Status.HOLDS),
        (ErrorRate(), arm(0, 1000), arm(900, 9000), TERMS, Status.HOLDS),
        (ErrorRate(), arm(100, 1000), arm(90, 9000), TERMS, Status.BROKEN),
        # Broken long before the minimum of requests.
        (ErrorRate(), arm(20, 20), arm(0, 2000), TERMS, Status.BROKEN),
        (ErrorRate(), arm(1, 20), arm(0, 2000), TERMS, Status.NOT_ENOUGH),
        (ErrorRate(), arm(0, 99), arm(0, 9000), TERMS, Status.NOT_ENOUGH),
        (ErrorRate(), arm(0, 1000), arm(0, 99), TERMS, Status.NOT_ENOUGH),
        # Within the margin, though surely higher.
        (ErrorRate(margin=0.2), arm(100, 1000), arm(90, 9000), TERMS, Status.HOLDS),
        (ErrorRate(margin=0.02), arm(100, 1000), arm(90, 9000), TERMS, Status.BROKEN),
        # Both fail alike: only the bound of its own is broken.
        (ErrorRate(), arm(300, 1000), arm(2700, 9000), TERMS, Status.HOLDS),
        (ErrorRate(max_rate=0.1), arm(300, 1000), arm(2700, 9000), TERMS, Status.BROKEN),
        (ErrorRate(max_rate=0.1), arm(105, 1000), arm(945, 9000), TERMS, Status.HOLDS),
        (ErrorRate(max_rate=0.1), arm(300, 1000), arm(0, 0), ALONE, Status.BROKEN),
        (ErrorRate(max_rate=0.1), arm(5, 1000), arm(0, 0), ALONE, Status.HOLDS),
        (ErrorRate(max_rate=0.1), arm(5, 50), arm(0, 0), ALONE, Status.NOT_ENOUGH),
    ],
)
def test_errors_are_compared(
    bounds: ErrorRate, candidate: ArmStats, stable: ArmStats, terms: Terms, status: Status
) -> None:
    assert error_rate(bounds, candidate, stable, terms).status is status


def test_the_reason_has_the_numbers() -> None:
    finding = error_rate(ErrorRate(margin=0.01), arm(100, 1000), arm(90, 9000), TERMS)

    assert finding.because == (
        "the candidate failed 100 of 1000 requests, the stable version 90 of 9000; the candidate's "
        "rate is higher by more than 0.01"
    )


@pytest.mark.parametrize("bounds", [ErrorRate(), ErrorRate(margin=0.01), ErrorRate(max_rate=0.01)])
def test_the_guard_takes_half_of_alpha_for_each_of_its_questions(bounds: ErrorRate) -> None:
    stable = arm(20, 2000)

    def log_e(errors: int) -> float:
        if bounds.max_rate is not None:
            return evidence.above(Count(errors, 99), bounds.max_rate)
        return evidence.exceeds(Count(errors, 99), Count(20, 2000), bounds.margin)

    fewest = next(errors for errors in range(99) if log_e(errors) >= math.log(2 / 0.01))
    compared = bounds.max_rate is None
    terms = Terms(alpha=0.01, min_requests=100, compared=compared)

    assert error_rate(bounds, arm(fewest, 99), stable, terms).status is Status.BROKEN
    assert error_rate(bounds, arm(fewest - 1, 99), stable, terms).status is Status.NOT_ENOUGH


def broken_at(rng: np.random.Generator, rates: tuple[float, float], share: float) -> int | None:
    """Returns after how many requests of the candidate the guard is broken, looking every 20."""
    terms, bounds = Terms(alpha=0.1, min_requests=100), ErrorRate()
    dealt = rng.random(20_000) < share
    failed = rng.random(20_000) < np.where(dealt, *rates)
    ours, theirs = np.cumsum(dealt), np.cumsum(~dealt)
    our_errors, their_errors = np.cumsum(failed & dealt), np.cumsum(failed & ~dealt)
    for at in range(19, 20_000, 20):
        one = arm(int(our_errors[at]), int(ours[at]))
        two = arm(int(their_errors[at]), int(theirs[at]))
        if error_rate(bounds, one, two, terms).status is Status.BROKEN:
            return one.requests
    return None


@pytest.mark.parametrize("share", [0.05, 0.25])
def test_a_sound_version_is_accused_no_more_often_than_stated(share: float) -> None:
    rng, runs = np.random.default_rng(11), 60

    accused = sum(broken_at(rng, (0.02, 0.02), share) is not None for _ in range(runs))

    assert accused <= stats.binom.isf(1e-3, runs, 0.1)


def test_a_version_that_fails_more_often_is_found_within_its_first_requests() -> None:
    rng = np.random.default_rng(12)

    found = [broken_at(rng, (0.2, 0.01), 0.01) for _ in range(30)]

    assert all(after is not None and after < 100 for after in found)
