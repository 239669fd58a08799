"""Runs again what failed, a few times.

Only the newest decision is looked at: an older one was overtaken by a run that took everything
along that stood. A model or data that was refused is no failure; the same would be refused again.
"""

from __future__ import annotations

from pipelines.continuous.finding import RETRY, Finding
from pipelines.continuous.policy import TriggerPolicy
from pipelines.continuous.snapshot import Claim, Snapshot, Standing

_PREFIX = "retry:"


def look(snapshot: Snapshot, policy: TriggerPolicy) -> Finding | None:
    """Returns the newest decision as a reason to run, if its run failed or was given up."""
    if not snapshot.claims:
        return None
    newest = snapshot.claims[-1]
    attempt = _attempt(newest) + 1
    if attempt > policy.retries or not _failed(snapshot, policy, newest):
        return None
    runs = snapshot.runs_of(newest)
    reason = runs[-1].reason if runs else ""
    name = runs[-1].name if runs else f"decision {newest.decision_id}"
    return Finding(
        trigger=RETRY,
        what=f"retry {attempt} of {policy.retries} of {name} ({newest.trigger}), which failed"
        + (f": {reason}" if reason else ""),
        evidence=(f"{_PREFIX}{newest.decision_id}:{attempt}",),
        needs_data=False,
    )


def is_given_up(snapshot: Snapshot, policy: TriggerPolicy, claim: Claim) -> bool:
    """Returns whether a decision that was not carried out will not be resumed.

    Its runs were killed too often; or another watcher took it, and has been silent for too long.
    """
    standing = snapshot.standing(claim)
    if standing is Standing.OPEN and claim.owner == snapshot.owner:
        return len(snapshot.runs_of(claim)) >= policy.max_interruptions
    if standing not in {Standing.OPEN, Standing.UNDER_WAY} or claim.owner == snapshot.owner:
        return False
    return snapshot.now_sec >= last_sign_sec(snapshot, claim) + policy.claim_expires_sec


def last_sign_sec(snapshot: Snapshot, claim: Claim) -> float:
    """Returns when a decision was last heard of."""
    return max([claim.decided_sec, *(run.last_sec for run in snapshot.runs_of(claim))])


def _failed(snapshot: Snapshot, policy: TriggerPolicy, claim: Claim) -> bool:
    failed = snapshot.standing(claim) is Standing.FAILED
    return failed or is_given_up(snapshot, policy, claim)


def _attempt(claim: Claim) -> int:
    """Returns how many failures in a row this decision has retried; 0 for a first attempt."""
    numbers = [text.rpartition(":")[2] for text in claim.evidence if text.startswith(_PREFIX)]
    return max(map(int, numbers), default=0)
