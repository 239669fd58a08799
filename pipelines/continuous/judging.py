"""Runs the checks of a window of requests, and makes verdicts of what they find.

A check of skew answers two questions. Rows that break the schema, or that differ from what training
computed for the same entity, are *skew*: something feeds the model wrongly, which training seldom
mends. Features or predictions that lie elsewhere are *drift*: the world has moved, which training
is for. So it makes two verdicts.

What is checked and how is for `pipelines.skew` and `pipelines.feedback`; when, for `windows`.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from components.prediction_log_example_gen.shards import unfinished
from components.prediction_log_example_gen.windows import Range, between
from pipelines.config import PipelineConfig
from pipelines.continuous.snapshot import PerformanceVerdict, SkewVerdict, Verdict
from pipelines.continuous.windows import Window
from pipelines.lineage.keys import RunState
from pipelines.runners.local.report import Progress, RunReport
from pipelines.skew import served_log
from pipelines.workspace import Workspace
from serving.request_log.shard_names import ShardName

if TYPE_CHECKING:
    from components.performance_validator.findings import Finding as PerformanceFinding
    from components.performance_validator.findings import Findings as PerformanceFindings
    from components.skew_validator.findings import Finding, Findings

PERFORMANCE = "performance"
_OF_SKEW: tuple[Literal["skew", "drift"], ...] = ("skew", "drift")
_FED_WRONGLY = ("schema", "feature")
_FEATURES_NAMED = 3


class CheckFailedError(Exception):
    """A check could not be made now; the message says why."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Judged:
    """A verdict, and where people find more."""

    verdict: Verdict
    report: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Judge:
    """Judges windows of what a pipeline's model was asked.

    Attributes:
        config: Of the pipeline; its `data_root` is a folder that is there.
        workspace: With its runs, log and labels.
        progress: Is told what happens.
        clock: The time in seconds since the epoch.
    """

    config: PipelineConfig
    workspace: Workspace
    progress: Progress
    clock: Callable[[], float] = time.time

    @property
    def log(self) -> Path:
        """The folder of the request log."""
        return self.workspace.request_log_root(self.config.name)

    def first_sec(self) -> float | None:
        """Returns when the oldest request that is still in the log came, or None without any."""
        if not self.log.is_dir():
            return None
        names = [path.name for path in self.log.iterdir()]
        shards = [ShardName.parse(name) or ShardName.parse_unfinished(name) for name in names]
        return min((shard.started for shard in shards if shard), default=None)

    def skew(self, window: Window) -> tuple[Judged, ...]:
        """Returns the verdicts of skew and of drift.

        Raises:
            CheckFailedError: The check could not be made.
            RingwayError: Likewise.
        """
        from pipelines.skew import check
        from pipelines.skew.planning import Question

        self._wait_for_log(window)
        question = Question(log=self.log, since=window.start_sec, until=window.end_sec)
        answer = check.of_served(
            self.config, self.workspace, question, progress=self.progress, now=self.clock
        )
        if answer.findings is None:
            raise _not_ended_well("skew", answer.run)
        report = "" if answer.folder is None else str(answer.folder)
        return tuple(
            Judged(
                verdict=skew_verdict(kind, window, answer.findings, answer.version), report=report
            )
            for kind in _OF_SKEW
        )

    def performance(self, window: Window) -> tuple[Judged, ...]:
        """Returns the verdict of live performance.

        Raises:
            CheckFailedError: The check could not be made.
            RingwayError: Likewise.
        """
        from pipelines.feedback import check

        self._wait_for_log(window)
        answer = check.of_window(
            self.config,
            self.workspace,
            log=self.log,
            labels=self.workspace.feedback_root(self.config.name),
            since=window.start_sec,
            until=window.end_sec,
            as_of=self.clock(),
            progress=self.progress,
            now=self.clock,
        )
        if answer.findings is None:
            raise _not_ended_well("performance", answer.run)
        report = "" if answer.folder is None else str(answer.folder)
        return (Judged(verdict=performance_verdict(window, answer.findings), report=report),)

    def _wait_for_log(self, window: Window) -> None:
        """Waits for what a server still writes of a window; what a dead one left is passed over."""
        period: Range = between(1, window.start_sec, window.end_sec)
        if self.log.is_dir() and (names := unfinished(self.log, None, period)):
            served_log.wait_until_finished(self.log, names)


def _not_ended_well(kind: str, run: RunReport | None) -> BaseException:
    assert run is not None
    if run.outcome.state == RunState.CANCELLED:
        return KeyboardInterrupt()  # who stops a check means the loop
    return CheckFailedError(f"the check of {kind} failed: {run.outcome.reason}")


def skew_verdict(
    kind: Literal["skew", "drift"], window: Window, findings: Findings, version: str
) -> SkewVerdict:
    """Returns what a check of skew says of one of its two questions. Pure.

    Args:
        kind: Which question.
        window: That was checked.
        findings: Of the check.
        version: That the baseline is of; empty where there is none.
    """
    own = [one for one in findings.findings if (one.kind in _FED_WRONGLY) == (kind == "skew")]
    alarms = [one for one in own if one.status == "ALARM"]
    unknown = any(one.status == "NOT_COMPARED" and not one.optional for one in own)
    status: Literal["OK", "ALARM", "NOT_COMPARED"] = "ALARM" if alarms else "OK"
    if not alarms and (unknown or not own or findings.status == "NOT_COMPARED"):
        status = "NOT_COMPARED"
    return SkewVerdict(
        kind=kind,
        window=window.name,
        ended_sec=window.end_sec,
        status=status,
        cause=_named(alarms) if alarms else findings.cause if status == "NOT_COMPARED" else "",
        model_version=version,
    )


def performance_verdict(window: Window, findings: PerformanceFindings) -> PerformanceVerdict:
    """Returns what a check of performance says of the version that answered most. Pure.

    It is OK only where most of what was answered is known to be: of two versions that share the
    requests of a window, one that is well says nothing of the other.

    Args:
        window: That was checked.
        findings: Of the check.
    """
    versions = sorted(findings.by_version.values(), key=lambda one: (-_answered(one), one.version))
    if not versions:
        [judged] = not_judged(PERFORMANCE, window, findings.cause)
        assert isinstance(judged.verdict, PerformanceVerdict)
        return judged.verdict
    most = versions[0]
    status: Literal["OK", "DEGRADED", "NOT_COMPARED"] = "NOT_COMPARED"
    why = most.reason
    if most.status == "DEGRADED":
        status = "DEGRADED"
    elif most.status == "OK" and findings.status == "NOT_COMPARED":
        why = findings.cause
    elif most.status == "OK":
        status = "OK"
    known = status != "NOT_COMPARED"
    return PerformanceVerdict(
        window=window.name,
        ended_sec=window.end_sec,
        status=status,
        metric=most.metric if known else why,
        interval=most.interval if known else None,
        bound=most.bound if known else None,
        model_version=most.version,
    )


def _answered(one: PerformanceFinding) -> int:
    # Labels may come for one version sooner than for another.
    return one.rows if one.served is None else one.served


def _named(alarms: Collection[Finding]) -> str:
    # Ranked by severity; one feature may alarm in several respects.
    names = list(dict.fromkeys(one.feature or one.kind for one in alarms))
    more = len(names) - _FEATURES_NAMED
    return ", ".join(names[:_FEATURES_NAMED]) + (f" and {more} more" if more > 0 else "")


def not_judged(kind: str, window: Window, why: str) -> tuple[Judged, ...]:
    """Returns the verdicts of a check that was given up."""
    if kind == PERFORMANCE:
        verdict: Verdict = PerformanceVerdict(
            window=window.name, ended_sec=window.end_sec, status="NOT_COMPARED", metric=why
        )
        return (Judged(verdict=verdict),)
    return tuple(
        Judged(
            verdict=SkewVerdict(
                kind=one,
                window=window.name,
                ended_sec=window.end_sec,
                status="NOT_COMPARED",
                cause=why,
            )
        )
        for one in _OF_SKEW
    )
