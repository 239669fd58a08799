import math

import numpy as np
import pytest
from scipy import stats

from serving.rollout import evidence
from serving.rollout.errors import RolloutError
from serving.rollout.evidence import Count
from serving.rollout.guards import PredictionDrift, Status, Terms, prediction_drift
from serving.rollout.guards.prediction_drift import shifted
from serving.rollout.histogram import Histogram, LinearScale, of_values
from serving.rollout.snapshot import PROBABILITIES, ArmStats

TERMS = Terms(alpha=0.01, min_requests=100)


def arm(values: np.ndarray | list[float]) -> ArmStats:
    return ArmStats(requests=len(values), predictions=of_values(PROBABILITIES, list(values)))


HALVES = arm([0.2] * 500 + [0.8] * 500)


@pytest.mark.parametrize(
    ("max_shift", "candidate", "status"),
    [
        (0.1, HALVES, Status.HOLDS),
        (0.1, arm([0.2] * 250 + [0.8] * 750), Status.BROKEN),
        (0.1, arm([0.2] * 750 + [0.8] * 250), Status.BROKEN),
        (0.3, arm([0.2] * 250 + [0.8] * 750), Status.HOLDS),
        (0.1, arm([0.8] * 60), Status.BROKEN),
        (0.1, arm([0.8] * 5), Status.NOT_ENOUGH),
        (0.1, arm([]), Status.NOT_ENOUGH),
        # A constant, and what is no probability at all.
        (0.1, arm([0.5] * 1000), Status.BROKEN),
        (0.1, arm([0.2] * 400 + [0.8] * 400 + [math.nan] * 200), Status.BROKEN),
        (0.1, arm([-3.0] * 1000), Status.BROKEN),
        (0.1, arm([3.0] * 1000), Status.BROKEN),
    ],
)
def test_predictions_are_compared(max_shift: float, candidate: ArmStats, status: Status) -> None:
    bounds = PredictionDrift(max_shift=max_shift)

    assert prediction_drift(bounds, candidate, HALVES, TERMS).status is status


def test_the_reason_says_where_the_predictions_differ() -> None:
    finding = prediction_drift(
        PredictionDrift(max_shift=0.1), arm([0.2] * 250 + [0.8] * 750), HALVES, TERMS
    )

    assert "75.0% of the candidate's predictions are above" in finding.because
    assert "50.0% of the stable version's over 1000 and 1000 predictions" in finding.because
    assert finding.because.endswith("the distance is above the bound 0.1")


def test_nan_is_named() -> None:
    finding = prediction_drift(
        PredictionDrift(max_shift=0.1),
        arm([0.2] * 400 + [0.8] * 400 + [math.nan] * 200),
        HALVES,
        TERMS,
    )

    assert "20.0% of the candidate's predictions are NaN" in finding.because


def test_the_evidence_is_the_mean_over_all_edges_in_both_directions() -> None:
    two = LinearScale(low=0.0, high=1.0, inner=2)
    # Below, in the halves, above, NaN. The shares at or above the edges 0, 0.5 and 1 and of NaN.
    ours, theirs = Histogram(two, (0, 10, 70, 20, 0)), Histogram(two, (0, 60, 40, 0, 0))

    each = [
        evidence.exceeds(Count(90, 100), Count(40, 100), 0.1),
        evidence.exceeds(Count(20, 100), Count(0, 100), 0.1),
    ]
    # 4 edges, 2 directions; of the others nothing is above the margin.
    expected = math.log(sum(math.exp(one) for one in each) / 8)
    assert shifted(ours, theirs, 0.1) == pytest.approx(expected)
    assert shifted(theirs, ours, 0.1) == pytest.approx(expected)
    assert shifted(ours, ours, 0.1) == -math.inf


def test_other_bins_are_refused() -> None:
    other = Histogram.empty(LinearScale(low=0, high=2, inner=64))

    with pytest.raises(RolloutError, match="expected the bins of"):
        shifted(Histogram.empty(PROBABILITIES), other, 0.1)


def broken_at(rng: np.random.Generator, ours: float, theirs: float, bound: float) -> int | None:
    """Returns after how many predictions the guard is broken, looking 20 times.

    Predictions are Beta(2, ours) and Beta(2, theirs), a tenth of them the candidate's.
    """
    terms, bounds = Terms(alpha=0.1, min_requests=50), PredictionDrift(max_shift=bound)
    one, two = rng.beta(2, ours, 1000), rng.beta(2, theirs, 9000)
    for seen in range(50, 1001, 50):
        found = prediction_drift(bounds, arm(one[:seen]), arm(two[: 9 * seen]), terms)
        if found.status is Status.BROKEN:
            return seen
    return None


def test_the_same_predictions_are_accused_no_more_often_than_stated() -> None:
    rng, runs = np.random.default_rng(31), 30

    accused = sum(broken_at(rng, 3, 3, 0.0) is not None for _ in range(runs))

    assert accused <= stats.binom.isf(1e-3, runs, 0.1)


def test_predictions_that_differ_by_the_bound_are_accused_no_more_often_than_stated() -> None:
    rng, runs = np.random.default_rng(32), 30
    grid = np.linspace(0, 1, 10_001)
    # The largest distance between Beta(2, 3) and Beta(2, 4), by scipy.
    apart = float(np.abs(stats.beta.cdf(grid, 2, 3) - stats.beta.cdf(grid, 2, 4)).max())

    accused = sum(broken_at(rng, 4, 3, apart) is not None for _ in range(runs))

    assert 0.1 < apart < 0.2
    assert accused <= stats.binom.isf(1e-3, runs, 0.1)


def test_a_model_that_lost_its_way_is_found() -> None:
    rng = np.random.default_rng(33)

    # Beta(2, 12) and Beta(2, 3) are 0.6 apart.
    found = [broken_at(rng, 12, 3, 0.2) for _ in range(10)]

    assert all(after is not None and after <= 150 for after in found)
