"""What is known at one moment, from which `triggers` decides: frozen values, nothing that acts.

Every reason to run carries evidence: short texts that name what was seen, once and for all.

    request:7f3a                          somebody asked
    schedule:2013-03-04T02:00:00Z         a moment of the schedule came
    span:12:1                             version 1 of span 12 is complete
    performance:3:2013-W09                version 3 was DEGRADED in that window
    drift:3:2013-W09  skew:3:2013-W09     what version 3 was asked in that window alarmed
    retry:0a1b2c3d4e5f6071:1              first retry of that decision

A decision to run takes all evidence along that stands, and the ledger keeps it. Evidence that is
kept never makes a run again, so what is decided depends on nothing that a restart could lose.
Filling a snapshot is left to `ledger` (runs, decisions, requests) and to who calls it (the rest).
"""

from __future__ import annotations

import dataclasses
import enum
import functools
from collections.abc import Iterable
from typing import Literal

from pipelines.lineage.keys import RunState

INTERRUPTED = "INTERRUPTED"  # beside the values of RunState: its process is gone, it never ended
UNSUCCESSFUL = (RunState.FAILED, RunState.REJECTED, RunState.ANOMALIES)


class Standing(enum.Enum):
    """How the run stands that a decision asked for."""

    OPEN = "OPEN"  # no run was begun, or it was interrupted: it has to be run (again)
    UNDER_WAY = "UNDER_WAY"
    FAILED = "FAILED"
    DONE = "DONE"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Span:
    """A span of data that is complete and that no training has read.

    Attributes:
        number: Its number.
        version: Its version; 0 where the data has none.
        rows: How many rows it holds.
    """

    number: int
    version: int = 0
    rows: int

    @property
    def evidence(self) -> str:
        """Names it."""
        return f"span:{self.number}:{self.version}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunRecord:
    """A run of the pipeline, whoever started it.

    Attributes:
        name: The run id.
        state: A value of `RunState`, or `INTERRUPTED`.
        trigger: What started it.
        started_sec: Seconds since the epoch.
        finished_sec: Likewise; None where it never ended.
        decision_id: The decision that asked for it; empty where the loop did not start it.
        reason: One line; empty when all went well.
    """

    name: str
    state: str
    started_sec: float
    trigger: str = ""
    finished_sec: float | None = None
    decision_id: str = ""
    reason: str = ""

    @property
    def last_sec(self) -> float:
        """The last moment known of it."""
        return self.started_sec if self.finished_sec is None else self.finished_sec


@dataclasses.dataclass(frozen=True, kw_only=True)
class Claim:
    """A decision to run, as the ledger keeps it.

    Attributes:
        decision_id: Derived from the evidence.
        trigger: Which trigger decided.
        because: Why, in words.
        evidence: All that it was taken on.
        decided_sec: Seconds since the epoch.
        owner: Which watcher has to carry it out.
        answer: How it was carried out without a run, in words; empty where it was not.
    """

    decision_id: str
    trigger: str
    because: str = ""
    evidence: tuple[str, ...]
    decided_sec: float
    owner: str
    answer: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class SkewVerdict:
    """What a check of skew or drift said of one window.

    Attributes:
        kind: What was served against what was trained on (skew), or against an earlier window.
        window: Name of the window.
        ended_sec: When the window ended, seconds since the epoch.
        status: As the validator says.
        cause: Names the features that alarm.
        model_version: Version that served; empty where it is not known.
    """

    kind: Literal["skew", "drift"]
    window: str
    ended_sec: float
    status: Literal["OK", "ALARM", "NOT_COMPARED"]
    cause: str = ""
    model_version: str = ""

    @property
    def stands(self) -> bool | None:
        """Whether it is bad news; None where nothing could be compared."""
        return {"ALARM": True, "OK": False}.get(self.status)

    @property
    def evidence(self) -> str:
        """Names it."""
        return f"{self.kind}:{self.model_version}:{self.window}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class PerformanceVerdict:
    """What the performance validator said of a model in one window.

    Attributes:
        window: Name of the window.
        ended_sec: When the window ended, seconds since the epoch.
        status: As the validator says.
        metric: Name of the metric, and of the slice where there is one.
        interval: Confidence interval of the metric; None where nothing was compared.
        bound: What the metric had to reach; None where nothing was compared.
        model_version: Version that served; empty where it is not known.
    """

    window: str
    ended_sec: float
    status: Literal["OK", "DEGRADED", "NOT_COMPARED"]
    metric: str = ""
    interval: tuple[float, float] | None = None
    bound: float | None = None
    model_version: str = ""

    @property
    def stands(self) -> bool | None:
        """Whether it is bad news; None where nothing could be compared."""
        return {"DEGRADED": True, "OK": False}.get(self.status)

    @property
    def evidence(self) -> str:
        """Names it."""
        return f"performance:{self.model_version}:{self.window}"

    @property
    def cause(self) -> str:
        """The metric, its interval and its bound, in words."""
        text = self.metric
        if self.interval is not None:
            text += f" {self.interval[0]:.4g} to {self.interval[1]:.4g}"
        if self.bound is not None:
            text += f", expected at least {self.bound:.4g}"
        return text.strip()


Verdict = SkewVerdict | PerformanceVerdict


@dataclasses.dataclass(frozen=True, kw_only=True)
class Request:
    """Somebody asks for a run.

    Attributes:
        id: Names it; asking twice under one id is asking once.
        asked_sec: Seconds since the epoch.
        by: Who asks.
        reason: Why, in their words.
    """

    id: str
    asked_sec: float
    by: str = ""
    reason: str = ""

    @property
    def evidence(self) -> str:
        """Names it."""
        return f"request:{self.id}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Snapshot:
    """All that a decision is a function of, beside the policy.

    Attributes:
        now_sec: The time, seconds since the epoch.
        owner: Which watcher looks.
        new_spans: Spans that no training has read.
        runs: Runs of the pipeline in the order in which they began, whatever clocks say.
        claims: Decisions to run, the oldest first.
        skew: Verdicts of skew and drift; of each kind all since the last OK, in any order.
        performance: Verdicts of live performance, likewise.
        requests: Runs that were asked for, whether or not they were run since.
        serving_version: Version that is served to most; verdicts on others are left aside. Empty
            where it is not known.
        rollout: What is being rolled out, in words; empty where nothing is.
    """

    now_sec: float
    owner: str = ""
    new_spans: tuple[Span, ...] = ()
    runs: tuple[RunRecord, ...] = ()
    claims: tuple[Claim, ...] = ()
    skew: tuple[SkewVerdict, ...] = ()
    performance: tuple[PerformanceVerdict, ...] = ()
    requests: tuple[Request, ...] = ()
    serving_version: str = ""
    rollout: str = ""

    @functools.cached_property
    def acted_on(self) -> frozenset[str]:
        """All evidence that made a run."""
        return frozenset(text for claim in self.claims for text in claim.evidence)

    @property
    def new_rows(self) -> int:
        """Rows that no training has read."""
        return sum(span.rows for span in self.new_spans)

    @property
    def running(self) -> tuple[RunRecord, ...]:
        """The runs that are under way."""
        return tuple(run for run in self.runs if run.state == RunState.RUNNING)

    @property
    def last_blessed_sec(self) -> float:
        """When the newest run that blessed a model began; minus infinity where none did."""
        blessed = (run.started_sec for run in self.runs if run.state == RunState.BLESSED)
        return max(blessed, default=float("-inf"))

    def runs_of(self, claim: Claim) -> tuple[RunRecord, ...]:
        """Returns the runs that a decision asked for, the oldest first."""
        return tuple(run for run in self.runs if run.decision_id == claim.decision_id)

    def standing(self, claim: Claim) -> Standing:
        """Returns how the run stands that a decision asked for."""
        runs = self.runs_of(claim)
        if claim.answer:
            return Standing.DONE
        return _STANDINGS.get(runs[-1].state, Standing.DONE) if runs else Standing.OPEN

    def streak(self, verdicts: Iterable[Verdict]) -> tuple[Verdict, ...]:
        """Returns the bad verdicts that stand, the oldest first: those since the last good one.

        What could not be compared neither counts nor clears. Left aside are verdicts on versions
        that no longer serve (where that is not known: on windows that ended before the last blessed
        model was trained), and those that were acted on.
        """
        standing: list[Verdict] = []
        for verdict in sorted(verdicts, key=lambda one: one.ended_sec, reverse=True):
            if not self._concerns(verdict) or verdict.stands is None:
                continue
            if not verdict.stands or verdict.evidence in self.acted_on:
                break
            standing.append(verdict)
        return tuple(reversed(standing))

    def _concerns(self, verdict: Verdict) -> bool:
        if self.serving_version and verdict.model_version:
            # A blessed model may have been taken back: what was seen of this one still holds.
            return self.serving_version == verdict.model_version
        return verdict.ended_sec > self.last_blessed_sec


_STANDINGS = {
    RunState.RUNNING: Standing.UNDER_WAY,
    RunState.FAILED: Standing.FAILED,
    INTERRUPTED: Standing.OPEN,
    # Whoever stops the loop stops the run with it, and finds both again at the next start.
    RunState.CANCELLED: Standing.OPEN,
}
