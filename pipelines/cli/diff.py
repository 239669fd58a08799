"""`ringway diff`: what two runs do not have in common."""

from __future__ import annotations

import json
import os

import click
from ml_metadata.metadata_store.metadata_store import MetadataStore

from pipelines.errors import UsageError
from pipelines.lineage import documents, graph, keys, render, run_diff
from pipelines.lineage.store import open_store
from pipelines.workspace import Workspace


@click.command(
    name="diff",
    epilog="""\b
Examples:
  ringway diff taxi-20260102-030405-ab12 taxi-20260103-030405-cd34
  ringway diff RUN RUN --format json
""",
)
@click.argument("before", metavar="RUN")
@click.argument("after", metavar="RUN")
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
)
def command(before: str, after: str, output_format: str) -> None:
    """Compare two runs of one pipeline.

    Compared are configuration, inputs, parameters, code, hyperparameters, metrics, and what each
    node did. `ringway runs` lists the runs.
    """
    workspace = Workspace.from_environment(os.environ)
    store = open_store(workspace.metadata_url, read_only=True)
    owners = {_owner(store, name) for name in (before, after)}
    if len(owners) > 1:
        raise UsageError(
            f"the runs belong to different pipelines: {before} and {after} "
            f"are of {' and '.join(sorted(owners))}",
            remedy="Compare two runs of one pipeline.",
        )
    history = graph.load(store, owners.pop())
    document = documents.difference(history, run_diff.diff(history, before, after))
    if output_format == "json":
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        click.echo(render.difference(document))


def _owner(store: MetadataStore, run: str) -> str:
    """Returns the pipeline that a run belongs to."""
    context = store.get_context_by_type_and_name(keys.RUN_CONTEXT, run)
    if context is None:
        known = [found.name for found in store.get_contexts_by_type(keys.RUN_CONTEXT)]
        raise graph.unknown("run", run, known)
    parents = [parent.name for parent in store.get_parent_contexts_by_context(context.id)]
    named = context.custom_properties[keys.RUN_PIPELINE].string_value
    return str(named or next(iter(parents), ""))
