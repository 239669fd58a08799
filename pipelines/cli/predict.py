"""`ringway predict`: asks a model server for predictions, for rows of JSON or CSV."""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, cast

import click

from pipelines import (
    config,
    csv_predictions,
    data_files,
    data_folder,
    prediction_rows,
    preflight,
    request_rows,
)
from pipelines.cli.connection import ServerOptions, connected, server_options
from pipelines.errors import DataError, UsageError
from pipelines.request_rows import RequestForm, RowError
from pipelines.workspace import Workspace

if TYPE_CHECKING:
    from serving.client import Client, Prediction

_STANDARD = "-"


@click.command(
    name="predict",
    epilog="""\b
Examples:
  ringway predict taxi
  ringway predict taxi --json '{"fare": 12.5, "trip_miles": 3, "payment_type": "Cash",
      "trip_start_hour": 19, "trip_start_day": 6, "trip_start_month": 5}'
  ringway predict taxi --json @trips.json --format json
  ringway predict taxi --csv trips.csv --output scored.csv
  ringway predict taxi --csv - --server grpcs://models.example:443 < trips.csv

\b
Exit codes: 0 fine, 1 no answer, or rows without a prediction, 2 wrong usage.
""",
)
@click.argument("model")
@click.option(
    "--json", "text", metavar="TEXT", help="A row as an object, or a list of rows; @FILE, or -."
)
@click.option("--csv", "csv_path", metavar="FILE", help="Rows under a header; - for stdin.")
@click.option("--output", type=click.Path(path_type=Path), help="File for --csv's rows [stdout].")
@click.option(
    "--batch-size",
    type=click.IntRange(min=1),
    default=512,
    show_default=True,
    help="Rows of --csv in one request.",
)
@click.option("--signature", default="", help="Name of a signature [serving_default].")
@click.option("--version", type=click.IntRange(min=0), help="Number of a version [the newest].")
@click.option("--label", help="Label of a version, such as canary.")
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
)
@server_options
def command(  # noqa: PLR0913  (one per option)
    model: str,
    text: str | None,
    csv_path: str | None,
    output: Path | None,
    batch_size: int,
    signature: str,
    version: int | None,
    label: str | None,
    output_format: str,
    **server: Any,
) -> None:
    """Ask MODEL for predictions.

    Rows name the model's columns. What is missing is left out of a tf.Example; a signature that
    takes columns gets "" for a text, NaN for a float and 0 for an integer. Without --json and --csv
    the first row of the pipeline's data is taken. With --csv the predictions are appended to the
    rows; rows that get none are kept, and reported by line.
    """
    if text is not None and csv_path is not None:
        raise UsageError("--json and --csv exclude each other.")
    if version is not None and label is not None:
        raise UsageError("--version and --label exclude each other.")
    if output is not None and csv_path is None:
        raise UsageError("--output goes with --csv.", remedy="Redirect stdout instead: > FILE")
    terms = {"version": version, "label": label}
    with connected(model, ServerOptions(**server)) as client:
        asker = _Asker(client, model, signature, terms)
        if csv_path is not None:
            _predict_csv(asker, csv_path, output, batch_size)
        elif text is not None:
            _show(asker.rows(_rows_of_json(text)), output_format)
        else:
            _show(asker.rows([_first_row(model, asker)]), output_format)


class _Asker:
    """A model behind a client, with the terms that all requests share."""

    def __init__(self, client: Client, model: str, signature: str, terms: dict[str, Any]) -> None:
        self.model = model
        self.known = request_rows.schema_kinds(model)
        self._client = client
        self._signature = signature
        self._terms = terms
        self._metadata = client.metadata(model, **terms)

    def form(self, columns: list[str]) -> RequestForm:
        return request_rows.form_of(self._metadata, self._signature, columns, self.known)

    def ask(self, inputs: dict[str, Any]) -> Prediction:
        return self._client.predict(self.model, **inputs, signature=self._signature, **self._terms)

    def rows(self, rows: list[dict[str, Any]]) -> tuple[Prediction, list[dict[str, Any]]]:
        form = self.form(list({name: None for row in rows for name in row}))
        typed = []
        for place, row in enumerate(rows, start=1):
            try:
                typed.append(request_rows.from_json(row, form))
            except RowError as error:
                raise UsageError(f"--json, row {place}: {error}") from error
        prediction = self.ask(form.inputs(typed))
        return prediction, prediction_rows.by_row(prediction, len(rows))


def _show(answer: tuple[Prediction, list[dict[str, Any]]], output_format: str) -> None:
    prediction, rows = answer
    about = {
        "model": prediction.model,
        "version": prediction.version,
        "signature": prediction.signature,
        "request_id": prediction.request_id,
    }
    if output_format == "json":
        click.echo(json.dumps({**about, "predictions": rows}, indent=2, ensure_ascii=False))
        return
    for row in rows:
        click.echo(prediction_rows.line(row))
    click.echo(
        f"({prediction.model} version {prediction.version}, signature {prediction.signature}, "
        f"request {prediction.request_id})",
        err=True,
    )


def _rows_of_json(text: str) -> list[dict[str, Any]]:
    source = "--json"
    try:
        if text == _STANDARD:
            text = sys.stdin.read()
        elif text.startswith("@"):
            source = f"--json {text}"
            text = Path(text[1:]).read_text(encoding="utf-8-sig")
        value = json.loads(text)
    except OSError as error:
        raise UsageError(f"{source}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(
            f"{source}: not JSON: {error}",
            remedy="Quote it for the shell: --json '{\"fare\": 12.5}'",
        ) from error
    rows = value if isinstance(value, list) else [value]
    if not rows or not all(isinstance(row, dict) for row in rows):
        raise UsageError(
            f"{source}: expected an object, or a list of objects, received {text.strip()[:60]}",
            remedy='Name the columns: {"fare": 12.5, "payment_type": "Cash"}',
        )
    return rows


def _first_row(model: str, asker: _Asker) -> dict[str, Any]:
    """Returns the first row of the data of the model's pipeline, and says which that is."""
    if model not in config.names():
        takes = ", ".join(asker.form([]).kinds) or "tf.Examples"
        raise UsageError(
            f"there is no pipeline {model!r} here to take a row from; its model takes: {takes}",
            remedy="Give rows with --json or --csv.",
        )
    settings = data_folder.resolve(config.named(model), Workspace.from_environment(os.environ))
    folder = preflight.check_data(
        Path(settings.data_root), settings.input_pattern, settings.span_range
    )
    first = data_files.first_row(folder.files)
    named = list(first.cells.items())
    form = asker.form([name for name, _ in named])
    kinds = {name: form.kinds[name] for name, _ in named if form.takes(name)}
    try:
        row = request_rows.from_cells(((n, c) for n, c in named if n in kinds), kinds)
    except RowError as error:
        raise DataError(f"{first.path}, {first.position}: {error}") from error
    row = {name: v.decode() if isinstance(v, bytes) else v for name, v in row.items()}
    click.echo(f"No rows given, so the first of {first.path}:\n{json.dumps(row)}", err=True)
    return row


def _predict_csv(asker: _Asker, path: str, output: Path | None, batch_size: int) -> None:
    from serving.client import InvalidRequest

    with _source(path) as source:
        columns, rows = csv_predictions.read(source, "stdin" if path == _STANDARD else path)
        predictor = csv_predictions.CsvPredictor(
            columns,
            asker.form(columns),
            ask=asker.ask,
            refusal=InvalidRequest,
            report=lambda line, problem: _note(f"line {line}: {problem}"),
        )
        if ignored := predictor.ignored():
            _note(f"Not sent: {', '.join(ignored)}")
        progress = _progress(sys.stderr)
        with _target(output) as target:
            for count in predictor.run(rows, target, batch_size):
                progress(count)
    count = predictor.count
    if count.bad:
        raise DataError(
            f"{count.bad:,} of {count.rows:,} rows have no prediction",
            remedy="Mend the lines that are named above.",
        )


def _note(text: str) -> None:
    clear = "\r\x1b[K" if sys.stderr.isatty() else ""
    click.echo(f"{clear}{text}", err=True)


def _progress(stream: TextIO) -> Callable[[csv_predictions.Count], None]:
    if not stream.isatty():
        return lambda _: None
    return lambda count: print(
        f"\r\x1b[K{count.rows:,} rows, {count.bad:,} without a prediction",
        end="",
        file=stream,
        flush=True,
    )


# Bytes that are no UTF-8 come out as they went in.
_ENCODING: dict[str, Any] = {"encoding": "utf-8", "errors": "surrogateescape", "newline": ""}


@contextlib.contextmanager
def _source(path: str) -> Iterator[TextIO]:
    encoding = {**_ENCODING, "encoding": "utf-8-sig"}
    if path == _STANDARD:
        stream = io.TextIOWrapper(sys.stdin.buffer, **encoding)
        try:
            yield stream
        finally:
            stream.detach()
        return
    with _opened(Path(path), "r", f"--csv {path}: cannot be read", encoding) as file:
        yield file


@contextlib.contextmanager
def _target(path: Path | None) -> Iterator[TextIO]:
    if path is None:
        stream = io.TextIOWrapper(sys.stdout.buffer, **_ENCODING)
        try:
            yield stream
        finally:
            stream.detach()
        return
    # Under its name the file is whole; so the input may be named as the output, too.
    partial = path.with_name(f"{path.name}.partial")
    with _opened(partial, "w", f"--output {path}: cannot be written", _ENCODING) as file:
        try:
            yield file
        except BaseException:
            _note(f"What was done so far is in {partial}.")
            raise
    partial.replace(path)


def _opened(path: Path, mode: str, failure: str, encoding: dict[str, Any]) -> TextIO:
    try:
        return cast("TextIO", path.open(mode, **encoding))
    except OSError as error:
        raise UsageError(f"{failure}: {error.strerror}") from error
