import dataclasses

import pytest

from serving.rollout.plan import Plan, Strategy
from serving.rollout.routing import Arm, arm_of
from serving.rollout.split import Split, split_of
from serving.rollout.state import Outcome, State

PLAN = Plan(
    id="taxi-2",
    model="taxi",
    stable_version=1,
    candidate_version=2,
    strategy=Strategy.CANARY,
    steps=(0.25, 1.0),
)
SHADOW = dataclasses.replace(PLAN, strategy=Strategy.SHADOW, steps=(0.25,))


@pytest.mark.parametrize(
    ("plan", "share", "outcome", "answered", "copied"),
    [
        (PLAN, 0.0, Outcome.RUNNING, 0.0, 0.0),
        (PLAN, 0.25, Outcome.RUNNING, 0.25, 0.0),
        (PLAN, 1.0, Outcome.PROMOTED, 1.0, 0.0),
        (PLAN, 0.0, Outcome.ROLLED_BACK, 0.0, 0.0),
        (SHADOW, 0.25, Outcome.RUNNING, 0.0, 0.25),
        (SHADOW, 0.0, Outcome.ROLLED_BACK, 0.0, 0.0),
        (SHADOW, 1.0, Outcome.CONCLUDED, 1.0, 0.0),
        (SHADOW, 0.0, Outcome.CONCLUDED, 0.0, 0.0),
    ],
)
def test_a_state_says_who_answers_and_who_is_asked_besides(
    plan: Plan, share: float, outcome: Outcome, answered: float, copied: float
) -> None:
    state = State(rollout_id=plan.id, share=share, outcome=outcome)

    assert split_of(plan, state) == Split(salt="taxi-2", answered=answered, copied=copied)


def test_requests_are_dealt_by_their_keys() -> None:
    keys = [b"%d" % key for key in range(200)]
    dealt = {arm_of(key, salt="s", share=0.3) for key in keys}

    answering, copying = Split(salt="s", answered=0.3), Split(salt="s", copied=0.3)

    assert dealt == set(Arm)
    for key in keys:
        assert answering.answers(key) is arm_of(key, salt="s", share=0.3)
        assert not answering.copies(key)
        assert copying.answers(key) is Arm.STABLE
        assert copying.copies(key) == (answering.answers(key) is Arm.CANDIDATE)


def test_all_or_nothing_takes_every_key() -> None:
    for key in (b"", b"a"):
        assert Split(salt="s", answered=1.0).answers(key) is Arm.CANDIDATE
        assert Split(salt="s").answers(key) is Arm.STABLE
        assert Split(salt="s", copied=1.0).copies(key)
