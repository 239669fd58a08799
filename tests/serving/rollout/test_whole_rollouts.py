"""Whole rollouts with planted candidates, and any snapshots in any order."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rollout_plans import (
    AB_TEST,
    BAD,
    BLUE_GREEN,
    CANARY,
    DIRECT,
    FEW,
    GOOD,
    NEW,
    NONE,
    SHADOW,
    arm,
)

from serving.rollout.actions import Action, Conclude, Promote, Raise, RollBack, Wait
from serving.rollout.arms import StepAccumulator
from serving.rollout.plan import Plan
from serving.rollout.promotion import next_action
from serving.rollout.routing import Arm
from serving.rollout.snapshot import Snapshot, Wish
from serving.rollout.split import split_of
from serving.rollout.state import Outcome, State, after


def carried_out(plan: Plan, rates: tuple[float, float], seed: int) -> tuple[State, list[Action]]:
    """Plays a rollout: 20 ticks of 500 requests for each step, at error rates of both arms."""
    rng, state = np.random.default_rng(seed), NEW
    actions: list[Action] = []
    step, now_sec = StepAccumulator(-1), 0.0
    for _ in range(20 * len(plan.shares)):
        split, now_sec = split_of(plan, state), now_sec + 60
        for key in rng.integers(0, 10**9, 500):
            answering = split.answers(b"%d" % key)
            asked = {answering} | ({Arm.CANDIDATE} if split.copies(b"%d" % key) else set())
            for one in asked:
                if rng.random() < rates[one is Arm.STABLE]:
                    step[one].add_error()
                else:
                    step[one].add_answer(0.01, [rng.random()])
        snapshot = Snapshot(
            step=step.step,
            candidate=step[Arm.CANDIDATE].extract(),
            stable=step[Arm.STABLE].extract(),
            candidate_ready=True,
        )
        action = next_action(plan, state, snapshot, now_sec)
        state = after(plan, state, action, now_sec)
        if not isinstance(action, Wait):
            actions.append(action)
        if state.step != step.step:
            step = StepAccumulator(state.step)
    return state, actions


FOUR = dataclasses.replace(CANARY, steps=(0.01, 0.05, 0.25, 1.0), min_requests=20)


def test_a_sound_candidate_is_raised_step_by_step_and_promoted() -> None:
    state, actions = carried_out(FOUR, (0.01, 0.01), seed=1)

    assert [type(action) for action in actions] == [Raise] * 4 + [Promote]
    assert [action.share for action in actions[:-1]] == [0.01, 0.05, 0.25, 1.0]  # type: ignore[union-attr]
    assert state.outcome is Outcome.PROMOTED
    assert split_of(FOUR, state).answers(b"anyone") is Arm.CANDIDATE


@pytest.mark.parametrize("seed", range(5))
def test_a_bad_candidate_never_gets_past_its_first_step(seed: int) -> None:
    state, actions = carried_out(FOUR, (0.9, 0.01), seed)

    assert [type(action) for action in actions] == [Raise, RollBack]
    assert (state.step, state.outcome) == (0, Outcome.ROLLED_BACK)
    assert split_of(FOUR, state).answers(b"anyone") is Arm.STABLE


def test_a_shadow_answers_nobody() -> None:
    state, actions = carried_out(dataclasses.replace(SHADOW, steps=(0.2,)), (0.01, 0.01), seed=3)

    assert [type(action) for action in actions] == [Raise, Conclude]
    assert state.share == 0


ARMS = st.sampled_from([GOOD, BAD, FEW, NONE, arm(500, correct=(450, 500))])
SNAPSHOTS = st.builds(
    Snapshot,
    step=st.integers(-1, 1),
    candidate=ARMS,
    stable=ARMS,
    candidate_ready=st.booleans(),
    candidate_failure=st.sampled_from(["", "", "", "no signature"]),
    wish=st.sampled_from(Wish),
)


@given(
    plan=st.sampled_from([CANARY, SHADOW, BLUE_GREEN, DIRECT, AB_TEST]),
    ticks=st.lists(st.tuples(SNAPSHOTS, st.floats(0, 2000)), max_size=12),
)
@settings(deadline=None, max_examples=150)
def test_whatever_is_seen_a_rollout_only_moves_forward(
    plan: Plan, ticks: list[tuple[Snapshot, float]]
) -> None:
    state = NEW
    for snapshot, now_sec in ticks:
        action = next_action(plan, state, snapshot, now_sec)
        following = after(plan, state, action, now_sec)

        assert action.because
        # Once ended, always ended; no step is skipped or taken twice.
        assert not state.finished or following == state
        assert following.step in {state.step, state.step + 1}
        assert (following == state) == isinstance(action, Wait)
        # What is broken is never raised or promoted.
        if snapshot.step == state.step >= 0 and snapshot.candidate is BAD:
            assert isinstance(action, Wait | RollBack)
        # The same snapshot leads no further, unless the operator wants the end.
        again = next_action(plan, following, snapshot, now_sec)
        assert isinstance(again, Wait | RollBack) or isinstance(action, Wait)
        assert State.from_json(following.to_json()) == following
        state = following
