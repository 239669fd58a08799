"""Every rule as a table."""

from __future__ import annotations

import dataclasses
import re

import pytest
from rollout_plans import (
    AB_TEST,
    BAD,
    BLUE_GREEN,
    CANARY,
    DIRECT,
    FEW,
    GOOD,
    LATER,
    METRIC,
    NEW,
    NONE,
    SHADOW,
    SOON,
    arm,
    at,
    seen,
    wins,
)

from serving.rollout import promotion
from serving.rollout.actions import Conclude, Promote, Raise, RollBack, Switch, Wait
from serving.rollout.errors import RolloutError
from serving.rollout.guards import ErrorRate, LiveMetric, P99Latency
from serving.rollout.plan import OnSuccess, Plan, Strategy
from serving.rollout.promotion import next_action
from serving.rollout.routing import Arm
from serving.rollout.sequential import Verdict
from serving.rollout.snapshot import Snapshot, Wish
from serving.rollout.state import Outcome, State, after

Row = tuple[Plan, State, Snapshot, float, type, str]
BEGINNING: list[Row] = [
    (CANARY, NEW, seen(-1), 0.0, Raise, "the candidate is warm"),
    (SHADOW, NEW, seen(-1), 0.0, Raise, "the candidate is warm"),
    (AB_TEST, NEW, seen(-1), 0.0, Raise, "the candidate is warm"),
    (BLUE_GREEN, NEW, seen(-1), 0.0, Switch, "the candidate is warm"),
    (DIRECT, NEW, seen(-1), 0.0, Promote, "the plan is direct"),
    *[
        (plan, NEW, seen(-1, candidate_ready=False), 0.0, Wait, "not warm yet")
        for plan in (CANARY, SHADOW, AB_TEST, BLUE_GREEN, DIRECT)
    ],
    *[
        (plan, NEW, seen(-1, candidate_failure="no signature"), 0.0, RollBack, "no signature")
        for plan in (CANARY, SHADOW, AB_TEST, BLUE_GREEN, DIRECT)
    ],
    (CANARY, NEW, seen(0), 0.0, Wait, "the snapshot is of step 1, this is 0"),
]
CANARY_ROWS: list[Row] = [
    (CANARY, at(0), seen(0), LATER, Raise, "500 requests in 60 s, every guard holds: error_rate"),
    (CANARY, at(0), seen(0), SOON, Wait, "step 1 has 59 of 60 s"),
    (CANARY, at(0), seen(0), 900.0, Wait, "step 1 has 0 of 60 s"),
    (CANARY, at(0), seen(0, FEW), LATER, Wait, "99 of 100 requests of the candidate"),
    (CANARY, at(0), seen(0, arm(100), arm(100)), LATER, Raise, "100 requests in 60 s"),
    (CANARY, at(0), seen(0, GOOD, FEW), LATER, Wait, "99 of 100 requests of the stable version"),
    (CANARY, at(0), seen(0, BAD), LATER, RollBack, "a guard is broken: error_rate: the candidate"),
    (CANARY, at(0), seen(0, BAD), 1000.0, RollBack, "a guard is broken"),
    (CANARY, at(0), seen(0, arm(20, 20)), 1001.0, RollBack, "failed 20 of 20 requests"),
    (CANARY, at(0), seen(0, candidate_ready=False), LATER, Wait, "not warm"),
    (CANARY, at(0), seen(0, candidate_failure="gone"), LATER, RollBack, "gone"),
    (CANARY, at(0), seen(-1), LATER, Wait, "the snapshot is of step 0, this is 1"),
    (CANARY, at(1, 1.0), seen(0), LATER, Wait, "the snapshot is of step 1, this is 2"),
    # At a share of 1 nothing is compared: the stable version is not asked.
    (CANARY, at(1, 1.0), seen(1, GOOD, NONE), LATER, Promote, "every guard holds: error_rate"),
    (CANARY, at(1, 1.0), seen(1, FEW, NONE), LATER, Wait, "99 of 100"),
    (CANARY, at(1, 1.0), seen(1, BAD, NONE), LATER, RollBack, "above the bound 0.2"),
]
OPERATOR: list[Row] = [
    (CANARY, NEW, seen(-1, wish=Wish.ABORT), 0.0, RollBack, "the operator aborts"),
    (CANARY, NEW, seen(-1, wish=Wish.PAUSE), 0.0, Wait, "paused"),
    (CANARY, NEW, seen(-1, wish=Wish.PROMOTE), 0.0, Promote, "the operator promotes"),
    (CANARY, at(0), seen(0, wish=Wish.ABORT), LATER, RollBack, "the operator aborts"),
    (CANARY, at(0), seen(-1, wish=Wish.ABORT), LATER, RollBack, "the operator aborts"),
    (CANARY, at(0), seen(0, wish=Wish.PAUSE), LATER, Wait, "the operator has paused it"),
    (CANARY, at(0), seen(0, BAD, wish=Wish.PAUSE), LATER, RollBack, "a guard is broken"),
    (CANARY, at(0), seen(0, FEW, wish=Wish.PROMOTE), SOON, Promote, "the operator promotes"),
    (CANARY, at(0), seen(0, BAD, wish=Wish.PROMOTE), LATER, RollBack, "a guard is broken"),
    (CANARY, at(0), seen(0, candidate_ready=False, wish=Wish.PROMOTE), LATER, Wait, "not warm"),
    (BLUE_GREEN, at(0, 1.0), seen(0, wish=Wish.ABORT), LATER, RollBack, "the operator aborts"),
    (DIRECT, NEW, seen(-1, wish=Wish.PAUSE), 0.0, Wait, "paused"),
    (AB_TEST, at(0), seen(0, wish=Wish.PROMOTE), LATER, Promote, "the operator promotes"),
]
OTHERS: list[Row] = [
    (SHADOW, at(0), seen(0), LATER, Conclude, "every guard holds.*to report, not to promote"),
    (SHADOW, at(0), seen(0, FEW), LATER, Wait, "99 of 100"),
    (SHADOW, at(0), seen(0, BAD), LATER, RollBack, "a guard is broken"),
    (BLUE_GREEN, at(0, 1.0), seen(0, GOOD, NONE), LATER, Promote, "every guard holds"),
    (BLUE_GREEN, at(0, 1.0), seen(0, GOOD, NONE), SOON, Wait, "59 of 60 s"),
    (BLUE_GREEN, at(0, 1.0), seen(0, BAD, NONE), SOON, RollBack, "above the bound"),
    (AB_TEST, at(0), seen(0, **wins(900, 700)), LATER, Conclude, "correct: candidate better"),
    (AB_TEST, at(0), seen(0, **wins(700, 900)), LATER, Conclude, "correct: stable better"),
    (
        AB_TEST,
        at(0),
        seen(0, **wins(9 * 10**4, 9 * 10**4, 10**5)),
        LATER,
        Conclude,
        "no difference that matters",
    ),
    (AB_TEST, at(0), seen(0, **wins(800, 800)), LATER, Wait, "correct: undecided"),
    (AB_TEST, at(0), seen(0), LATER, Wait, "correct: undecided: candidate 0 over 0 labelled"),
    (AB_TEST, at(0), seen(0, **wins(900, 700)), SOON, Wait, "59 of 60 s"),
    (AB_TEST, at(0), seen(0, **wins(800, 800)), 2000.0, Conclude, "out of time: .*undecided"),
    (AB_TEST, at(0), seen(0, FEW, FEW), 2000.0, Conclude, "out of time: .*undecided"),
    (AB_TEST, at(0), seen(0, BAD), LATER, RollBack, "a guard is broken"),
]


@pytest.mark.parametrize(
    ("plan", "state", "snapshot", "now_sec", "kind", "because"),
    BEGINNING + CANARY_ROWS + OPERATOR + OTHERS,
)
def test_what_is_done_next(
    plan: Plan, state: State, snapshot: Snapshot, now_sec: float, kind: type, because: str
) -> None:
    action = next_action(plan, state, snapshot, now_sec)

    assert type(action) is kind
    assert re.search(because, action.because)
    assert next_action(plan, state, snapshot, now_sec) == action


@pytest.mark.parametrize(
    ("plan", "state", "snapshot", "now_sec", "kind", "because"),
    BEGINNING + CANARY_ROWS + OPERATOR + OTHERS,
)
def test_what_was_done_is_not_asked_for_again(
    plan: Plan, state: State, snapshot: Snapshot, now_sec: float, kind: type, because: str
) -> None:
    action = next_action(plan, state, snapshot, now_sec)
    done = after(plan, state, action, now_sec)

    again = next_action(plan, done, snapshot, now_sec)

    if kind is not Wait:
        assert isinstance(again, Wait)
        assert done != state
    assert after(plan, done, action, now_sec) == done


@pytest.mark.parametrize("outcome", [one for one in Outcome if one is not Outcome.RUNNING])
@pytest.mark.parametrize("wish", list(Wish))
def test_nothing_follows_an_end(outcome: Outcome, wish: Wish) -> None:
    ended = at(0, outcome=outcome, because="it was so")

    action = next_action(CANARY, ended, seen(0, BAD, wish=wish), LATER)

    assert action == Wait(because=f"it has ended: {outcome.value}, it was so")


def test_a_step_that_takes_too_long_is_rolled_back() -> None:
    plan = dataclasses.replace(CANARY, max_step_sec=600.0)

    waiting = next_action(plan, at(0), seen(0, FEW), 1599.0)
    late = next_action(plan, at(0), seen(0, FEW), 1600.0)
    complete = next_action(plan, at(0), seen(0), 9999.0)

    assert isinstance(waiting, Wait)
    assert isinstance(late, RollBack)
    assert "longer than 600 s: step 1 has 99 of 100 requests" in late.because
    assert isinstance(complete, Raise)


@pytest.mark.parametrize(
    ("state", "snapshot", "because"),
    [
        (NEW, {"step": -1, "candidate_ready": False}, "its beginning .* not warm"),
        (NEW, {"step": 0}, "its beginning .* the snapshot is of step 1"),
        (at(0), {"step": 1}, "the step .* the snapshot is of step 2"),
        (at(0), {"step": 0, "candidate_ready": False}, "the step .* not warm"),
    ],
)
def test_no_server_and_no_candidate_is_waited_for_longer_than_a_step(
    state: State, snapshot: dict, because: str
) -> None:
    plan = dataclasses.replace(CANARY, max_step_sec=600.0)
    state = dataclasses.replace(state, step_started_sec=1000.0)
    step = snapshot.pop("step")

    late = next_action(plan, state, seen(step, **snapshot), 1600.0)

    assert isinstance(late, RollBack)
    assert re.search(because, late.because)
    for shown, now_sec, limit in (
        (seen(step, **snapshot), 1599.0, 600.0),
        (seen(step, **snapshot, wish=Wish.PAUSE), 1600.0, 600.0),
        (seen(step, **snapshot), 1600.0, None),
    ):
        unlimited = dataclasses.replace(plan, max_step_sec=limit)
        assert isinstance(next_action(unlimited, state, shown, now_sec), Wait)


def test_a_shadow_does_not_ask_for_latencies() -> None:
    both = (ErrorRate(), P99Latency(max_sec=0.001))
    names = {
        plan.strategy: [one.guard for one in promotion.findings(plan, at(0), seen(0))]
        for plan in (
            dataclasses.replace(CANARY, guards=both),
            dataclasses.replace(SHADOW, guards=both),
        )
    }
    assert names == {
        Strategy.CANARY: ["error_rate", "p99_latency"],
        Strategy.SHADOW: ["error_rate"],
    }


def test_a_step_waits_for_a_guard_that_has_not_enough() -> None:
    plan = dataclasses.replace(CANARY, guards=(LiveMetric(metric=METRIC, min_labels=200),))
    labelled = seen(0, arm(500, correct=(150, 199)), arm(500, correct=(160, 200)))
    enough = seen(0, arm(500, correct=(150, 200)), arm(500, correct=(160, 200)))

    action = next_action(plan, at(0), labelled, LATER)

    assert isinstance(action, Wait)
    assert "live_metric: 199 of 200 labels of the candidate" in action.because
    assert isinstance(next_action(plan, at(0), enough, LATER), Raise)


@pytest.mark.parametrize(
    ("plan", "snapshot", "verdict", "serves"),
    [
        (SHADOW, seen(0), None, Arm.STABLE),
        (dataclasses.replace(SHADOW, on_success=OnSuccess.PROMOTE), seen(0), None, Arm.CANDIDATE),
        (AB_TEST, seen(0, **wins(900, 700)), Verdict.CANDIDATE_BETTER, Arm.CANDIDATE),
        (AB_TEST, seen(0, **wins(700, 900)), Verdict.STABLE_BETTER, Arm.STABLE),
        (
            dataclasses.replace(AB_TEST, on_success=OnSuccess.REPORT),
            seen(0, **wins(900, 700)),
            Verdict.CANDIDATE_BETTER,
            Arm.STABLE,
        ),
    ],
)
def test_who_serves_after_a_conclusion(
    plan: Plan, snapshot: Snapshot, verdict: Verdict | None, serves: Arm
) -> None:
    action = next_action(plan, at(0), snapshot, LATER)

    assert isinstance(action, Conclude)
    assert (action.verdict, action.serves) == (verdict, serves)


def test_without_guards_a_step_takes_time_and_requests() -> None:
    plan = dataclasses.replace(CANARY, guards=())

    action = next_action(plan, at(0), seen(0, BAD), LATER)

    assert action == Raise(step=1, share=1.0, because="500 requests in 60 s, no guards")


def test_a_state_of_another_plan_is_refused() -> None:
    with pytest.raises(RolloutError, match="expected that of taxi-2 with 2 steps"):
        next_action(CANARY, dataclasses.replace(NEW, rollout_id="taxi-1"), seen(-1), 0.0)
    with pytest.raises(RolloutError, match="received taxi-2's in step 3"):
        next_action(CANARY, at(2), seen(2), 0.0)


def test_findings_are_of_the_present_step_only() -> None:
    assert [one.guard for one in promotion.findings(CANARY, at(0), seen(0))] == [
        "error_rate",
        "prediction_drift",
    ]
    assert promotion.findings(CANARY, at(0), seen(1)) == ()
    assert promotion.findings(CANARY, NEW, seen(-1)) == ()
