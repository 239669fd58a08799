"""Runs because somebody asks."""

from __future__ import annotations

from pipelines.continuous.finding import ON_DEMAND, Finding
from pipelines.continuous.policy import TriggerPolicy
from pipelines.continuous.snapshot import Request, Snapshot


def look(snapshot: Snapshot, policy: TriggerPolicy) -> Finding | None:
    """Returns the requests that no run has answered, as one reason to run."""
    if not policy.on_demand:
        return None
    pending = [one for one in snapshot.requests if one.evidence not in snapshot.acted_on]
    pending.sort(key=lambda one: (one.asked_sec, one.id))
    if not pending:
        return None
    return Finding(
        trigger=ON_DEMAND,
        what=", and ".join(map(_words, pending)),
        evidence=tuple(one.evidence for one in pending),
        urgent=True,
        needs_data=False,
    )


def _words(request: Request) -> str:
    who = f"request {request.id}" + (f" by {request.by}" if request.by else "")
    return f"{who} ({request.reason})" if request.reason else who
