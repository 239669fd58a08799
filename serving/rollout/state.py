"""How far a rollout has come, and what an action makes of it.

The state is what has been decided, and is recorded; `after` is the only way from one state to the
next, and is pure. A server has nothing to remember: it is put into the recorded state at every tick
and whenever it starts, and what it does there follows from plan and state (`split`).

So forward actions are recorded first and then carried out: whoever dies between the two finds the
new state, and a snapshot of the step before, and waits until the server has come after. A rollback
is carried out first, since it must not wait for a record: whoever dies before it is recorded sees
the guard broken again and asks for the same rollback, under the same `action_id`. An action that
the state has already taken in changes nothing.
"""

from __future__ import annotations

import dataclasses
import enum
import json

from serving.rollout import json_fields
from serving.rollout.actions import Action, Conclude, Promote, Raise, RollBack, Switch, Wait
from serving.rollout.errors import RolloutError
from serving.rollout.json_fields import Fields
from serving.rollout.plan import Plan
from serving.rollout.routing import Arm

FORMAT = 1


class Outcome(enum.Enum):
    """How a rollout stands or ended."""

    RUNNING = "running"
    PROMOTED = "promoted"
    ROLLED_BACK = "rolled back"
    CONCLUDED = "concluded"


@dataclasses.dataclass(frozen=True, kw_only=True)
class State:
    """How far a rollout has come.

    Attributes:
        rollout_id: The plan's id.
        step: Index of the step; -1 before the first.
        share: What the candidate answers, or in a shadow is asked besides, in [0, 1].
        step_started_sec: When the step began, on the clock that the decisions are made with; before
            the first, when the rollout was opened.
        outcome: Whether it runs, or how it ended.
        because: Why it is so, in words.
        done: How many actions were taken in.
    """

    rollout_id: str
    step: int = -1
    share: float = 0.0
    step_started_sec: float = 0.0
    outcome: Outcome = Outcome.RUNNING
    because: str = ""
    done: int = 0

    @property
    def finished(self) -> bool:
        """Whether nothing more will happen."""
        return self.outcome is not Outcome.RUNNING

    def to_json(self) -> str:
        """Returns it as a JSON document."""
        fields = dataclasses.asdict(self) | {"outcome": self.outcome.value}
        return json.dumps({"format": FORMAT} | fields)

    @classmethod
    def from_json(cls, text: str | bytes) -> State:
        """Reads what `to_json` wrote.

        Raises:
            RolloutError: It is not JSON, or a field is missing, unknown or not valid.
        """
        fields = Fields(json_fields.parse(text, "state"), "state")
        fields.has_format(FORMAT)
        state = cls(
            rollout_id=fields.text("rollout_id"),
            step=fields.whole("step", least=-1),
            share=fields.number("share", least=0.0),
            step_started_sec=fields.number("step_started_sec"),
            outcome=Outcome(fields.chosen("outcome", [one.value for one in Outcome])),
            because=fields.text("because"),
            done=fields.whole("done"),
        )
        fields.done()
        return state


def action_id(state: State, action: Action) -> str:
    """Returns a name for the action that is next in a state; the same each time it is asked for."""
    return f"{state.rollout_id}/{state.done}/{type(action).__name__.lower()}"


def after(plan: Plan, state: State, action: Action, now_sec: float) -> State:
    """Returns the state after an action was carried out.

    Args:
        plan: Of the rollout.
        state: In which the action was asked for.
        action: What was carried out.
        now_sec: When; it is when a step begins.

    Raises:
        RolloutError: The state is of another rollout.
    """
    if state.rollout_id != plan.id:
        raise RolloutError(f"state: expected that of {plan.id}, received {state.rollout_id}'s.")
    if isinstance(action, Wait) or state.finished:
        return state
    if isinstance(action, Raise | Switch):
        return _in_step(plan, state, action, now_sec)
    share = {Promote: 1.0, RollBack: 0.0}.get(type(action))
    outcome = {Promote: Outcome.PROMOTED, RollBack: Outcome.ROLLED_BACK}.get(type(action))
    if isinstance(action, Conclude):
        share = 1.0 if action.serves is Arm.CANDIDATE else 0.0
    return dataclasses.replace(
        state,
        share=share or 0.0,
        outcome=outcome or Outcome.CONCLUDED,
        because=action.because,
        done=state.done + 1,
    )


def _in_step(plan: Plan, state: State, action: Raise | Switch, now_sec: float) -> State:
    if action.step <= state.step:
        return state
    return dataclasses.replace(
        state,
        step=action.step,
        share=plan.shares[action.step],
        step_started_sec=now_sec,
        because=action.because,
        done=state.done + 1,
    )
