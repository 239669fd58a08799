"""Runs the pipeline that checks for skew or drift, and reads what it found.

What to compare is decided by `planning`. What cannot be compared is told in the same form as what a
check found, without running anything. How findings are shown is for `text`.
"""

from __future__ import annotations

import dataclasses
import importlib
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines import data_files
from pipelines.check_plan import Planned
from pipelines.check_results import history_of, result_folder
from pipelines.config import PipelineConfig, to_dict
from pipelines.runners.local import runner
from pipelines.runners.local.report import Progress, RunReport
from pipelines.skew import periods, planning, served_log
from pipelines.skew.names import VALIDATOR, pipeline_name
from pipelines.skew.planning import Question
from pipelines.skew.plans import ServedPlan, Spans, SpansPlan, spans_text
from pipelines.workspace import Workspace

if TYPE_CHECKING:
    from tfx.orchestration.pipeline import Pipeline

    from components.skew_validator.findings import Findings

_PIPELINES = "pipelines.skew.pipeline"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Answer:
    """What a check found.

    Attributes:
        findings: Of the validator; of a check that could not be made, why not. None where the run
            failed.
        run: The run of the pipeline; None where none was made.
        folder: Where findings and report lie; None where no run ended well.
        notes: What was seen on the way.
        version: Whose training was compared with; empty where it was another's, or none.
    """

    findings: Findings | None
    run: RunReport | None = None
    folder: Path | None = None
    notes: tuple[str, ...] = ()
    version: str = ""


def of_served(
    config: PipelineConfig,
    workspace: Workspace,
    question: Question,
    *,
    progress: Progress,
    wait: bool = False,
    now: Callable[[], float] = time.time,
) -> Answer:
    """Checks what was served.

    Args:
        config: Of the pipeline whose model was served.
        workspace: With its runs.
        question: What is asked.
        progress: Is told what happens.
        wait: Whether to wait for records that are still being written, and for another check.
        now: The time in seconds since the epoch, as the run is recorded with.

    Raises:
        UsageError: The question makes no sense.
        RingwayError: The pipeline could not be run.
    """
    if wait:
        served_log.wait_until_finished(question.log, served_log.being_written(question.log))
    made = planning.planned(config, question, lambda: history_of(config.name, workspace))
    if made.plan is None:
        return _refused(config, question.against, made)
    plan = made.plan
    answer = _run(
        config,
        workspace,
        lambda: _pipelines().over_served(config, workspace, plan),
        asked={"log": str(plan.log_folder), "period": periods.text_of(plan.period)},
        progress=progress,
        wait=wait,
        now=now,
    )
    version = plan.baseline.version if plan.baseline else ""
    return dataclasses.replace(answer, notes=made.notes, version=version)


def of_spans(
    config: PipelineConfig,
    workspace: Workspace,
    spans: Spans,
    against: Spans,
    *,
    progress: Progress,
    wait: bool = False,
) -> Answer:
    """Compares two ranges of the spans of a pipeline's data.

    Args:
        config: Of the pipeline; its `data_root` is filled.
        workspace: Where results go.
        spans: First and last of those that are looked at.
        against: Likewise of those that they are compared with.
        progress: Is told what happens.
        wait: Whether to wait for another check.

    Raises:
        UsageError: The data is not cut into spans.
        DataError: A span is not there.
        RingwayError: The pipeline could not be run.
    """
    for first, last in (spans, against):
        data_files.listed(Path(config.data_root), config.input_pattern, f"{first}:{last}")
    title = f"{config.name}: {spans_text(spans)} against {spans_text(against)}"
    plan = SpansPlan(spans=spans, against=against, title=title)
    asked = {"spans": spans_text(spans), "against": spans_text(against)}
    return _run(
        config,
        workspace,
        lambda: _pipelines().over_spans(config, workspace, plan),
        asked=asked,
        progress=progress,
        wait=wait,
    )


def _run(
    config: PipelineConfig,
    workspace: Workspace,
    make: Callable[[], Pipeline],
    *,
    asked: Mapping[str, Any],
    progress: Progress,
    wait: bool,
    now: Callable[[], float] = time.time,
) -> Answer:
    name = pipeline_name(config.name)
    options = runner.RunOptions(
        wait=wait,
        config={**asked, "skew": to_dict(config.skew), "seed": config.seed},
        preload=(_PIPELINES,),
    )
    report = runner.run(name, make, workspace, options=options, progress=progress, now=now)
    folder = result_folder(workspace, report, VALIDATOR, "anomalies")
    from components.skew_validator import findings, keys

    if folder is None:
        return Answer(findings=None, run=report)
    text = (folder / keys.FINDINGS_FILE).read_text(encoding="utf-8")
    return Answer(findings=findings.from_json(text), run=report, folder=folder)


def _refused(config: PipelineConfig, against: str, made: Planned[ServedPlan]) -> Answer:
    from components.skew_validator import findings

    found = findings.Findings(
        title=f"{config.name}: what was served",
        against=against,
        status=findings.NOT_COMPARED,
        cause=made.reason,
    )
    return Answer(findings=found, notes=made.notes)


def _pipelines() -> Any:
    # Imports TFX, which the workers of a run do at the same time.
    return importlib.import_module(_PIPELINES)
