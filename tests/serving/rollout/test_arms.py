import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.rollout.arms import ArmAccumulator, StepAccumulator
from serving.rollout.errors import RolloutError
from serving.rollout.histogram import LATENCY_SEC, LinearScale
from serving.rollout.metric import Moments
from serving.rollout.routing import Arm
from serving.rollout.snapshot import ArmStats

ANSWERS = st.lists(st.tuples(st.floats(0, 100), st.lists(st.floats(-1, 2), max_size=3)))


def gathered(answers: list[tuple[float, list[float]]], errors: int = 0) -> ArmAccumulator:
    arm = ArmAccumulator()
    for latency_sec, predictions in answers:
        arm.add_answer(latency_sec, predictions)
        arm.add_label("loss", latency_sec)
    for _ in range(errors):
        arm.add_error()
    return arm


def test_what_is_added_is_extracted() -> None:
    stats = gathered([(0.01, [0.2, 0.7]), (0.02, [math.nan])], errors=1).extract()

    assert (stats.requests, stats.errors) == (3, 1)
    assert stats.latency.total == 2
    assert stats.predictions.total == 3
    assert stats.predictions.counts[-1] == 1
    assert stats.metrics["loss"].mean == pytest.approx(0.015)


def test_an_extract_stays_as_it_is() -> None:
    arm = gathered([(0.01, [0.2])])
    before = arm.extract()

    arm.add_answer(0.5, [0.9])
    arm.add_error()
    arm.add_label("loss", 1.0)

    assert before == gathered([(0.01, [0.2])]).extract()


@given(first=ANSWERS, second=ANSWERS)
@settings(deadline=None, max_examples=30)
def test_what_two_servers_saw_is_what_one_would_have_seen(
    first: list[tuple[float, list[float]]], second: list[tuple[float, list[float]]]
) -> None:
    merged = gathered(first, errors=1)
    merged.merge(gathered(second, errors=2).extract())
    together = gathered(first + second, errors=3).extract()

    found = merged.extract()
    assert (found.requests, found.errors) == (together.requests, together.errors)
    assert found.latency == together.latency
    assert found.predictions == together.predictions
    assert found.metrics.get("loss", Moments()).mean == pytest.approx(
        together.metrics.get("loss", Moments()).mean
    )


def test_nothing_is_what_merging_starts_from() -> None:
    stats = gathered([(0.01, [0.2])], errors=1).extract()

    assert ArmStats().merged(stats) == stats.merged(ArmStats()) == stats


def test_predictions_over_other_bins_are_refused() -> None:
    arm = ArmAccumulator(LinearScale(low=0, high=10, inner=5))

    with pytest.raises(RolloutError, match="expected the bins of"):
        arm.merge(ArmAccumulator().extract())


def test_a_value_that_is_no_number_is_refused_and_leaves_the_rest() -> None:
    arm = gathered([(0.01, [])])

    with pytest.raises(RolloutError, match="expected finite numbers"):
        arm.add_label("loss", math.inf)
    assert arm.extract().metrics["loss"].count == 1


def test_arms_of_a_step_are_counted_apart() -> None:
    step = StepAccumulator(2)
    step[Arm.CANDIDATE].add_error()

    assert step.step == 2
    assert step[Arm.CANDIDATE].extract().requests == 1
    assert step[Arm.STABLE].extract() == ArmStats()


def test_memory_does_not_grow_with_what_is_seen() -> None:
    few, many = gathered([(0.01, [0.5])]), gathered([(0.001 * at, [at / 999]) for at in range(999)])

    assert len(many.extract().latency.counts) == len(few.extract().latency.counts)
    assert len(few.extract().latency.counts) == LATENCY_SEC.bins == 219
