"""What somebody should know: values and pure decisions.

An alert has an id made of what it is about. Seen again at the next tick, or after a restart, it is
the same alert, and goes out once by each channel:

    drift, skew, degraded    one for each stretch of bad windows between two runs, named by its
                             first window
    rejected, failed         one for each run that the loop asked for and that ended so
    rolled back              one for each rollout that was

Whether it is time to send one is left to `attempts`, keeping and sending to `deliveries`; the
channels are `alert_log`, `webhook` and `alert_command`.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from typing import Any, Protocol

from pipelines.continuous import moments, retry
from pipelines.continuous.policy import TriggerPolicy
from pipelines.continuous.snapshot import Claim, RunRecord, Snapshot, Verdict
from pipelines.lineage.keys import RunState

DRIFT, SKEW, DEGRADED = "drift", "skew", "degraded"
REJECTED, FAILED, ROLLED_BACK = "rejected", "failed", "rolled back"

_MAX_SUBJECT_CHARACTERS = 300  # the ledger keeps it whole

_KINDS_OF_RUNS = {
    RunState.REJECTED: REJECTED,
    RunState.ANOMALIES: REJECTED,
    RunState.FAILED: FAILED,
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Alert:
    """Something that somebody should know.

    Attributes:
        pipeline: Name of the pipeline.
        kind: One of the names above.
        subject: What it is about, in such a way that the same thing has the same subject. A very
            long one is replaced by its beginning and a hash.
        text: One sentence for people.
        raised_sec: When it was first seen, seconds since the epoch.
    """

    pipeline: str
    kind: str
    subject: str
    text: str
    raised_sec: float

    def __post_init__(self) -> None:
        if len(self.subject) > _MAX_SUBJECT_CHARACTERS:
            digest = hashlib.sha256(self.subject.encode()).hexdigest()
            object.__setattr__(self, "subject", f"{self.subject[:100]}…{digest}")

    @property
    def id(self) -> str:
        """16 hexadecimal digits made of pipeline, kind and subject."""
        text = f"{self.pipeline}\n{self.kind}\n{self.subject}"
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def document(self) -> dict[str, Any]:
        """Returns it as JSON values, as channels send it."""
        return {
            "id": self.id,
            "pipeline": self.pipeline,
            "kind": self.kind,
            "subject": self.subject,
            "text": self.text,
            "raised": moments.utc(self.raised_sec),
        }


class DeliveryError(Exception):
    """An alert did not go out; the message says why, without secrets."""


class Channel(Protocol):
    """A way by which alerts go out."""

    @property
    def name(self) -> str:
        """Tells it from other channels, also after a restart; holds no slash."""

    @property
    def resend_in_doubt(self) -> bool:
        """Whether to send again what may have gone out."""

    def send(self, alert: Alert, *, now_sec: float) -> None:
        """Sends an alert.

        Raises:
            DeliveryError: It did not go out.
        """


def seen(snapshot: Snapshot, pipeline: str, policy: TriggerPolicy) -> tuple[Alert, ...]:
    """Returns the alerts that a snapshot gives reason for, by a policy that says what is given up.

    They have to be kept before a decision is: that takes the bad windows along, after which they
    are no longer seen.
    """
    by_kind = {
        DEGRADED: snapshot.streak(snapshot.performance),
        DRIFT: snapshot.streak(one for one in snapshot.skew if one.kind == DRIFT),
        SKEW: snapshot.streak(one for one in snapshot.skew if one.kind == SKEW),
    }
    windows = [
        _of_windows(snapshot, pipeline, k, streak) for k, streak in by_kind.items() if streak
    ]
    runs = [
        _of_run(pipeline, run)
        for run in snapshot.runs
        if run.decision_id and run.state in _KINDS_OF_RUNS
    ]
    given_up = [
        _of_decision(pipeline, claim)
        for claim in snapshot.claims
        if retry.is_given_up(snapshot, policy, claim)
    ]
    return tuple(windows + runs + given_up)


def rolled_back(
    pipeline: str, *, rollout_id: str, version: str, reason: str, now_sec: float
) -> Alert:
    """Returns the alert that a rollout was rolled back.

    Args:
        pipeline: Name of the pipeline.
        rollout_id: Names the rollout.
        version: The version that was taken back.
        reason: Which guard broke, in words.
        now_sec: When, seconds since the epoch.
    """
    return Alert(
        pipeline=pipeline,
        kind=ROLLED_BACK,
        subject=rollout_id,
        text=f"{pipeline}: version {version} was rolled back: {reason}",
        raised_sec=now_sec,
    )


def _of_windows(snapshot: Snapshot, pipeline: str, kind: str, streak: Sequence[Verdict]) -> Alert:
    first = streak[0]
    what = "performance is degraded" if kind == DEGRADED else f"{kind} alarms"
    served = f" of version {first.model_version}" if first.model_version else ""
    cause = f": {first.cause}" if first.cause else ""
    return Alert(
        pipeline=pipeline,
        kind=kind,
        subject=first.evidence,
        text=f"{pipeline}: {what}{served} in window {first.window}{cause}",
        raised_sec=snapshot.now_sec,
    )


def _of_decision(pipeline: str, claim: Claim) -> Alert:
    return Alert(
        pipeline=pipeline,
        kind=FAILED,
        subject=claim.decision_id,
        text=f"{pipeline}: the decision to run ({claim.trigger}) was given up: its runs were "
        "killed too often, or its watcher is silent",
        raised_sec=claim.decided_sec,
    )


def _of_run(pipeline: str, run: RunRecord) -> Alert:
    ended = "failed" if run.state == RunState.FAILED else f"ended as {run.state}"
    reason = f": {run.reason}" if run.reason else ""
    return Alert(
        pipeline=pipeline,
        kind=_KINDS_OF_RUNS[run.state],
        subject=run.name,
        text=f"{pipeline}: run {run.name} ({run.trigger}) {ended}{reason}",
        raised_sec=run.last_sec,
    )
