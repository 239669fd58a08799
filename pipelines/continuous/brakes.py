"""What holds a run back although there is reason for it; each a pure function of the snapshot.

A brake says why, and until when where that can be told.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from pipelines.continuous import moments, retry
from pipelines.continuous.finding import Finding
from pipelines.continuous.policy import TriggerPolicy
from pipelines.continuous.snapshot import UNSUCCESSFUL, RunRecord, Snapshot, Standing
from pipelines.lineage.keys import RunState


@dataclasses.dataclass(frozen=True, kw_only=True)
class Refusal:
    """Why nothing runs now.

    Attributes:
        reason: In words that follow "waits: ".
        until_sec: When this reason ends; None where no time can be told.
    """

    reason: str
    until_sec: float | None = None


Brake = Callable[[Snapshot, TriggerPolicy, Finding], Refusal | None]


def one_at_a_time(snapshot: Snapshot, policy: TriggerPolicy) -> Refusal | None:
    """Refuses while a run is under way, here or where another watcher runs it."""
    for running in snapshot.running:
        if not _is_given_up(snapshot, policy, running):
            since = moments.utc(running.started_sec)
            return Refusal(reason=f"run {running.name} is under way since {since}")
    for claim in snapshot.claims[-1:]:
        pending = snapshot.standing(claim) in {Standing.OPEN, Standing.UNDER_WAY}
        is_ours = claim.owner == snapshot.owner
        if pending and not is_ours and not retry.is_given_up(snapshot, policy, claim):
            until_sec = retry.last_sign_sec(snapshot, claim) + policy.claim_expires_sec
            return Refusal(
                reason=f"watcher {claim.owner!r} decided on a run at "
                f"{moments.utc(claim.decided_sec)}; it is given up if nothing is heard of it "
                f"until {moments.utc(until_sec)}",
                until_sec=until_sec,
            )
    return None


def _is_given_up(snapshot: Snapshot, policy: TriggerPolicy, run: RunRecord) -> bool:
    return any(
        claim.decision_id == run.decision_id and retry.is_given_up(snapshot, policy, claim)
        for claim in snapshot.claims
    )


def budget(snapshot: Snapshot, policy: TriggerPolicy, _finding: Finding) -> Refusal | None:
    """Refuses where the loop has decided on enough runs this UTC day."""
    today = moments.day(snapshot.now_sec)
    used = sum(moments.day(claim.decided_sec) == today for claim in snapshot.claims)
    if used < policy.runs_per_day:
        return None
    tomorrow_sec = (today + 1) * moments.DAY_SEC
    return Refusal(
        reason=f"the budget of {policy.runs_per_day} run(s) a day is spent until "
        f"{moments.utc(tomorrow_sec)}",
        until_sec=tomorrow_sec,
    )


def cool_down(snapshot: Snapshot, policy: TriggerPolicy, finding: Finding) -> Refusal | None:
    """Refuses for a while after a run, and for longer after runs that led to nothing."""
    if finding.urgent or not snapshot.runs:
        return None
    last = snapshot.runs[-1]
    in_a_row = _unsuccessful_in_a_row(snapshot)
    wait_sec = policy.cool_down_sec
    if in_a_row:
        # The exponent is bounded, as floats are.
        grown_sec = policy.failed_cool_down_sec * 2.0 ** min(in_a_row - 1, 64)
        wait_sec = max(wait_sec, min(grown_sec, policy.max_cool_down_sec))
    until_sec = last.last_sec + wait_sec
    if snapshot.now_sec >= until_sec:
        return None
    after = f"run {last.name}"
    if in_a_row:
        after = f"{in_a_row} run(s) in a row without success, the last {last.name}"
    return Refusal(
        reason=f"cool-down until {moments.utc(until_sec)} after {after}", until_sec=until_sec
    )


def _unsuccessful_in_a_row(snapshot: Snapshot) -> int:
    count = 0
    for run in reversed(snapshot.runs):
        if run.state in UNSUCCESSFUL:
            count += 1
        elif run.state in {RunState.BLESSED, RunState.SUCCEEDED}:
            break
    return count


def new_data(snapshot: Snapshot, policy: TriggerPolicy, finding: Finding) -> Refusal | None:
    """Refuses where a run would train on what was trained on before."""
    rows = snapshot.new_rows
    if not finding.needs_data or rows >= policy.min_new_rows:
        return None
    return Refusal(
        reason=f"{rows:,} new rows since the last training, expected at least "
        f"{policy.min_new_rows:,}"
    )


def rollout(snapshot: Snapshot, _policy: TriggerPolicy, finding: Finding) -> Refusal | None:
    """Refuses while a model is being rolled out: what is seen is not yet about it."""
    if finding.urgent or not snapshot.rollout:
        return None
    return Refusal(reason=f"a rollout is under way: {snapshot.rollout}")


BRAKES: tuple[Brake, ...] = (rollout, cool_down, budget, new_data)


def refusals(snapshot: Snapshot, policy: TriggerPolicy, finding: Finding) -> tuple[Refusal, ...]:
    """Returns all that holds a reason back, what it lacks itself first."""
    own = Refusal(reason=finding.waits_for, until_sec=finding.not_before_sec)
    braked = (brake(snapshot, policy, finding) for brake in BRAKES)
    return tuple(one for one in (own if finding.waits_for else None, *braked) if one)
