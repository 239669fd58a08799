"""Decides what of a request log to compare with what, or why it cannot be compared.

    log ─► period ─► versions that answered ─► what one of them was trained on ─► ServedPlan

Reads the log and the folders' names; what ML Metadata holds is handed in. Running the plan is for
`check`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

from components.prediction_log_example_gen.shards import fingerprint, unfinished
from components.prediction_log_example_gen.windows import Range
from pipelines import schema_file
from pipelines.check_plan import Planned
from pipelines.config import PipelineConfig
from pipelines.lineage.records import History
from pipelines.skew import absent, baseline, periods, served_log
from pipelines.skew.baseline import Baseline
from pipelines.skew.plans import ServedPlan

TRAINING, PREVIOUS = "training", "previous"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Question:
    """What of a log is asked about.

    Attributes:
        log: Folder of the request log.
        window: Length of a window; None for the default.
        span: Number of a window; None for the last one with any rows.
        since: First second, in place of a number.
        until: The first second after the last.
        against: "training" or "previous".
        version: The version whose training data to compare with; None for the one that answered
            most.
    """

    log: Path
    window: str | None = None
    span: int | None = None
    since: int | None = None
    until: int | None = None
    against: str = TRAINING
    version: str | None = None

    @property
    def has_bounds(self) -> bool:
        """Whether the time is told, whatever the log holds."""
        return (self.span, self.since, self.until) != (None, None, None)


def planned(
    config: PipelineConfig, question: Question, history: Callable[[], History | None]
) -> Planned[ServedPlan]:
    """Decides what to compare.

    Args:
        config: Of the pipeline whose model was served.
        question: What is asked.
        history: Tells what ML Metadata holds of that pipeline; None where it never ran.

    Raises:
        UsageError: The question makes no sense.
        DataError: The schema cannot be read.
    """
    period = periods.chosen(
        question.window,
        span=question.span,
        since=question.since,
        until=question.until,
        newest=None if question.has_bounds else served_log.newest(question.log, config.name),
    )
    if period is None or not question.log.is_dir():
        return Planned(reason=_why_no_rows(question.log, config.name))
    notes = _of_unfinished(question.log, period)
    rows = served_log.rows_by_version(question.log, config.name, period)
    if not rows:
        reason = f"nothing was served from {periods.text_of(period)}, as far as the log tells"
        return Planned(reason=reason, notes=notes)
    choice = baseline.choose(history(), rows, question.version)
    if question.against == TRAINING:
        notes += choice.notes
        reason = choice.reason or _what_is_gone(choice.baseline)
        if reason:
            return Planned(reason=reason, notes=notes)
    return Planned(plan=_plan(config, question, period, choice.baseline), notes=notes)


def _plan(
    config: PipelineConfig, question: Question, period: Range, chosen: Baseline | None
) -> ServedPlan:
    previous = periods.before(period) if question.against == PREVIOUS else None
    if chosen is not None and (chosen.schema is None or _missing(chosen.schema.uri)):
        chosen = dataclasses.replace(chosen, schema=None)
    schema = schema_file.read(_schema_path(config, chosen))
    values = absent.values(schema, config.skew.absent)
    if previous is not None:
        against = f"what was served {periods.text_of(previous)}"
    else:
        against = f"what version {chosen.version if chosen else 'unknown'} was trained on"
    return ServedPlan(
        log_folder=question.log,
        period=period,
        fingerprint=fingerprint(question.log, None, period),
        absent=values,
        title=f"{config.name}: served {periods.text_of(period)}, against {against}",
        baseline=chosen,
        previous=previous,
        previous_fingerprint=fingerprint(question.log, None, previous) if previous else "",
    )


def _schema_path(config: PipelineConfig, chosen: Baseline | None) -> Path:
    if chosen is not None and chosen.schema is not None and "://" not in chosen.schema.uri:
        return Path(chosen.schema.uri) / "schema.pbtxt"
    return Path(config.schema_path)


def _why_no_rows(folder: Path, name: str) -> str:
    writing = served_log.being_written(folder)
    if writing:
        return (
            f"no record of {name} in {folder} is finished; still being written: "
            f"{', '.join(writing)} (within about a minute; --wait waits for it)"
        )
    return f"the log in {folder} holds no record of {name}; serve it with: ringway serve {name}"


def _of_unfinished(folder: Path, period: Range) -> tuple[str, ...]:
    names = unfinished(folder, None, period)
    if not names:
        return ()
    return (
        f"{len(names)} file{'s' if len(names) > 1 else ''} of the log may hold further rows and "
        f"{'are' if len(names) > 1 else 'is'} not finished: {', '.join(names)} (--wait waits for "
        "what a server still writes)",
    )


def _what_is_gone(chosen: Baseline | None) -> str:
    """Returns what of a training's results is no longer there, or an empty text."""
    if chosen is None:
        return ""
    for what, artifact in (("examples", chosen.examples), ("model", chosen.model)):
        if _missing(artifact.uri):
            return (
                f"the {what} of the training of version {chosen.version} are no longer in "
                f"{artifact.uri}"
            )
    return ""


def _missing(uri: str) -> bool:
    # What lies elsewhere is looked for by the components themselves.
    return "://" not in uri and not Path(uri).is_dir()
