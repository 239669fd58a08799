"""`ringway skew`: is what a model serves what it was trained on?"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from pipelines import config as configuration
from pipelines import data_folder
from pipelines.cli.progress import make_progress, print_summary
from pipelines.cli.terminal import captured_output
from pipelines.config import PipelineConfig
from pipelines.errors import RingwayError, UsageError
from pipelines.runners.local.report import NodeReport, Progress, RunReport
from pipelines.runners.local.schedule import NodeState
from pipelines.skew import periods, plans
from pipelines.skew.names import EXIT_CODES, pipeline_name
from pipelines.skew.planning import TRAINING, Question
from pipelines.workspace import Workspace

if TYPE_CHECKING:
    from pipelines.skew.check import Answer

_OF_THE_LOG = ("window", "span", "since", "until", "log", "version")


@click.command(
    name="skew",
    epilog="""\b
Examples:
  ringway skew taxi
  ringway skew taxi --window 1d --report skew.html
  ringway skew taxi --from 2026-11-21T16:00:00Z --to 2026-11-21T16:20:00Z
  ringway skew taxi --against previous --window 1h
  ringway skew flights --spans 27:34 --against-spans 1:8

\b
Exit codes: 0 no skew, 1 failed, 2 wrong usage, 3 alarm,
5 could not be compared, 75 another check is at work, 130 cancelled.
""",
)
@click.argument("pipeline")
@click.option("--window", metavar="LENGTH", help="Length of a window: 30m, 1h, 1d [1h].")
@click.option(
    "--span", type=click.IntRange(0), help="Number of the window since 1970 [the last with rows]."
)
@click.option("--from", "since", metavar="TIME", help="Start, in place of a window's number.")
@click.option("--to", "until", metavar="TIME", help="End; a time is ISO 8601, or seconds.")
@click.option(
    "--against",
    type=click.Choice(["training", "previous"]),
    help="What the model was trained on, or what was served in the time before [training].",
)
@click.option("--model-version", "version", help="Compare with what this version was trained on.")
@click.option("--spans", metavar="N:M", help="Compare spans of the data itself, no traffic.")
@click.option("--against-spans", metavar="N:M", help="With these.")
@click.option(
    "--log", type=click.Path(path_type=Path), help="Folder of the request log [workspace]."
)
@click.option(
    "--report",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the report, one HTML page that opens offline, to this file.",
)
@click.option("--wait", is_flag=True, help="Wait for records being written, and another check.")
@click.option(
    "--config", "config_file", type=click.Path(path_type=Path), help="TOML file of settings."
)
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Override a setting.")
@click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True
)
def command(
    pipeline: str,
    config_file: Path | None,
    settings: Sequence[str],
    report: Path | None,
    form: str,
    **chosen: Any,
) -> None:
    """Compare what the model of PIPELINE serves with what it was trained on.

    Reads the request log of a running or past server. What is found is recorded in ML Metadata
    under the pipeline PIPELINE-skew. Only rows that were written are looked at; a server finishes
    its file of them once a minute.
    """
    _check(chosen, report)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    workspace = Workspace.from_environment(os.environ)
    config = configuration.load(configuration.named(pipeline), config_file, settings)
    _check_settings(config)
    log_path = workspace.root / "logs" / pipeline_name(config.name) / "ringway.log"
    with captured_output(log_path) as terminal:
        answer = _answer(config, workspace, chosen, _Steps(terminal, form))
        if answer.findings is None:
            code = _tell_failed(answer.run, terminal, form)
        else:
            code = EXIT_CODES[answer.findings.status]
            _tell(answer, code, report, terminal, form)
    sys.exit(code)


class _Steps:
    """Shows a run in a few lines; the findings tell the rest."""

    def __init__(self, stream: TextIO, form: str) -> None:
        self._stream = stream
        self._quiet = form == "json"

    def note(self, text: str) -> None:
        """Prints a remark."""
        self._print(f"· {text}")

    def begin(self, run_id: str, node_ids: tuple[str, ...]) -> None:
        """Prints the run's name."""
        self._print(f"run {run_id}: {len(node_ids)} nodes")

    def update(self, node: NodeReport) -> None:
        """Prints what took its time."""
        if node.state in (NodeState.RAN, NodeState.FAILED):
            self._print(f"  {node.id}: {node.state} in {node.seconds:.1f} s")

    def tick(self) -> None:
        """Prints nothing."""

    def end(self, report: RunReport) -> None:
        """Prints nothing."""

    def _print(self, text: str) -> None:
        if not self._quiet:
            print(text, file=self._stream, flush=True)


def _check(chosen: dict[str, Any], report: Path | None) -> None:
    if report is not None and not report.absolute().parent.is_dir():
        raise UsageError(
            f"--report {report}: expected a file in a folder that exists",
            remedy=f"Make the folder {report.absolute().parent}, or name another file.",
        )
    if (chosen["spans"] is None) != (chosen["against_spans"] is None):
        raise UsageError("--spans and --against-spans go together: give both, or neither")
    given = [name for name in (*_OF_THE_LOG, "against") if chosen[name] is not None]
    if chosen["spans"] is not None and given:
        raise UsageError(
            "--spans compares the data's own spans, without any traffic; it does not go together "
            "with options of the request log"
        )


def _check_settings(config: PipelineConfig) -> None:
    from components.skew_validator.settings import Settings

    try:
        Settings.of(configuration.to_dict(config.skew))
    except ValueError as error:
        raise UsageError(f"skew: {error}") from error


def _answer(
    config: PipelineConfig, workspace: Workspace, chosen: dict[str, Any], progress: Progress
) -> Answer:
    from pipelines.skew import check

    if chosen["spans"] is not None:
        return check.of_spans(
            data_folder.resolve(config, workspace),
            workspace,
            plans.parse_spans("--spans", chosen["spans"]),
            plans.parse_spans("--against-spans", chosen["against_spans"]),
            progress=progress,
            wait=chosen["wait"],
        )
    return check.of_served(
        config,
        workspace,
        _question(config, workspace, chosen),
        progress=progress,
        wait=chosen["wait"],
    )


def _question(config: PipelineConfig, workspace: Workspace, chosen: dict[str, Any]) -> Question:
    log = chosen["log"]
    if log is not None and not log.is_dir():
        raise UsageError(f"--log {log}: expected the folder of a request log, there is none")
    times = {
        name: None if chosen[name] is None else periods.seconds_of(chosen[name])
        for name in ("since", "until")
    }
    return Question(
        log=(log or workspace.request_log_root(config.name)).absolute(),
        window=chosen["window"],
        span=chosen["span"],
        against=chosen["against"] or TRAINING,
        version=chosen["version"],
        **times,
    )


def _write_report(answer: Answer, wanted: Path | None) -> str:
    """Returns where the report lies, after writing it to where it is wanted."""
    from components.skew_validator import keys

    made = str(answer.folder / keys.REPORT_FILE) if answer.folder else ""
    if wanted is None or answer.findings is None:
        return made
    from components.skew_validator.report import render

    try:
        wanted.write_text(render(answer.findings), encoding="utf-8")
    except OSError as error:
        raise RingwayError(
            f"{wanted} cannot be written: {error.strerror}",
            remedy="Name a file in a folder that exists and that you may write.",
        ) from error
    return str(wanted)


def _tell(answer: Answer, code: int, report: Path | None, terminal: TextIO, form: str) -> None:
    from pipelines.skew import text

    assert answer.findings is not None
    if form == "json":
        run = answer.run.run_id if answer.run else ""
        found = text.document(answer.findings, answer.notes)
        document = {"exit_code": code, "run": run, "report": _write_report(answer, report), **found}
        print(json.dumps(document, indent=2, ensure_ascii=False), file=terminal)
        return
    # Before the report, whose disk may be full: the verdict must not be lost with it.
    for line in text.lines(answer.findings, answer.notes):
        print(line, file=terminal, flush=True)
    if page := _write_report(answer, report):
        print(f"report: {page}", file=terminal)


def _tell_failed(report: RunReport | None, terminal: TextIO, form: str) -> int:
    assert report is not None
    if form == "json":
        make_progress(terminal, form).end(report)
    else:
        from rich.console import Console

        print_summary(Console(file=terminal, highlight=False, soft_wrap=True), report)
    return report.outcome.exit_code or 1
