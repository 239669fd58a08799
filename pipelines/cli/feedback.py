"""`ringway feedback`: labels of what was served are handed in, or counted."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipelines import config as configuration
from pipelines.errors import DataError, UsageError
from pipelines.workspace import Workspace

if TYPE_CHECKING:
    from components.feedback_join.label_rows import Wanted
    from pipelines.feedback.labels import Status

EXIT_REFUSED = 3
_MAX_SHOWN = 20  # refused rows of a file


@click.command(
    name="feedback",
    epilog="""\b
Examples:
  ringway feedback flights delays.csv
  ringway feedback flights monday.parquet tuesday.parquet --labelled-at 2013-07-03T06:00:00Z
  ringway feedback flights --status

\b
A file of labels, CSV or Parquet, has the label's column and names of each row what it is about,
by the request's id or by what identifies an entity:
  request_id,row,arr_delay,labelled_at       row: place in the request, 0 where it is not told
  7f3a90,0,12,2013-07-04T18:00:00Z           labelled_at: when it was known; else when delivered
\b
  flight_id,arr_delay
  2013-07-04-UA-7-JFK,12

\b
Exit codes: 0 all rows were taken, 1 a file cannot be used, 2 wrong usage, 3 some rows were refused
and the others taken, 130 cancelled.
""",
)
@click.argument("pipeline")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--labelled-at",
    metavar="TIME",
    help="When labels were known that don't tell: ISO 8601, or seconds since 1970 [now].",
)
@click.option("--status", "asks_status", is_flag=True, help="Count the labels that were handed in.")
@click.option(
    "--config", "config_file", type=click.Path(path_type=Path), help="TOML file of settings."
)
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Override a setting.")
@click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True
)
def command(
    pipeline: str,
    files: Sequence[Path],
    labelled_at: str | None,
    asks_status: bool,
    config_file: Path | None,
    settings: Sequence[str],
    form: str,
) -> None:
    """Hand in labels of what the model of PIPELINE was asked.

    Every FILE is checked, and its rows that can be read are put where the checks of performance
    find them. Handing in a file twice does no harm: what says the same counts once.
    """
    from pipelines.feedback import labels  # imports NumPy and the schema's protos

    if bool(files) == asks_status:
        raise UsageError("expected files of labels, or --status", remedy="See --help.")
    workspace = Workspace.from_environment(os.environ)
    config = configuration.load(configuration.named(pipeline), config_file, settings)
    folder = workspace.feedback_root(config.name)
    wanted = labels.wanted_of(config)
    if asks_status:
        _show_status(labels.status(folder, wanted), folder, form)
        return
    refused = _hand_in(files, folder, wanted, labelled_at, form)
    sys.exit(EXIT_REFUSED if refused else 0)


def _hand_in(
    files: Sequence[Path], folder: Path, wanted: Wanted, labelled_at: str | None, form: str
) -> int:
    """Takes in files and tells what became of them; returns how many rows were refused."""
    from pipelines.feedback import labels
    from pipelines.skew.periods import seconds_of
    from serving import clock

    now_sec = clock.from_environment(os.environ)()
    known = None if labelled_at is None else float(seconds_of(labelled_at))
    # All are looked at before any is taken, so that a wrong name among them changes nothing.
    found = [labels.checked(path, wanted, now_sec=now_sec, labelled_at_sec=known) for path in files]
    told = []
    for path, checked in zip(files, found, strict=True):
        written = labels.drop(folder, checked, now_sec=now_sec, token=_token(path))
        told.append(
            {
                "file": str(path),
                "accepted": len(checked.accepted),
                "refused": [row._asdict() for row in checked.refused],
                "written": None if written is None else str(written),
            }
        )
    if form == "json":
        click.echo(json.dumps({"files": told}, indent=2, ensure_ascii=False))
    else:
        for one in told:
            _show_file(one)
    return sum(len(checked.refused) for checked in found)


def _token(path: Path) -> str:
    """Returns what a file is called by its content, so that a second try is told from others."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error}") from error


def _show_file(told: dict[str, Any]) -> None:
    refused = told["refused"]
    line = f"{told['file']}: rows accepted: {told['accepted']:,}, refused: {len(refused):,}"
    click.echo(f"{line} → {told['written']}" if told["written"] else line)
    for row in refused[:_MAX_SHOWN]:
        click.echo(f"  line {row['line']}: {row['reason']}")
    if len(refused) > _MAX_SHOWN:
        click.echo(f"  and {len(refused) - _MAX_SHOWN:,} more")


def _show_status(found: Status, folder: Path, form: str) -> None:
    if form == "json":
        content = {"folder": str(folder), **dataclasses.asdict(found)}
        click.echo(json.dumps(content, indent=2, ensure_ascii=False))
        return
    files = f"{found.files:,} file{'' if found.files == 1 else 's'}"
    click.echo(f"{folder}: {files}, labels: {found.labels:,}{_times(found)}")
    if found.unreadable:
        click.echo(f"  {found.unreadable:,} rows say nothing that can be read")
    for what in ("unfinished", "torn", "unfit"):
        for name in getattr(found, what):
            click.echo(f"  {what}: {name}")


def _times(found: Status) -> str:
    if found.first_sec is None or found.last_sec is None:
        return ""
    from components.prediction_log_example_gen.windows import as_text

    return f", known from {as_text(int(found.first_sec))} to {as_text(int(found.last_sec))}"
