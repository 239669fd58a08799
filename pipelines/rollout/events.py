"""What happened to rollouts, as told by what is recorded: pure.

An event is named by its rollout and the number of its action, so whoever was killed before telling
it tells it after. `of` returns all of them, at each call the same.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from pipelines.rollout import keys
from pipelines.rollout.records import Action, Recorded, Rollout

OPENED, RAISED, SWITCHED, PROMOTED = "opened", "raised", "switched", "promoted"
ROLLED_BACK, CONCLUDED, SUPERSEDED = "rolled_back", "concluded", "superseded"

_KINDS = {
    keys.RAISE: RAISED,
    keys.SWITCH: SWITCHED,
    keys.PROMOTE: PROMOTED,
    keys.ROLL_BACK: ROLLED_BACK,
    keys.CONCLUDE: CONCLUDED,
    keys.SUPERSEDE: SUPERSEDED,
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happened to a rollout.

    Attributes:
        kind: One of the names above.
        rollout_id: Which rollout.
        number: Of the action, from 1; 0 when it was opened.
        candidate: The version that is tried.
        stable: The version that served.
        share: The candidate's from then on.
        because: Why.
        at_sec: When, seconds since 1970 on the clock that all agree on.
        simulated_sec: Of a rollback: from the candidate's first answer until then, on the same
            clock; None where it never answered.
        wall_sec: Likewise on the server's own clock; None where no server rolled back by itself.
    """

    kind: str
    rollout_id: str
    number: int
    candidate: int
    stable: int
    share: float
    because: str
    at_sec: float
    simulated_sec: float | None = None
    wall_sec: float | None = None

    def __str__(self) -> str:
        """Returns it in a sentence."""
        what = f"rollout {self.rollout_id}: {self.kind.replace('_', ' ')}"
        if self.kind in {RAISED, SWITCHED}:
            what += f" to {100 * self.share:g} %"
        return f"{what}: {self.because}{self._took()}"

    def _took(self) -> str:
        if self.simulated_sec is None:
            return ""
        wall = "" if self.wall_sec is None else f", {self.wall_sec:.1f} s on the server's clock"
        return f" ({self.simulated_sec:.0f} s after the candidate's first answer{wall})"


def of(recorded: Recorded) -> tuple[Event, ...]:
    """Returns all that happened, rollout by rollout."""
    return tuple(event for rollout in recorded.rollouts for event in _of_rollout(rollout))


def _of_rollout(rollout: Rollout) -> Iterator[Event]:
    plan = rollout.plan
    if not rollout.superseded:
        yield Event(
            kind=OPENED,
            rollout_id=plan.id,
            number=0,
            candidate=plan.candidate_version,
            stable=plan.stable_version,
            share=0.0,
            because=f"{plan.strategy.value} of version {plan.candidate_version} against "
            f"{plan.stable_version}, {rollout.origin}",
            at_sec=rollout.opened_sec,
        )
    for action in rollout.actions:
        yield Event(
            kind=_KINDS[action.kind],
            rollout_id=plan.id,
            number=action.number,
            candidate=plan.candidate_version,
            stable=plan.stable_version,
            share=action.state.share,
            because=action.because,
            at_sec=action.at_sec,
            simulated_sec=_simulated_sec(action),
            wall_sec=action.times.wall_sec,
        )


def _simulated_sec(action: Action) -> float | None:
    first = action.times.first_candidate_sec
    if action.kind != keys.ROLL_BACK or first is None:
        return None
    broken = action.times.broken_sec
    return max(0.0, (action.at_sec if broken is None else broken) - first)
