"""`ringway quality`: is the data as accurate, complete, consistent and timely as its rules ask?"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipelines import config as configuration
from pipelines import data_folder
from pipelines.cli.terminal import captured_output
from pipelines.workspace import Workspace

if TYPE_CHECKING:
    from components.data_quality_validator.measurement import Measurement, Report

EXIT_BROKEN = 3
COLUMNS = ("side", "rule", "measured", "bound", "left out", "verdict")
"""Of the table; `left out` are the rows that a rule says nothing of."""

_NUMBERS = ("measured", "bound", "left out")
_WIDTH = 10_000
_STYLES = {"OK": "green", "BROKEN": "bold red", "NOT_MEASURED": "bold yellow"}


@click.command(
    name="quality",
    epilog="""\b
Examples:
  ringway quality taxi
  ringway quality flights --span 12
  ringway quality flights --span 12 --rules draft.toml --format json

\b
Exit codes: 0 the data keeps all rules of severity error, 1 failed, 2 wrong usage or rules,
3 such a rule is broken or could not be measured, 130 cancelled.
""",
)
@click.argument("pipeline")
@click.option(
    "--span",
    type=click.IntRange(0),
    help="Number of the span; where spans are days, days since 1970-01-01 "
    "[those that a run would read].",
)
@click.option(
    "--rules",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Use these rules instead of the pipeline's.",
)
@click.option(
    "--config", "config_file", type=click.Path(path_type=Path), help="TOML file of settings."
)
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Override a setting.")
@click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True
)
def command(
    pipeline: str,
    span: int | None,
    rules: Path | None,
    config_file: Path | None,
    settings: Sequence[str],
    form: str,
) -> None:
    """Hold the data of PIPELINE against the rules that stand beside its schema.

    The data is read as a run would read it, and nothing is recorded. What rules can ask is told in
    components/data_quality_validator/rules.py.
    """
    from pipelines import quality  # imports Arrow, and with it pandas

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    workspace = Workspace.from_environment(os.environ)
    config = configuration.load(configuration.named(pipeline), config_file, settings)
    path = quality.rules_path(config, rules)
    spans = quality.span_range(config, span)
    quality.read_rules(config, path)
    with (
        _notes() as note,
        captured_output(workspace.root / "logs" / config.name / "quality.log") as terminal,
    ):
        config = data_folder.resolve(config, workspace, note)
        report = quality.measure(config, path, spans=spans, work=workspace.root / "tmp", note=note)
        note("")  # before anything is written to the same terminal
        code = EXIT_BROKEN if report.status != "OK" else 0
        if form == "json":
            content = {"pipeline": config.name, "exit_code": code, **report.document()}
            terminal.write(json.dumps(content, indent=2, ensure_ascii=False) + "\n")
        else:
            show(config.name, report, terminal)
    sys.exit(code)


def table_rows(report: Report) -> list[tuple[str, ...]]:
    """Returns the table, a row for each rule in their order, of the cells that `COLUMNS` names."""
    return [
        (
            found.side,
            found.rule.name,
            found.measured,
            found.bound,
            f"{found.left_out:,}",
            _verdict(found),
        )
        for found in report.measurements
    ]


def show(pipeline: str, report: Report, stream: TextIO) -> None:
    """Prints a report: the table, and a sentence for each rule that the data does not keep."""
    # What is read by a program, or kept in a file, has a line for each rule.
    width = None if stream.isatty() else _WIDTH
    console = Console(file=stream, highlight=False, width=width)
    rows = ", ".join(f"{split} {count:,}" for split, count in report.rows.items())
    console.print(Text(f"{pipeline}{_spans(report)}: {sum(report.rows.values()):,} rows ({rows})"))
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in COLUMNS:
        table.add_column(name, justify="right" if name in _NUMBERS else "left")
    for found, cells in zip(report.measurements, table_rows(report), strict=True):
        *others, verdict = map(Text, cells)
        verdict.stylize(_STYLES[found.verdict])
        table.add_row(*others, verdict)
    console.print(table)
    for found in report.measurements:
        if found.verdict != "OK":
            console.print(Text.assemble((found.rule.name, "bold"), ": ", found.sentence))
    console.print(Text(f"{report.status}  (rules: {report.source})"))


def _spans(report: Report) -> str:
    if report.span is None:
        return ""
    if report.first_span in (None, report.span):
        return f", span {report.span}"
    return f", spans {report.first_span} to {report.span}"


def _verdict(found: Measurement) -> str:
    if found.verdict == "OK" or found.stops:
        return found.verdict
    return f"{found.verdict} ({'warning' if found.counts else 'optional'})"


@contextmanager
def _notes() -> Iterator[Callable[[str], Any]]:
    """Yields what shows a line on the terminal's stderr that the next one replaces.

    It is a copy of stderr, since that goes to a file while the data is measured. Where it is no
    terminal, nothing is shown.
    """
    with os.fdopen(os.dup(2), "w", encoding="utf-8") as stream:

        def note(text: str) -> None:
            if stream.isatty():
                stream.write(f"\r\033[K{text}")
                stream.flush()

        try:
            yield note
        finally:
            note("")
