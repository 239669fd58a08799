"""`ringway runs`: when pipelines ran, how it ended, and why."""

from __future__ import annotations

import json
import os

import click

from pipelines.lineage import documents, graph, render
from pipelines.lineage.store import open_store
from pipelines.workspace import Workspace


@click.command(
    name="runs",
    epilog="""\b
Examples:
  ringway runs
  ringway runs taxi --limit 5
  ringway runs taxi --format json
""",
)
@click.argument("pipeline", required=False)
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    help="Show at most this many of the newest runs.",
)
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
)
def command(pipeline: str | None, limit: int, output_format: str) -> None:
    """List the runs of PIPELINE, or of all pipelines, the newest first."""
    workspace = Workspace.from_environment(os.environ)
    store = open_store(workspace.metadata_url, read_only=True)
    names = graph.pipelines(store) if pipeline is None else (pipeline,)
    histories = [graph.load(store, name, latest=limit) for name in names]
    found = [(run, history) for history in histories for run in history.runs]
    found.sort(key=lambda pair: pair[0].started, reverse=True)
    listed = [documents.run(history, run) for run, history in found[:limit]]
    if output_format == "json":
        click.echo(json.dumps(listed, indent=2, ensure_ascii=False))
    else:
        click.echo(render.runs(listed))
