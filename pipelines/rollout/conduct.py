"""One look at the rollouts of a model: open, decide, record, project.

    conductor = Conductor(store, "flights", folder, clock=clock, token=token)
    for event in conductor.tick().events: ...

Nothing is kept between two looks, so that whoever is killed anywhere in one goes on with the next:

- What is asked for is opened under an id that follows from the version, so it is opened once.
- Forward actions are recorded and then projected: a killed one finds the new state.
- A rollback is projected and then recorded, since it must not wait. A killed one finds an order
  that is ahead of the record by a rollback, and records it. Servers themselves roll back sooner
  still, and say so in their reports.
- The order is written anew at every look.

Looks of several processes take turns by a lock on the folder; where that does not hold, the names
in ML Metadata do.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from ml_metadata.metadata_store.metadata_store import MetadataStore

from pipelines.rollout import events, keys, projection, pushes, records, sightings
from pipelines.rollout.events import Event
from pipelines.rollout.pushes import Push
from pipelines.rollout.records import Recorded, Rollout
from pipelines.rollout.sightings import LiveMetrics, Sighting
from pipelines.runners.local import lock
from serving.rollout import order as orders
from serving.rollout import promotion, report
from serving.rollout.actions import Action, Conclude, Promote, Raise, RollBack, Switch, Wait
from serving.rollout.errors import RolloutError, UnreadableOrderError
from serving.rollout.order import Order
from serving.rollout.plan import Plan
from serving.rollout.snapshot import Wish
from serving.rollout.state import Outcome, State, after

WAITS = "; it waits: "  # between how a rollout stands and what it waits for, in words
_LOCK_FILE = ".turn"
_TURN_POLL_SEC = 0.05
_KINDS: dict[type, str] = {
    Raise: keys.RAISE,
    Switch: keys.SWITCH,
    Promote: keys.PROMOTE,
    RollBack: keys.ROLL_BACK,
    Conclude: keys.CONCLUDE,
}
_LOGGER = logging.getLogger(__name__)

Metrics = Callable[[Plan, State], LiveMetrics]


def no_metrics(_plan: Plan, _state: State) -> LiveMetrics:
    """Knows of no labels."""
    return {}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Conducted:
    """What came of one look.

    Attributes:
        rollouts: What runs and what waits, in words.
        events: What happened in this look.
        past: All that ever happened, this look's among it: who was killed between a look and
            telling of it finds here what to tell.
        running: Whether a rollout has still to end or to begin.
    """

    rollouts: tuple[str, ...] = ()
    events: tuple[Event, ...] = ()
    past: tuple[Event, ...] = ()
    running: bool = False


@contextlib.contextmanager
def turn(folder: Path, name: str) -> Iterator[None]:
    """Keeps others from looking at the same rollouts meanwhile; waits for its turn."""
    with lock.exclusive(
        folder / _LOCK_FILE,
        name=name,
        wait=True,
        on_wait=_LOGGER.info,
        sleep=lambda _: time.sleep(_TURN_POLL_SEC),
    ):
        yield


def decide(rollout: Rollout, sighting: Sighting, now_sec: float) -> Action:
    """Returns what to do next with a rollout.

    Args:
        rollout: As it is recorded.
        sighting: As it is seen.
        now_sec: On the clock that all agree on.
    """
    aborted = rollout.wish is Wish.ABORT
    # The server sends everything back by itself; what is left is to say so.
    if sighting.broken and not aborted and not rollout.state.finished:
        return RollBack(because=sighting.broken)
    action = promotion.next_action(rollout.plan, rollout.state, sighting.snapshot, now_sec)
    if isinstance(action, Wait) and not sighting.present and not rollout.state.finished:
        return Wait(
            because="no server has put this step in force yet"
            if sighting.alive
            else "no server is alive"
        )
    if isinstance(action, Raise | Switch) and sighting.without_stable:
        # There would be nothing to compare with, and nothing to go back to.
        servers = ", ".join(sighting.without_stable)
        return Wait(because=f"version {rollout.plan.stable_version} is not available at {servers}")
    return action


class Conductor:
    """Carries the rollouts of one model from what is asked for to what was done.

    Args:
        store: ML Metadata.
        name: Of the pipeline and its model.
        folder: Where servers find their order and leave their reports; made where it is missing.
        metrics: Tells live metrics by arm since a step began; asked only where a plan wants any.
        clock: The time that all agree on, seconds since 1970.
        token: Makes a text that is new with every call, such as a UUID.
        wall: The machine's time, on the same clock as its files' times.
    """

    def __init__(
        self,
        store: MetadataStore,
        name: str,
        folder: Path,
        *,
        metrics: Metrics = no_metrics,
        clock: Callable[[], float],
        token: Callable[[], str],
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._name = name
        self._folder = folder
        self._metrics = metrics
        self._clock = clock
        self._token = token
        self._wall = wall

    def tick(self) -> Conducted:
        """Looks once.

        Raises:
            MetadataError: ML Metadata does not take what is to be recorded.
            OSError: The folder takes no order, or does not give away the one that is there.
            RolloutError: What is recorded is not valid.
        """
        with turn(self._folder, self._name):
            before = self._read()
            pushed = pushes.read(self._store, self._name)
            self._take_over(before)
            self._open(self._read(), pushed)
            waits = self._advance(self._read(), pushed)
            recorded = self._read()
            self._project(projection.order_of(self._name, recorded, pushed))
        past = events.of(recorded)
        waiting = _waiting(recorded, pushed)
        running = recorded.running
        return Conducted(
            rollouts=(
                *((in_words(running, waits),) if running else ()),
                *(f"version {one.version} waits for its rollout" for one in waiting),
            ),
            events=past_new(past, events.of(before)),
            past=past,
            running=running is not None or bool(waiting),
        )

    def _read(self) -> Recorded:
        return records.read(self._store, self._name)

    def _order(self) -> Order | None:
        """Returns the order that servers follow; a damaged one is none, and is written anew.

        Raises:
            OSError: It is there and cannot be read: it may hold a rollback that is not recorded.
        """
        try:
            return orders.read(self._folder)
        except UnreadableOrderError:
            raise
        except RolloutError as error:
            _LOGGER.warning("the order is damaged: %s", error)
            return None

    def _take_over(self, recorded: Recorded) -> None:
        """Records a rollback that was carried out by somebody who was killed in it."""
        running, order = recorded.running, self._order()
        if running is None or order is None or order.plan != running.plan:
            return
        state = order.state
        ahead = state is not None and state.done == running.state.done + 1
        if state is not None and ahead and state.outcome is Outcome.ROLLED_BACK:
            self._record(running, keys.ROLL_BACK, state, self._look(running).times)

    def _open(self, recorded: Recorded, pushed: tuple[Push, ...]) -> None:
        """Opens what the newest push asks for, if its turn has come; ends what it overtakes."""
        order = self._order()
        serves = projection.serving(recorded, pushed)
        if serves is None and order is not None:
            serves = order.serves
        waiting = _waiting(recorded, pushed)
        for push in waiting:
            overtaken = _overtaken(push, waiting[-1], projection.newest_direct(pushed), serves)
            plan = _against(push, serves if recorded.running is None else None)
            if overtaken:
                self._supersede(_unopened(plan, push, self._clock()), overtaken)
            elif recorded.running is not None:
                continue
            self._open_as(plan, push)

    def _open_as(self, plan: Plan, push: Push) -> None:
        records.open_rollout(
            self._store,
            self._name,
            plan,
            origin=f"asked for by push {push.id}",
            now_sec=self._clock(),
            token=self._token(),
        )

    def _supersede(self, rollout: Rollout, because: str) -> None:
        """Ends a rollout that has not begun; before it is opened, so that it never runs."""
        action = records.superseding(rollout, because, self._clock())
        records.record(self._store, self._name, rollout, action, token=self._token())

    def _advance(self, recorded: Recorded, pushed: tuple[Push, ...]) -> str:
        """Does what is next with the running rollout; returns what is waited for."""
        rollout = recorded.running
        if rollout is None:
            return ""
        serves = projection.serving(recorded, pushed)
        if rollout.state.done == 0 and serves not in {None, rollout.plan.stable_version}:
            self._supersede(rollout, f"version {serves} serves by now")
            return ""
        sighting, now_sec = self._look(rollout), self._clock()
        action = decide(rollout, sighting, now_sec)
        if isinstance(action, Wait):
            return action.because
        state = after(rollout.plan, rollout.state, action, now_sec)
        if isinstance(action, RollBack):
            self._project(
                Order(
                    model=self._name,
                    serves=rollout.plan.stable_version,
                    plan=rollout.plan,
                    state=state,
                )
            )
        self._record(rollout, _KINDS[type(action)], state, sighting.times)
        return ""

    def _look(self, rollout: Rollout) -> Sighting:
        return sightings.look(
            rollout,
            report.read_all(self._folder),
            self._live(rollout),
            wall_sec=self._wall(),
        )

    def _live(self, rollout: Rollout) -> LiveMetrics:
        if rollout.state.step < 0 or not sightings.wants_labels(rollout.plan):
            return {}
        try:
            return self._metrics(rollout.plan, rollout.state)
        except Exception:  # a label file must not keep the other guards from being asked
            _LOGGER.exception("live metrics of %s are passed over", rollout.plan.id)
            return {}

    def _record(self, rollout: Rollout, kind: str, state: State, times: records.Times) -> None:
        action = records.Action(
            number=state.done,
            kind=kind,
            because=state.because,
            at_sec=self._clock(),
            state=state,
            times=times,
        )
        if not records.record(self._store, self._name, rollout, action, token=self._token()):
            _LOGGER.info("%s: action %d was recorded by another", rollout.plan.id, action.number)

    def _project(self, order: Order | None) -> None:
        if order is not None and order != self._order():
            orders.write(order, self._folder)


def in_words(rollout: Rollout, waits: str = "") -> str:
    """Returns how a running rollout stands, in a sentence."""
    plan, state = rollout.plan, rollout.state
    what = f"{plan.id}: {plan.strategy.value} of version {plan.candidate_version} against "
    what += str(plan.stable_version)
    if state.step < 0:
        what += ", not begun"
    else:
        what += f", step {state.step + 1} of {len(plan.shares)} at {100 * state.share:g} %"
    return f"{what}{WAITS}{waits}" if waits else what


def past_new(past: tuple[Event, ...], known: tuple[Event, ...]) -> tuple[Event, ...]:
    """Returns the events that were not known."""
    seen = {(one.rollout_id, one.number) for one in known}
    return tuple(one for one in past if (one.rollout_id, one.number) not in seen)


def _waiting(recorded: Recorded, pushed: tuple[Push, ...]) -> tuple[Push, ...]:
    """Returns the pushes whose rollouts are asked for and not opened, the oldest first."""
    return tuple(
        one for one in pushed if one.plan is not None and recorded.named(one.plan.id) is None
    )


def _overtaken(push: Push, newest: Push, direct: Push | None, serves: int | None) -> str:
    """Returns why a rollout that waits will not begin; nothing where it will."""
    if push.id != newest.id:
        return f"version {newest.version} was pushed since"
    if direct is not None and direct.id > push.id:
        return f"version {direct.version} was pushed since, to serve at once"
    return f"version {serves} serves already" if serves == push.version else ""


def _against(push: Push, serves: int | None) -> Plan:
    """Returns the plan that is asked for, against what serves when it is opened."""
    assert push.plan is not None
    if serves is None or serves == push.version:
        return push.plan
    return dataclasses.replace(push.plan, stable_version=serves)


def _unopened(plan: Plan, push: Push, now_sec: float) -> Rollout:
    return Rollout(plan=plan, opened_sec=now_sec, origin=f"asked for by push {push.id}")
