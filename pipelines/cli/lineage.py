"""`ringway lineage`: from a request or a model to all that made it, and from data to its models."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipelines.errors import DataError, RingwayError, UsageError
from pipelines.lineage import contents, documents, graph, model_lineage, page, render, url
from pipelines.lineage.records import History
from pipelines.lineage.store import open_store
from pipelines.workspace import Workspace

if TYPE_CHECKING:
    from ml_metadata.metadata_store.metadata_store import MetadataStore

    from pipelines.lineage.request_search import Search


@click.command(
    name="lineage",
    epilog="""\b
Examples:
  ringway lineage taxi
  ringway lineage taxi --model 1767323045 --format json
  ringway lineage taxi --span 3
  ringway lineage taxi --format html --output taxi.html
  ringway lineage --request-id 5b1f0c2e9d7a4c3f8e6b2a1d0c9f8e7d

\b
Exit codes: 0 answered, 1 failed or no such request, 2 wrong usage.
""",
)
@click.argument("pipeline", required=False)
@click.option(
    "--model",
    metavar="MODEL",
    help="Pushed version, artifact id or run id; by default the model pushed last.",
)
@click.option("--span", type=int, help="List the models that saw this span of data instead.")
@click.option("--version", type=int, help="Only this version of the span.")
@click.option(
    "--request-id",
    metavar="ID",
    help="Go back from this served request; PIPELINE is then looked for in all request logs.",
)
@click.option(
    "--log",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of PIPELINE's request log, if it is not in the workspace.",
)
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
def command(  # noqa: PLR0913  (one parameter for each option)
    pipeline: str | None,
    model: str | None,
    span: int | None,
    version: int | None,
    request_id: str | None,
    log: Path | None,
    output_format: str,
    output: Path | None,
) -> None:
    """Say what made a model of PIPELINE, or an answer: data, schema, parameters, code, verdicts."""
    workspace = Workspace.from_environment(os.environ)
    if request_id is not None:
        _check_request(request_id, pipeline, model, span, version, log)
        answer = _of_request(workspace, request_id, pipeline, log, output_format)
    else:
        _check(model, span, version, output_format)
        answer = _of_history(workspace, _named(pipeline, log), model, span, version, output_format)
    _show(answer, output)


def _show(answer: str, output: Path | None) -> None:
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


def _named(pipeline: str | None, log: Path | None) -> str:
    if log is not None:
        raise UsageError("--log goes with --request-id")
    if pipeline is None:
        raise UsageError("Missing argument 'PIPELINE'; only --request-id finds it by itself")
    return pipeline


def _check(model: str | None, span: int | None, version: int | None, output_format: str) -> None:
    if model is not None and span is not None:
        raise UsageError("--model and --span ask different questions: give one of them")
    if version is not None and span is None:
        raise UsageError("--version goes with --span; a model's version goes into --model")
    if span is not None and output_format == "html":
        raise UsageError("--span answers as text or json; --format html shows one model")


def _check_request(
    request_id: str,
    pipeline: str | None,
    model: str | None,
    span: int | None,
    version: int | None,
    log: Path | None,
) -> None:
    if not request_id:
        raise UsageError("--request-id: expected the id that came with the answer, received none")
    if (model, span, version) != (None, None, None):
        raise UsageError("--request-id asks a question of its own: leave --model and --span away")
    if log is not None and pipeline is None:
        raise UsageError("--log needs the name of the PIPELINE whose model answered")


def _of_history(
    workspace: Workspace,
    pipeline: str,
    model: str | None,
    span: int | None,
    version: int | None,
    output_format: str,
) -> str:
    history = graph.load(open_store(workspace.metadata_url, read_only=True), pipeline)
    if span is not None:
        return _of_span(history, span, version, output_format)
    return _of_model(history, model, output_format)


def _of_span(history: History, span: int, version: int | None, output_format: str) -> str:
    uses = model_lineage.models_of_span(history, span, version)
    document = documents.spans(history, span, version, uses)
    return _json(document) if output_format == "json" else render.spans(document)


def _of_model(history: History, model: str | None, output_format: str) -> str:
    found = model_lineage.lineage_of(history, model_lineage.find_model(history, model))
    document = documents.lineage(history, found, contents.read(found))
    answers = {"json": _json, "html": page.lineage, "text": render.lineage}
    return answers[output_format](document)


def _of_request(
    workspace: Workspace,
    request_id: str,
    pipeline: str | None,
    log: Path | None,
    output_format: str,
) -> str:
    # NumPy and the log's readers, which the other questions do without.
    from pipelines.lineage import request_lineage, request_text

    name, search = _searched(workspace, request_id, pipeline, log)
    document = request_lineage.document(
        search,
        request_lineage.Sources(
            pipeline=name,
            store=_store(workspace),
            feedback=workspace.feedback_root(name),
            config=_configuration(name),
        ),
    )
    if output_format == "json":
        return _json(document)
    if output_format == "text":
        return request_text.request(document)
    if document["model"] is None:
        raise DataError(
            f"request {request_id} was answered by version {document['version']}, which no run in "
            "ML Metadata pushed: there is no lineage to draw",
            remedy="Take --format text or json.",
        )
    return page.lineage(document["model"], document)


def _searched(
    workspace: Workspace, request_id: str, pipeline: str | None, log: Path | None
) -> tuple[str, Search]:
    """Returns the pipeline whose log holds a request, and what was found."""
    from pipelines.lineage.request_search import find

    folders = [log or workspace.request_log_root(pipeline)] if pipeline else _logs(workspace)
    searched = [find(folder, request_id) for folder in folders]
    holding = [search for search in searched if search.found]
    if len(holding) > 1:
        names = [search.folder.name for search in holding]
        raise UsageError(
            f"request {request_id} is in the logs of {' and '.join(names)}",
            remedy=f"Name one: ringway lineage {names[0]} --request-id {request_id}",
        )
    if not holding:
        raise _not_found(request_id, searched)
    return pipeline or holding[0].folder.name, holding[0]


def _logs(workspace: Workspace) -> list[Path]:
    root = workspace.request_log_root("any").parent
    return sorted(path for path in root.iterdir() if path.is_dir()) if root.is_dir() else []


def _not_found(request_id: str, searched: list[Search]) -> DataError:
    looked = [f"{search.folder} ({search.shards} files)" for search in searched]
    unreadable = [name for search in searched for name in search.unreadable]
    could_not = f"; could not be read: {', '.join(unreadable)}" if unreadable else ""
    return DataError(
        f"no request {request_id} is in {', '.join(looked) or 'any request log: there is none'}"
        f"{could_not}",
        remedy="Only what was answered is logged, and by a log that samples a share of it; an "
        "answer of the last second may not be there yet. Name another folder with --log.",
    )


def _store(workspace: Workspace) -> MetadataStore | None:
    """Returns ML Metadata, or None where nothing was ever run."""
    path = url.parse(workspace.metadata_url).path
    if path is not None and not path.exists():
        return None
    return open_store(workspace.metadata_url, read_only=True)


def _configuration(name: str) -> dict[str, Any]:
    """Returns a pipeline's configuration, for what no run has recorded; empty where it has none."""
    from pipelines import config as configuration

    if name not in configuration.names():
        return {}
    return configuration.to_dict(configuration.named(name))


def _json(document: documents.Document) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False)
