import numpy as np
import pytest
from scipy import stats

from serving.rollout.errors import RolloutError
from serving.rollout.guards import LiveMetric, Status, Terms, live_metric
from serving.rollout.metric import Metric, MetricKind, Moments
from serving.rollout.snapshot import ArmStats

TERMS = Terms(alpha=0.01, min_requests=100)
ALONE = Terms(alpha=0.01, min_requests=100, compared=False)
CORRECT = Metric(name="correct")
WRONG = Metric(name="correct", higher_is_better=False)
LOSS = Metric(name="loss", kind=MetricKind.MEAN, higher_is_better=False, smallest_effect=0.1)
GAIN = Metric(name="gain", kind=MetricKind.MEAN, smallest_effect=0.1)


def ones(share: float, count: int) -> ArmStats:
    return ArmStats(metrics={"correct": Moments(count, share, count * share * (1 - share))})


def mean(value: float, count: int, name: str = "loss") -> ArmStats:
    return ArmStats(metrics={name: Moments(count, value, float(count))})


@pytest.mark.parametrize(
    ("bounds", "candidate", "stable", "terms", "status"),
    [
        (LiveMetric(metric=CORRECT), ones(0.8, 1000), ones(0.8, 9000), TERMS, Status.HOLDS),
        (LiveMetric(metric=CORRECT), ones(0.9, 1000), ones(0.8, 9000), TERMS, Status.HOLDS),
        (LiveMetric(metric=CORRECT), ones(0.6, 1000), ones(0.8, 9000), TERMS, Status.BROKEN),
        (LiveMetric(metric=CORRECT), ones(0.2, 100), ones(0.8, 9000), TERMS, Status.BROKEN),
        (LiveMetric(metric=CORRECT), ones(0.8, 400), ones(0.8, 9000), TERMS, Status.NOT_ENOUGH),
        (LiveMetric(metric=CORRECT), ones(0.8, 900), ones(0.8, 400), TERMS, Status.NOT_ENOUGH),
        (LiveMetric(metric=CORRECT), ArmStats(), ArmStats(), TERMS, Status.NOT_ENOUGH),
        (LiveMetric(metric=WRONG), ones(0.6, 1000), ones(0.8, 9000), TERMS, Status.HOLDS),
        (LiveMetric(metric=WRONG), ones(0.9, 1000), ones(0.8, 9000), TERMS, Status.BROKEN),
        (
            LiveMetric(metric=CORRECT, max_drop=0.3),
            ones(0.6, 1000),
            ones(0.8, 9000),
            TERMS,
            Status.HOLDS,
        ),
        (
            LiveMetric(metric=CORRECT, bound=0.7),
            ones(0.6, 1000),
            ones(0.6, 9000),
            TERMS,
            Status.BROKEN,
        ),
        (
            LiveMetric(metric=CORRECT, bound=0.7),
            ones(0.6, 1000),
            ArmStats(),
            ALONE,
            Status.BROKEN,
        ),
        (
            LiveMetric(metric=WRONG, bound=0.3),
            ones(0.6, 1000),
            ArmStats(),
            ALONE,
            Status.BROKEN,
        ),
        (
            LiveMetric(metric=CORRECT, bound=0.5),
            ones(0.6, 1000),
            ArmStats(),
            ALONE,
            Status.HOLDS,
        ),
        (LiveMetric(metric=LOSS), mean(0.5, 1000), mean(0.5, 9000), TERMS, Status.HOLDS),
        (LiveMetric(metric=LOSS), mean(0.1, 1000), mean(0.5, 9000), TERMS, Status.HOLDS),
        (LiveMetric(metric=LOSS), mean(0.9, 1000), mean(0.5, 9000), TERMS, Status.BROKEN),
        (
            LiveMetric(metric=GAIN),
            mean(0.1, 1000, "gain"),
            mean(0.5, 9000, "gain"),
            TERMS,
            Status.BROKEN,
        ),
        (LiveMetric(metric=LOSS), mean(0.9, 99), mean(0.5, 9000), TERMS, Status.NOT_ENOUGH),
        (
            LiveMetric(metric=LOSS, max_drop=0.5),
            mean(0.9, 1000),
            mean(0.5, 9000),
            TERMS,
            Status.HOLDS,
        ),
        (LiveMetric(metric=LOSS, bound=0.5), mean(0.9, 1000), ArmStats(), ALONE, Status.BROKEN),
        (LiveMetric(metric=LOSS, bound=0.5), mean(0.4, 1000), ArmStats(), ALONE, Status.HOLDS),
        (LiveMetric(metric=LOSS, bound=0.5), mean(0.9, 99), ArmStats(), ALONE, Status.NOT_ENOUGH),
    ],
)
def test_metrics_are_compared(
    bounds: LiveMetric, candidate: ArmStats, stable: ArmStats, terms: Terms, status: Status
) -> None:
    assert live_metric(bounds, candidate, stable, terms).status is status


@pytest.mark.parametrize(
    ("metric", "candidate", "stable", "status"),
    [
        (CORRECT, ones(0.8, 5000), ones(0.8, 9000), Status.HOLDS),
        (CORRECT, ones(0.8, 500), ones(0.8, 9000), Status.NOT_ENOUGH),
        (CORRECT, ones(0.9, 500), ones(0.8, 9000), Status.HOLDS),
        (CORRECT, ones(0.7, 5000), ones(0.8, 9000), Status.NOT_ENOUGH),
        (CORRECT, ones(0.6, 5000), ones(0.8, 9000), Status.BROKEN),
        (LOSS, mean(0.5, 9000), mean(0.5, 9000), Status.HOLDS),
        (LOSS, mean(0.5, 500), mean(0.5, 9000), Status.NOT_ENOUGH),
        (LOSS, mean(0.1, 500), mean(0.5, 9000), Status.HOLDS),
        (LOSS, mean(0.9, 5000), mean(0.5, 9000), Status.BROKEN),
    ],
)
def test_what_has_to_be_proven_holds_only_when_it_is(
    metric: Metric, candidate: ArmStats, stable: ArmStats, status: Status
) -> None:
    bounds = LiveMetric(metric=metric, max_drop=0.1, proven=True)

    assert live_metric(bounds, candidate, stable, TERMS).status is status


def test_equality_cannot_be_proven() -> None:
    with pytest.raises(RolloutError, match="proven needs a max_drop above 0"):
        LiveMetric(metric=CORRECT, proven=True)


def test_the_reason_has_the_numbers() -> None:
    bounds = LiveMetric(metric=CORRECT, max_drop=0.05)

    assert live_metric(bounds, ones(0.6, 1000), ones(0.8, 9000), TERMS).because == (
        "correct is 0.6 over 1000 labelled of the candidate, 0.8 over 9000 of the stable version; "
        "the candidate's is worse by more than 0.05"
    )


def of(values: np.ndarray) -> ArmStats:
    squares = values.size * float(values.var())
    return ArmStats(metrics={"loss": Moments(values.size, float(values.mean()), squares)})


def test_a_sound_version_is_accused_no_more_often_than_stated() -> None:
    rng, runs, terms = np.random.default_rng(41), 150, Terms(alpha=0.1, min_requests=100)
    bounds = LiveMetric(metric=LOSS, min_labels=100)
    accused = 0
    for _ in range(runs):
        ours, theirs = rng.exponential(0.5, 1000), rng.exponential(0.5, 4000)
        for seen in range(100, 1001, 20):
            one, two = of(ours[:seen]), of(theirs[: 4 * seen])
            if live_metric(bounds, one, two, terms).status is Status.BROKEN:
                accused += 1
                break

    assert accused <= stats.binom.isf(1e-3, runs, 0.1)
