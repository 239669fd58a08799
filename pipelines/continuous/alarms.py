"""Runs because live performance is degraded, or skew or drift alarms.

An alarm has to stand: in so many windows one after the other, and for so long. What ends it, and
which verdicts count, is told in `Snapshot.streak`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pipelines.continuous import moments
from pipelines.continuous.finding import DRIFT, PERFORMANCE, SKEW, Finding
from pipelines.continuous.policy import TriggerPolicy
from pipelines.continuous.snapshot import Snapshot, Verdict


def performance(snapshot: Snapshot, policy: TriggerPolicy) -> Finding | None:
    """Returns the degraded performance that stands."""
    verdicts = snapshot.performance if policy.performance else ()
    return _look(snapshot, policy, PERFORMANCE, verdicts, policy.performance_windows)


def drift(snapshot: Snapshot, policy: TriggerPolicy) -> Finding | None:
    """Returns the drift that stands."""
    verdicts = [one for one in snapshot.skew if policy.drift and one.kind == "drift"]
    return _look(snapshot, policy, DRIFT, verdicts, policy.alarm_windows)


def skew(snapshot: Snapshot, policy: TriggerPolicy) -> Finding | None:
    """Returns the skew that stands."""
    verdicts = [one for one in snapshot.skew if policy.skew and one.kind == "skew"]
    return _look(snapshot, policy, SKEW, verdicts, policy.alarm_windows)


def _look(
    snapshot: Snapshot,
    policy: TriggerPolicy,
    trigger: str,
    verdicts: Iterable[Verdict],
    windows: int,
) -> Finding | None:
    streak = snapshot.streak(verdicts)
    if not streak:
        return None
    ripe_sec = streak[0].ended_sec + policy.alarm_for_sec
    missing = []
    if len(streak) < windows:
        missing.append(f"{len(streak)} of {windows} windows in a row so far")
    if snapshot.now_sec < ripe_sec:
        missing.append(f"it has to stand until {moments.utc(ripe_sec)}")
    return Finding(
        trigger=trigger,
        what=_what(trigger, streak),
        evidence=tuple(one.evidence for one in streak),
        waits_for=" and ".join(missing),
        # When a window will be judged is not known here.
        not_before_sec=ripe_sec if missing and len(streak) >= windows else None,
    )


def _what(trigger: str, streak: Sequence[Verdict]) -> str:
    windows = f"window {streak[-1].window}"
    if len(streak) > 1:
        windows = f"windows {streak[0].window} to {streak[-1].window}"
    cause = streak[-1].cause
    if trigger == PERFORMANCE:
        return f"degraded performance in {windows}" + (f": {cause}" if cause else "")
    return f"{trigger} alarm" + (f" on {cause}" if cause else "") + f" in {windows}"
