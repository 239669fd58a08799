"""`ringway why`: which input, parameter or code made a node run, or that the cache served it."""

from __future__ import annotations

import json
import os

import click

from pipelines.lineage import documents, graph, render, why
from pipelines.lineage.store import open_store
from pipelines.workspace import Workspace


@click.command(
    name="why",
    epilog="""\b
Examples:
  ringway why taxi Trainer
  ringway why taxi Trainer --run taxi-20260102-030405-ab12
  ringway why taxi Transform --format json
""",
)
@click.argument("pipeline")
@click.argument("node")
@click.option("--run", "run_id", metavar="RUN", help="The run to explain; the latest by default.")
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
)
def command(pipeline: str, node: str, run_id: str | None, output_format: str) -> None:
    """Say why NODE of PIPELINE ran, or was cached.

    Its execution is compared with the nearest earlier successful one. "Code" means the modules of
    this workspace that its functions are made of.
    """
    workspace = Workspace.from_environment(os.environ)
    store = open_store(workspace.metadata_url, read_only=True)
    history = graph.load(store, pipeline)
    document = documents.reason(why.explain(history, node, run_id))
    if output_format == "json":
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        click.echo(render.why(document))
