import numpy as np
import pytest
from scipy import stats

from serving.rollout.errors import RolloutError
from serving.rollout.guards import (
    LiveMetric,
    PairedMetric,
    Status,
    Terms,
    live_metric,
    paired_metric,
)
from serving.rollout.metric import Metric, MetricKind, Moments
from serving.rollout.snapshot import ArmStats

TERMS = Terms(alpha=0.01, min_requests=100)
LOSS = Metric(name="loss", kind=MetricKind.MEAN, higher_is_better=False, smallest_effect=0.1)
GAIN = Metric(name="loss", kind=MetricKind.MEAN, smallest_effect=0.1)


def pairs(mean: float, count: int) -> ArmStats:
    """Returns differences of variance 1."""
    return ArmStats(metrics={"loss": Moments(count, mean, float(count))})


@pytest.mark.parametrize(
    ("bounds", "candidate", "status"),
    [
        (PairedMetric(metric=LOSS), pairs(0.0, 1000), Status.HOLDS),
        (PairedMetric(metric=LOSS), pairs(-0.5, 1000), Status.HOLDS),
        (PairedMetric(metric=LOSS), pairs(0.5, 1000), Status.BROKEN),
        (PairedMetric(metric=LOSS), pairs(0.9, 100), Status.BROKEN),
        (PairedMetric(metric=LOSS), pairs(0.9, 99), Status.NOT_ENOUGH),
        (PairedMetric(metric=LOSS), pairs(0.0, 499), Status.NOT_ENOUGH),
        (PairedMetric(metric=LOSS), ArmStats(), Status.NOT_ENOUGH),
        (PairedMetric(metric=LOSS, max_drop=0.6), pairs(0.5, 1000), Status.HOLDS),
        (PairedMetric(metric=GAIN), pairs(0.5, 1000), Status.HOLDS),
        (PairedMetric(metric=GAIN), pairs(-0.5, 1000), Status.BROKEN),
        (PairedMetric(metric=LOSS, max_drop=0.2, proven=True), pairs(0.0, 1000), Status.HOLDS),
        (PairedMetric(metric=LOSS, max_drop=0.2, proven=True), pairs(0.15, 999), Status.NOT_ENOUGH),
        (PairedMetric(metric=LOSS, max_drop=0.2, proven=True), pairs(0.5, 999), Status.BROKEN),
    ],
)
def test_differences_are_judged(bounds: PairedMetric, candidate: ArmStats, status: Status) -> None:
    assert paired_metric(bounds, candidate, ArmStats(), TERMS).status is status


def test_the_reason_has_the_numbers() -> None:
    finding = paired_metric(PairedMetric(metric=LOSS), pairs(0.5, 1000), ArmStats(), TERMS)

    assert finding.because == (
        "loss is +0.5 in the mean of 1000 pairs; the candidate is worse by more than 0"
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"metric": Metric(name="correct")}, "received correct, a proportion"),
        ({"max_drop": -1.0}, "max_drop of at least 0"),
        ({"min_labels": 99}, "min_labels of at least 100"),
        ({"proven": True}, "proven needs a max_drop above 0"),
    ],
)
def test_impossible_bounds_are_refused(changes: dict, message: str) -> None:
    with pytest.raises(RolloutError, match=message):
        PairedMetric(**({"metric": LOSS} | changes))


def of(values: np.ndarray) -> ArmStats:
    squares = values.size * float(values.var())
    return ArmStats(metrics={"loss": Moments(values.size, float(values.mean()), squares)})


def test_a_sound_version_is_accused_no_more_often_than_stated() -> None:
    rng, runs, terms = np.random.default_rng(51), 200, Terms(alpha=0.1, min_requests=100)
    bounds = PairedMetric(metric=LOSS, min_labels=100)
    accused = 0
    for _ in range(runs):
        values = rng.exponential(0.5, 1000) - rng.exponential(0.5, 1000)
        looks = (of(values[:seen]) for seen in range(100, 1001, 20))
        accused += any(
            paired_metric(bounds, look, ArmStats(), terms).status is Status.BROKEN for look in looks
        )

    assert accused <= stats.binom.isf(1e-3, runs, 0.1)


def test_pairs_find_what_separate_arms_do_not() -> None:
    rng = np.random.default_rng(52)
    hardness = rng.exponential(0.5, 2000)
    candidate = hardness + 0.05 + rng.normal(0, 0.1, 2000)

    apart = live_metric(LiveMetric(metric=LOSS), of(candidate), of(hardness), TERMS)
    paired = paired_metric(PairedMetric(metric=LOSS), of(candidate - hardness), ArmStats(), TERMS)

    assert apart.status is Status.HOLDS
    assert paired.status is Status.BROKEN
