import dataclasses
import json

import pytest

from serving.rollout.actions import Action, Conclude, Promote, Raise, RollBack, Switch, Wait
from serving.rollout.errors import RolloutError
from serving.rollout.plan import Plan, Strategy
from serving.rollout.routing import Arm
from serving.rollout.sequential import Verdict
from serving.rollout.state import Outcome, State, action_id, after

PLAN = Plan(
    id="taxi-2",
    model="taxi",
    stable_version=1,
    candidate_version=2,
    strategy=Strategy.CANARY,
    steps=(0.25, 1.0),
)
NEW = State(rollout_id="taxi-2")
FIRST = State(rollout_id="taxi-2", step=0, share=0.25, step_started_sec=50.0, done=1)
WON = Conclude(verdict=Verdict.CANDIDATE_BETTER, serves=Arm.CANDIDATE, because="it is better")
LOST = Conclude(verdict=Verdict.STABLE_BETTER, serves=Arm.STABLE, because="it is worse")


@pytest.mark.parametrize(
    ("state", "action", "step", "share", "started", "outcome"),
    [
        (NEW, Wait(because="w"), -1, 0.0, 0.0, Outcome.RUNNING),
        (NEW, Raise(step=0, share=0.25, because="w"), 0, 0.25, 90.0, Outcome.RUNNING),
        (FIRST, Raise(step=1, share=1.0, because="w"), 1, 1.0, 90.0, Outcome.RUNNING),
        (FIRST, Raise(step=0, share=0.25, because="w"), 0, 0.25, 50.0, Outcome.RUNNING),
        (NEW, Switch(step=1, because="w"), 1, 1.0, 90.0, Outcome.RUNNING),
        (FIRST, Promote(because="w"), 0, 1.0, 50.0, Outcome.PROMOTED),
        (FIRST, RollBack(because="w"), 0, 0.0, 50.0, Outcome.ROLLED_BACK),
        (FIRST, WON, 0, 1.0, 50.0, Outcome.CONCLUDED),
        (FIRST, LOST, 0, 0.0, 50.0, Outcome.CONCLUDED),
    ],
)
def test_what_an_action_makes_of_a_state(
    state: State, action: Action, step: int, share: float, started: float, outcome: Outcome
) -> None:
    found = after(PLAN, state, action, 90.0)

    assert (found.step, found.share, found.step_started_sec) == (step, share, started)
    assert found.outcome is outcome
    assert found.done == state.done + (found != state)
    assert found == after(PLAN, found, action, 120.0)


def test_an_ended_rollout_stays_as_it_is() -> None:
    ended = after(PLAN, FIRST, RollBack(because="worse"), 90.0)

    for action in (Promote(because="w"), Raise(step=1, share=1.0, because="w"), WON):
        assert after(PLAN, ended, action, 120.0) == ended
    assert ended.because == "worse"


def test_an_action_has_the_same_name_until_it_is_taken_in() -> None:
    action = Raise(step=1, share=1.0, because="w")

    assert action_id(FIRST, action) == "taxi-2/1/raise"
    assert action_id(FIRST, RollBack(because="w")) == "taxi-2/1/rollback"
    assert action_id(after(PLAN, FIRST, action, 90.0), Promote(because="w")) == "taxi-2/2/promote"


def test_a_state_is_read_as_it_is_written() -> None:
    for state in (NEW, FIRST, after(PLAN, FIRST, LOST, 90.0)):
        assert State.from_json(state.to_json()) == state


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": 2}, "expected format 1"),
        ({"outcome": "fine"}, "outcome must be one of running, promoted, rolled back, concluded"),
        ({"step": -2}, "step must be"),
        ({"x": 1}, "unknown x"),
    ],
)
def test_a_state_that_is_not_valid_is_refused(changes: dict[str, object], message: str) -> None:
    document = json.loads(FIRST.to_json()) | changes

    with pytest.raises(RolloutError, match=message):
        State.from_json(json.dumps(document))


def test_a_state_of_another_rollout_is_refused() -> None:
    other = dataclasses.replace(FIRST, rollout_id="taxi-1")

    with pytest.raises(RolloutError, match="expected that of taxi-2, received taxi-1's"):
        after(PLAN, other, Promote(because="w"), 90.0)
