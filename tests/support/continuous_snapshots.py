"""Snapshots for tests of the loop's decisions; the clock begins at midnight UTC of a Monday."""

from __future__ import annotations

import datetime
from typing import Any, Literal

from pipelines.continuous.snapshot import (
    Claim,
    PerformanceVerdict,
    RunRecord,
    SkewVerdict,
    Snapshot,
)
from pipelines.continuous.triggers import decision_id

MONDAY_SEC = datetime.datetime(2013, 3, 4, tzinfo=datetime.UTC).timestamp()
HOUR, DAY = 3_600.0, 86_400.0
US = "host-a"


def hour(hours: float) -> float:
    """Returns the moment that many hours after Monday's midnight."""
    return MONDAY_SEC + hours * HOUR


def run(state: str, started: float, finished: float | None = None, **changes: Any) -> RunRecord:
    """Returns a run; hours after Monday's midnight; half an hour long where not said."""
    ended = None if state in {"RUNNING", "INTERRUPTED"} else hour(finished or started + 0.5)
    values: dict[str, Any] = {
        "name": f"flights-{started:g}",
        "state": state,
        "started_sec": hour(started),
        "finished_sec": ended,
        "trigger": "on demand",
    }
    return RunRecord(**{**values, **changes})


def claim(decided: float, *evidence: str, owner: str = US, trigger: str = "new span") -> Claim:
    """Returns a decision, taken so many hours after Monday's midnight."""
    return Claim(
        decision_id=decision_id(evidence),
        trigger=trigger,
        because="because of a test",
        evidence=evidence,
        decided_sec=hour(decided),
        owner=owner,
    )


def windows(
    letters: str, kind: Literal["skew", "drift"] = "drift", **changes: Any
) -> tuple[SkewVerdict, ...]:
    """Returns hourly windows w1, w2, …: A for ALARM, O for OK, N for NOT_COMPARED."""
    statuses: dict[str, Literal["OK", "ALARM", "NOT_COMPARED"]]
    statuses = {"A": "ALARM", "O": "OK", "N": "NOT_COMPARED"}
    return tuple(
        SkewVerdict(
            kind=kind,
            window=f"w{number}",
            ended_sec=hour(number),
            status=statuses[letter],
            **{"cause": "temp", **changes},
        )
        for number, letter in enumerate(letters, 1)
    )


def live(letters: str, version: str = "") -> tuple[PerformanceVerdict, ...]:
    """Returns the same of live performance, D for DEGRADED."""
    statuses: dict[str, Literal["OK", "DEGRADED", "NOT_COMPARED"]]
    statuses = {"D": "DEGRADED", "O": "OK", "N": "NOT_COMPARED"}
    return tuple(
        PerformanceVerdict(
            window=f"w{number}",
            ended_sec=hour(number),
            status=statuses[letter],
            metric="auc",
            interval=(0.61, 0.64),
            bound=0.66,
            model_version=version,
        )
        for number, letter in enumerate(letters, 1)
    )


def snapshot(now: float = 12, **fields: Any) -> Snapshot:
    """Returns a snapshot; Monday noon where not said."""
    return Snapshot(now_sec=hour(now), **{"owner": US, **fields})
