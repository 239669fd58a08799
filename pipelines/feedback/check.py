"""Runs the pipeline that checks live performance, and reads what it found.

What to look at is decided by `planning`. What cannot be judged is told in the same form as what a
check found, without running anything. How findings are shown is for `text`.
"""

from __future__ import annotations

import dataclasses
import importlib
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.check_results import history_of, result_folder
from pipelines.config import PipelineConfig, to_dict
from pipelines.feedback import planning
from pipelines.feedback.names import VALIDATOR, pipeline_name
from pipelines.feedback.planning import Question
from pipelines.feedback.plans import Plan
from pipelines.runners.local import runner
from pipelines.runners.local.report import Progress, RunReport
from pipelines.skew import periods
from pipelines.workspace import Workspace

if TYPE_CHECKING:
    from components.performance_validator.findings import Finding, Findings

# What workers of a check share. The loop may have started their server for another pipeline.
PRELOAD = ("pipelines.feedback.pipeline",)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Answer:
    """What a check found.

    Attributes:
        findings: Of the validator; of a check that could not be made, why not. None where the run
            failed.
        run: The run of the pipeline; None where none was made.
        folder: Where findings and TFMA's files lie; None where no run ended well.
        notes: What was seen on the way.
    """

    findings: Findings | None
    run: RunReport | None = None
    folder: Path | None = None
    notes: tuple[str, ...] = ()

    @property
    def status(self) -> str:
        """OK, DEGRADED or NOT_COMPARED; "" where the run failed."""
        return self.findings.status if self.findings else ""

    @property
    def by_version(self) -> Mapping[str, Finding]:
        """The verdict of each version that served."""
        return self.findings.by_version if self.findings else {}


def of_window(  # noqa: PLR0913  (given by name; the time is injected)
    config: PipelineConfig,
    workspace: Workspace,
    *,
    log: Path,
    labels: Path,
    since: int,
    until: int,
    as_of: float,
    progress: Progress,
    now: Callable[[], float] = time.time,
    wait: bool = False,
) -> Answer:
    """Checks how models did on the requests of a window, by the labels that have come since.

    Args:
        config: Of the pipeline whose models were served.
        workspace: With its runs.
        log: Folder of the request log.
        labels: Folder that labels are dropped into.
        since: First second of the requests, since 1970.
        until: The first second after them.
        as_of: Labels that were delivered later are not looked at; in seconds since 1970.
        progress: Is told what happens.
        now: The time in seconds since the epoch, as the run is recorded with.
        wait: Whether to wait for another check.

    Raises:
        UsageError: The times make no window.
        DataError: The schema cannot be read.
        RingwayError: The pipeline could not be run.
    """
    question = Question(log=log, labels=labels, since=int(since), until=int(until), as_of=as_of)
    made = planning.planned(config, question, lambda: history_of(config.name, workspace))
    if made.plan is None:
        return _refused(config, made.reason, made.notes)
    plan = made.plan
    options = runner.RunOptions(wait=wait, config=_asked(config, plan), preload=PRELOAD)
    report = runner.run(
        pipeline_name(config.name),
        lambda: _pipeline(config, workspace, plan),
        workspace,
        options=options,
        progress=progress,
        now=now,
    )
    from components.performance_validator import findings, keys

    folder = result_folder(workspace, report, VALIDATOR, keys.PERFORMANCE)
    if folder is None:
        return Answer(findings=None, run=report, notes=made.notes)
    text = (folder / keys.FINDINGS_FILE).read_text(encoding="utf-8")
    return Answer(findings=findings.from_json(text), run=report, folder=folder, notes=made.notes)


def _asked(config: PipelineConfig, plan: Plan) -> dict[str, Any]:
    return {
        "log": str(plan.log_folder),
        "period": periods.text_of(plan.period),
        "labels": str(plan.labels_folder),
        "as_of_sec": plan.as_of_sec,
        "feedback": to_dict(config.feedback),
    }


def _pipeline(config: PipelineConfig, workspace: Workspace, plan: Plan) -> Any:
    # Imports TFX, which the workers of a run do at the same time.
    return importlib.import_module(PRELOAD[0]).over_window(config, workspace, plan)


def _refused(config: PipelineConfig, reason: str, notes: tuple[str, ...]) -> Answer:
    from components.performance_validator import findings, verdict

    found = findings.Findings(
        title=f"{config.name}: what was served", status=verdict.NOT_COMPARED, cause=reason
    )
    return Answer(findings=found, notes=notes)
