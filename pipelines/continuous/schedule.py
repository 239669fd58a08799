"""Runs at the moments that a cron expression names.

Of moments that passed while nothing could run only the newest counts. It is answered by a decision
that took it along, or by a run that began since and came to an end of its own. Which moments an
expression names is left to `cron`.
"""

from __future__ import annotations

import math

from pipelines.continuous import cron, moments
from pipelines.continuous.finding import SCHEDULE, Finding
from pipelines.continuous.policy import TriggerPolicy
from pipelines.continuous.snapshot import INTERRUPTED, Snapshot
from pipelines.lineage.keys import RunState

_PREFIX = "schedule:"
_NO_ANSWER = (RunState.FAILED, RunState.CANCELLED, INTERRUPTED)


def look(snapshot: Snapshot, policy: TriggerPolicy) -> Finding | None:
    """Returns the newest moment of the schedule, where no run has answered it."""
    if not policy.schedule:
        return None
    due_sec = cron.newest(policy.schedule, policy.time_zone, math.floor(snapshot.now_sec / 60))
    evidence = _PREFIX + moments.utc(due_sec)
    # All are written alike, so they sort by time. An earlier one shows up when a clock is set back.
    if any(text >= evidence for text in snapshot.acted_on if text.startswith(_PREFIX)):
        return None
    if any(
        run.started_sec >= due_sec and run.state not in _NO_ANSWER
        for run in snapshot.runs
        if not run.decision_id  # those of decisions are judged by what these took along
    ):
        return None
    return Finding(
        trigger=SCHEDULE,
        what=f"schedule {policy.schedule!r} ({policy.time_zone}) at {moments.utc(due_sec)}",
        evidence=(evidence,),
    )
