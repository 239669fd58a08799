"""`ringway lineage`: from a model to all that made it, and from a data span to its models."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

from pipelines.errors import RingwayError, UsageError
from pipelines.lineage import contents, documents, graph, model_lineage, page, render
from pipelines.lineage.records import History
from pipelines.lineage.store import open_store
from pipelines.workspace import Workspace


@click.command(
    name="lineage",
    epilog="""\b
Examples:
  ringway lineage taxi
  ringway lineage taxi --model 1767323045 --format json
  ringway lineage taxi --span 3
  ringway lineage taxi --format html --output taxi.html
""",
)
@click.argument("pipeline")
@click.option(
    "--model",
    metavar="MODEL",
    help="Pushed version, artifact id or run id; by default the model pushed last.",
)
@click.option("--span", type=int, help="List the models that saw this span of data instead.")
@click.option("--version", type=int, help="Only this version of the span.")
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["text", "json", "html"]),
    default="text",
    show_default=True,
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write to this file instead of the terminal.",
)
def command(
    pipeline: str,
    model: str | None,
    span: int | None,
    version: int | None,
    output_format: str,
    output: Path | None,
) -> None:
    """Say what made a model of PIPELINE: data, schema, parameters, code, verdicts."""
    _check(model, span, version, output_format)
    workspace = Workspace.from_environment(os.environ)
    history = graph.load(open_store(workspace.metadata_url, read_only=True), pipeline)
    if span is not None:
        answer = _of_span(history, span, version, output_format)
    else:
        answer = _of_model(history, model, output_format)
    if output is None:
        click.echo(answer)
        return
    try:
        output.write_text(f"{answer}\n", encoding="utf-8")
    except OSError as error:
        raise RingwayError(
            f"{output} cannot be written: {error.strerror}",
            remedy="Name a file in a folder that exists and that you may write.",
        ) from error
    click.echo(f"Wrote {output}", err=True)


def _check(model: str | None, span: int | None, version: int | None, output_format: str) -> None:
    if model is not None and span is not None:
        raise UsageError("--model and --span ask different questions: give one of them")
    if version is not None and span is None:
        raise UsageError("--version goes with --span; a model's version goes into --model")
    if span is not None and output_format == "html":
        raise UsageError("--span answers as text or json; --format html shows one model")


def _of_span(history: History, span: int, version: int | None, output_format: str) -> str:
    uses = model_lineage.models_of_span(history, span, version)
    document = documents.spans(history, span, version, uses)
    return _json(document) if output_format == "json" else render.spans(document)


def _of_model(history: History, model: str | None, output_format: str) -> str:
    found = model_lineage.lineage_of(history, model_lineage.find_model(history, model))
    document = documents.lineage(history, found, contents.read(found))
    answers = {"json": _json, "html": page.lineage, "text": render.lineage}
    return answers[output_format](document)


def _json(document: documents.Document) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False)
