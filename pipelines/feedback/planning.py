"""Decides what a check of live performance looks at, or why there is nothing to look at.

    log ─► versions that answered ─► the evaluation of each ─► Plan
    drop folder ─► files that may hold their labels ──────────┘

Reads the log and the folders' names; what ML Metadata holds is handed in. Running the plan is for
`check`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path

from components.feedback_join import drop_folder
from components.prediction_log_example_gen import windows
from components.prediction_log_example_gen.shards import fingerprint
from components.prediction_log_example_gen.windows import Range
from pipelines import schema_file
from pipelines.check_plan import Planned
from pipelines.config import PipelineConfig
from pipelines.errors import UsageError
from pipelines.feedback.plans import Plan
from pipelines.lineage import model_lineage
from pipelines.lineage.records import History
from pipelines.skew import absent, baseline, periods, served_log


@dataclasses.dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked.

    Attributes:
        log: Folder of the request log.
        labels: Folder that labels are dropped into.
        since: First second of the requests, since 1970.
        until: The first second after them.
        as_of: Labels that were delivered later are not looked at; in seconds since 1970.
    """

    log: Path
    labels: Path
    since: int
    until: int
    as_of: float


def planned(
    config: PipelineConfig, question: Question, history: Callable[[], History | None]
) -> Planned[Plan]:
    """Decides what to look at.

    Args:
        config: Of the pipeline whose models were served.
        question: What is asked.
        history: Tells what ML Metadata holds of that pipeline; None where it never ran.

    Raises:
        UsageError: The times make no window.
        DataError: The schema cannot be read.
    """
    period = _period(question)
    if not config.feedback.label_fn:
        return Planned(reason="feedback.label_fn is not set, so what a label is cannot be told")
    rows = (
        served_log.rows_by_version(question.log, config.name, period)
        if question.log.is_dir()
        else {}
    )
    if not rows:
        return Planned(
            reason=f"nothing was served from {periods.text_of(period)}, as far as the log in "
            f"{question.log} tells"
        )
    since_sec = question.since - config.feedback.max_delay_sec
    listing = drop_folder.listed(question.labels, since_sec=since_sec, until_sec=question.as_of)
    if not listing.files:
        return Planned(
            reason=f"no label of {periods.text_of(period)} was delivered to {question.labels} "
            f"until {windows.as_text(int(question.as_of))}"
        )
    evaluations, notes = evaluations_of(history(), rows)
    return Planned(plan=_plan(config, question, period, evaluations), notes=notes)


def evaluations_of(
    history: History | None, rows: Mapping[str, int]
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Returns where the newest evaluation of each version lies, and why where there is none.

    Args:
        history: Of the pipeline that trains; None where it never ran.
        rows: Rows by the version that answered.
    """
    pushed = baseline.pushed_models(history) if history else {}
    found: dict[str, str] = {}
    notes = []
    for version in sorted(rows):
        uri = _newest_evaluation(history, pushed, version)
        if not uri:
            notes.append(f"ML Metadata knows no evaluation of version {version or '(unknown)'}")
        elif "://" not in uri and not Path(uri).is_dir():
            notes.append(f"the evaluation of version {version} is no longer in {uri}")
        else:
            found[version] = uri
    return found, tuple(notes)


def _newest_evaluation(
    history: History | None, pushed: Mapping[str, model_lineage.ArtifactRecord], version: str
) -> str:
    if history is None or version not in pushed:
        return ""
    evaluations = model_lineage.lineage_of(history, pushed[version]).evaluations
    uris = [one.artifact.uri for one in evaluations if one.artifact is not None]
    return uris[-1] if uris else ""


def _period(question: Question) -> Range:
    try:
        return windows.between(1, question.since, question.until)
    except ValueError as error:
        raise UsageError(str(error)) from error


def _plan(
    config: PipelineConfig, question: Question, period: Range, evaluations: Mapping[str, str]
) -> Plan:
    schema = schema_file.read(Path(config.schema_path))
    return Plan(
        log_folder=question.log,
        period=period,
        fingerprint=fingerprint(question.log, None, period),
        absent=absent.values(schema, config.skew.absent),
        labels_folder=question.labels,
        labels_fingerprint=drop_folder.fingerprint(
            question.labels,
            since_sec=question.since - config.feedback.max_delay_sec,
            until_sec=question.as_of,
        ),
        as_of_sec=question.as_of,
        evaluations=dict(evaluations),
        title=f"{config.name}: served {periods.text_of(period)}, with the labels known at "
        f"{windows.as_text(int(question.as_of))}",
    )
