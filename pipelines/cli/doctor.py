"""`ringway doctor`: shows what this machine and installation are, and what is amiss."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from typing import Any

import click

from pipelines.doctor import Finding, Level, Snapshot, examine, healthy
from pipelines.machine import take_snapshot
from pipelines.workspace import Workspace

MARKS = {Level.OK: "ok", Level.NOTE: "note", Level.SHORTFALL: "FAIL"}


@click.command(
    epilog="""\b
Examples:
  ringway doctor
  ringway doctor --format json

\b
Exit codes: 0 nothing prevents work, 1 something does.
"""
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="How the findings are written.",
)
def command(form: str) -> None:
    """Check this machine and installation.

    Shows stack, versions, cores, memory, disk, the devices that TensorFlow sees and whether
    ML Metadata is reachable; for each shortfall its remedy.
    """
    snapshot = take_snapshot(Workspace.from_environment(os.environ))
    findings = examine(snapshot)
    if form == "json":
        click.echo(json.dumps(document(snapshot, findings), indent=2, default=str))
    else:
        click.echo(text(findings))
    sys.exit(0 if healthy(findings) else 1)


def text(findings: tuple[Finding, ...]) -> str:
    """Returns the findings as aligned lines, each remedy below what it mends."""
    width = max(len(finding.subject) for finding in findings)
    lines = []
    for finding in findings:
        lines.append(f"{MARKS[finding.level]:<4}  {finding.subject:<{width}}  {finding.found}")
        if finding.remedy:
            lines.append(f"{'':<4}  {'':<{width}}  → {finding.remedy}")
    ending = "Nothing prevents work." if healthy(findings) else "Mend what is marked FAIL first."
    return "\n".join([*lines, "", ending])


def document(snapshot: Snapshot, findings: tuple[Finding, ...]) -> dict[str, Any]:
    """Returns the report as a JSON value: the snapshot as measured, and the findings."""
    measured = dataclasses.asdict(snapshot)
    del measured["locked"]  # some hundred lines of the lock, which lies in the repository
    return {
        "healthy": healthy(findings),
        "findings": [dataclasses.asdict(finding) for finding in findings],
        "snapshot": measured,
    }
