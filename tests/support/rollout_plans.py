"""A plan of each strategy, states on its way, and what may be seen of its arms."""

from __future__ import annotations

import dataclasses

from serving.rollout.arms import StepAccumulator
from serving.rollout.guards import ErrorRate, PredictionDrift
from serving.rollout.metric import Metric, Moments
from serving.rollout.plan import Experiment, OnSuccess, Plan, Strategy
from serving.rollout.routing import Arm
from serving.rollout.snapshot import ArmStats, Snapshot
from serving.rollout.state import State

METRIC = Metric(name="correct", smallest_effect=0.02)
CANARY = Plan(
    id="taxi-2",
    model="taxi",
    stable_version=1,
    candidate_version=2,
    strategy=Strategy.CANARY,
    steps=(0.05, 1.0),
    guards=(ErrorRate(max_rate=0.2), PredictionDrift()),
    min_requests=100,
    min_step_sec=60.0,
)
ONLY_ERRORS = (ErrorRate(max_rate=0.2),)
SHADOW = dataclasses.replace(
    CANARY, strategy=Strategy.SHADOW, steps=(0.5,), on_success=OnSuccess.REPORT
)
BLUE_GREEN = dataclasses.replace(CANARY, strategy=Strategy.BLUE_GREEN, steps=(), guards=ONLY_ERRORS)
DIRECT = dataclasses.replace(CANARY, strategy=Strategy.DIRECT, steps=(), guards=())
AB_TEST = dataclasses.replace(
    CANARY,
    strategy=Strategy.AB_TEST,
    steps=(0.5,),
    guards=ONLY_ERRORS,
    experiment=Experiment(metric=METRIC, max_sec=1000.0),
)


def arm(requests: int, errors: int = 0, correct: tuple[int, int] = (0, 0)) -> ArmStats:
    """Returns an arm that predicted 0.5 always, and was right so often of so many labelled."""
    step = StepAccumulator(0)
    for _ in range(requests - errors):
        step[Arm.CANDIDATE].add_answer(0.01, [0.5])
    for _ in range(errors):
        step[Arm.CANDIDATE].add_error()
    hits, labelled = correct
    share = hits / labelled if labelled else 0.0
    moments = Moments(labelled, share, labelled * share * (1 - share))
    return dataclasses.replace(step[Arm.CANDIDATE].extract(), metrics={"correct": moments})


def at(step: int, share: float = 0.05, **changes: object) -> State:
    """Returns a state that is in a step, 1000 s after the beginning."""
    given: dict = {"step_started_sec": 1000.0, "done": step + 1, **changes}
    return State(rollout_id="taxi-2", step=step, share=share, **given)


NEW = State(rollout_id="taxi-2")
GOOD, BAD, FEW, NONE = arm(500), arm(500, errors=250), arm(99), ArmStats()
LATER, SOON = 1060.0, 1059.0


def seen(
    step: int, candidate: ArmStats = GOOD, stable: ArmStats = GOOD, **changes: object
) -> Snapshot:
    """Returns a snapshot of a step, of a candidate that is ready."""
    given: dict = {"candidate_ready": True, **changes}
    return Snapshot(step=step, candidate=candidate, stable=stable, **given)


def wins(hits: int, others: int, of: int = 1000) -> dict[str, ArmStats]:
    """Returns both arms, each right so often of so many labelled."""
    return {
        "candidate": arm(200, correct=(hits, of)),
        "stable": arm(200, correct=(others, of)),
    }
