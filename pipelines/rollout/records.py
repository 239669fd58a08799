"""Keeps rollouts in ML Metadata: what was opened, and each action with the state after it.

Nothing is changed once it is written, save for the operator's wish. The highest action holds the
state. A name can be made once, so of two who want to take the same action one does, and the other
reads again.
"""

from __future__ import annotations

import dataclasses

from ml_metadata.metadata_store.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2 as proto

from pipelines.continuous import keys as loop_keys
from pipelines.continuous import unique_contexts
from pipelines.continuous.unique_contexts import joined, number, text
from pipelines.errors import MetadataError
from pipelines.rollout import keys
from serving.rollout.plan import Plan
from serving.rollout.snapshot import Wish
from serving.rollout.state import Outcome, State


@dataclasses.dataclass(frozen=True, kw_only=True)
class Times:
    """When a rollout met the world, as servers told.

    Attributes:
        first_candidate_sec: When the candidate first answered, on the clock that all agree on.
        broken_sec: When a guard broke at a server, on the same clock.
        wall_sec: Between the two, in seconds of the server's own clock.
    """

    first_candidate_sec: float | None = None
    broken_sec: float | None = None
    wall_sec: float | None = None


NO_TIMES = Times()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Action:
    """What was done.

    Attributes:
        number: From 1.
        kind: One of the names in `keys`.
        because: Why.
        at_sec: When, seconds since 1970 on the clock that all agree on.
        state: How the rollout stood after it.
        times: As servers had told by then.
        recorded_ms: When it came to ML Metadata, on that machine's clock.
    """

    number: int
    kind: str
    because: str
    at_sec: float
    state: State
    times: Times = NO_TIMES
    recorded_ms: int = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rollout:
    """A rollout.

    Attributes:
        plan: What is meant.
        opened_sec: When it was opened, seconds since 1970 on the clock that all agree on.
        origin: Who asked for it, in words.
        wish: What the operator wants.
        actions: What was done, the first one first.
    """

    plan: Plan
    opened_sec: float
    origin: str
    wish: Wish = Wish.NONE
    actions: tuple[Action, ...] = ()

    @property
    def state(self) -> State:
        """How it stands."""
        if self.actions:
            return self.actions[-1].state
        return State(rollout_id=self.plan.id, step_started_sec=self.opened_sec)

    @property
    def superseded(self) -> bool:
        """Whether it never began, since something newer came."""
        return bool(self.actions) and self.actions[-1].kind == keys.SUPERSEDE

    @property
    def winner(self) -> int:
        """Which version answers while it does not run."""
        kept = self.state.finished and self.state.share == 1
        return self.plan.candidate_version if kept else self.plan.stable_version


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recorded:
    """All rollouts of a pipeline.

    Attributes:
        rollouts: In the order in which they were opened.
    """

    rollouts: tuple[Rollout, ...] = ()

    @property
    def running(self) -> Rollout | None:
        """The one that runs. Where two were opened at the same moment it is the first."""
        return next((one for one in self.rollouts if not one.state.finished), None)

    @property
    def last(self) -> Rollout | None:
        """The last one that ran to its end."""
        ended = [one for one in self.rollouts if one.state.finished and not one.superseded]
        return max(ended, key=lambda one: one.actions[-1].recorded_ms, default=None)

    def named(self, rollout_id: str) -> Rollout | None:
        """Returns the rollout of an id."""
        return next((one for one in self.rollouts if one.plan.id == rollout_id), None)


def read(store: MetadataStore, pipeline: str) -> Recorded:
    """Returns what ML Metadata holds.

    Raises:
        RolloutError: It holds something that no plan or state is.
    """
    actions: dict[str, list[Action]] = {}
    for context in unique_contexts.of_pipeline(store, keys.ACTION_TYPE, pipeline):
        actions.setdefault(text(context, keys.ROLLOUT_ID), []).append(_action(context))
    opened = unique_contexts.of_pipeline(store, keys.ROLLOUT_TYPE, pipeline)
    # By id: the store counts up, while a clock may be set back or, simulated, stand still.
    opened.sort(key=lambda context: int(context.id))
    return Recorded(rollouts=tuple(_rollout(context, actions) for context in opened))


def open_rollout(
    store: MetadataStore, pipeline: str, plan: Plan, *, origin: str, now_sec: float, token: str
) -> bool:
    """Opens a rollout; returns whether it was not there yet.

    Raises:
        MetadataError: ML Metadata does not take it.
    """
    return unique_contexts.create(
        store,
        keys.ROLLOUT_TYPE,
        _name(pipeline, plan.id),
        {
            loop_keys.PIPELINE: pipeline,
            keys.ROLLOUT_ID: plan.id,
            **unique_contexts.split(keys.PLAN, plan.to_json()),
            keys.OPENED: float(now_sec),
            keys.ORIGIN: unique_contexts.cut(origin),
            keys.WISH: Wish.NONE.value,
        },
        token=token,
    )


def record(
    store: MetadataStore, pipeline: str, rollout: Rollout, action: Action, *, token: str
) -> bool:
    """Records an action; returns whether this call did. Else read again: another was recorded.

    Raises:
        MetadataError: ML Metadata does not take it.
    """
    times = {
        keys.FIRST_CANDIDATE: action.times.first_candidate_sec,
        keys.BROKEN: action.times.broken_sec,
        keys.WALL_SEC: action.times.wall_sec,
    }
    return unique_contexts.create(
        store,
        keys.ACTION_TYPE,
        f"{_name(pipeline, rollout.plan.id)}/{action.number:04d}",
        {
            loop_keys.PIPELINE: pipeline,
            keys.ROLLOUT_ID: rollout.plan.id,
            keys.NUMBER: action.number,
            keys.ACTION: action.kind,
            keys.BECAUSE: unique_contexts.cut(action.because),
            keys.STEP: action.state.step,
            keys.SHARE: float(action.state.share),
            keys.AT: float(action.at_sec),
            **unique_contexts.split(keys.STATE, action.state.to_json()),
            **{key: float(value) for key, value in times.items() if value is not None},
        },
        token=token,
    )


def superseding(rollout: Rollout, because: str, now_sec: float) -> Action:
    """Returns the action by which a rollout ends that has not begun."""
    state = dataclasses.replace(
        rollout.state,
        outcome=Outcome.CONCLUDED,
        share=0.0,
        because=because,
        done=rollout.state.done + 1,
    )
    return Action(
        number=state.done, kind=keys.SUPERSEDE, because=because, at_sec=now_sec, state=state
    )


def wish(store: MetadataStore, pipeline: str, rollout_id: str, wanted: Wish) -> None:
    """Records what the operator wants of a rollout.

    Raises:
        MetadataError: There is no such rollout, or ML Metadata does not take it.
    """
    name = _name(pipeline, rollout_id)
    context = store.get_context_by_type_and_name(keys.ROLLOUT_TYPE, name)
    if context is None:
        raise MetadataError(f"there is no rollout {name} in ML Metadata")
    unique_contexts.update(store, context, {keys.WISH: wanted.value})


def _name(pipeline: str, rollout_id: str) -> str:
    return f"{pipeline}/{rollout_id}"


def _rollout(context: proto.Context, actions: dict[str, list[Action]]) -> Rollout:
    plan = Plan.from_json(joined(context, keys.PLAN))
    taken = sorted(actions.get(plan.id, ()), key=lambda action: action.number)
    return Rollout(
        plan=plan,
        opened_sec=number(context, keys.OPENED) or 0.0,
        origin=text(context, keys.ORIGIN),
        wish=Wish(text(context, keys.WISH) or Wish.NONE.value),
        actions=tuple(taken),
    )


def _action(context: proto.Context) -> Action:
    return Action(
        number=int(number(context, keys.NUMBER) or 0),
        kind=text(context, keys.ACTION),
        because=text(context, keys.BECAUSE),
        at_sec=number(context, keys.AT) or 0.0,
        state=State.from_json(joined(context, keys.STATE)),
        times=Times(
            first_candidate_sec=number(context, keys.FIRST_CANDIDATE),
            broken_sec=number(context, keys.BROKEN),
            wall_sec=number(context, keys.WALL_SEC),
        ),
        recorded_ms=context.create_time_since_epoch,
    )
