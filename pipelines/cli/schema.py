"""`ringway schema`: compares the inferred schema with the curated one, and drafts new ones.

The comparison is `pipelines.schema_review`'s; inference is `pipelines.inferred_schema`'s.
"""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from pipelines import config, inferred_schema, preflight, schema_file
from pipelines.lineage.store import open_store
from pipelines.schema_review import Difference, compare
from pipelines.workspace import Workspace

# The code of a run that found anomalies: here too, the data is not what the schema says.
EXIT_DIFFERENT = 3
_VALUES_SHOWN = 6

_DIFF_EXAMPLES = """\b
Examples:
  ringway schema diff taxi
  ringway schema diff taxi --exit-code --format json
  ringway schema diff taxi --inferred draft/schema.pbtxt
"""
_INFER_EXAMPLES = """\b
Examples:
  ringway schema infer data/bikes --output schemas/bikes/schema.pbtxt
  ringway schema infer data/bikes --pattern 'span-{SPAN}/*' --span-range 8 --output bikes.pbtxt
"""


@click.group(
    name="schema",
    epilog="""\b
Examples:
  ringway schema diff taxi
  ringway schema infer data/trips --output schemas/trips/schema.pbtxt
""",
)
def command() -> None:
    """Review and draft the schemas that data is held against."""


@command.command(name="diff", epilog=_DIFF_EXAMPLES)
@click.argument("pipeline")
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
)
@click.option(
    "--inferred",
    type=click.Path(path_type=Path),
    help="Compare this schema file instead of the latest run's.",
)
@click.option(
    "--curated",
    type=click.Path(path_type=Path),
    help="Compare with this schema file instead of the pipeline's.",
)
@click.option("--exit-code", is_flag=True, help="Exit with 3 when the schemas differ.")
def diff(
    pipeline: str,
    output_format: str,
    inferred: Path | None,
    curated: Path | None,
    exit_code: bool,
) -> None:
    """Show how the inferred schema differs from the curated one.

    The inferred schema is what SchemaGen found in the data of PIPELINE's latest run.
    """
    settings = config.named(pipeline)
    curated_path = curated or Path(settings.schema_path)
    inferred_path = inferred or _latest_inferred(settings.name)
    right = schema_file.read(curated_path)
    differences = compare(schema_file.read(inferred_path), right)
    if output_format == "json":
        report = {
            "pipeline": settings.name,
            "inferred": str(inferred_path),
            "curated": str(curated_path),
            "differences": [dataclasses.asdict(difference) for difference in differences],
        }
        click.echo(json.dumps(report, indent=2, ensure_ascii=False))
    elif differences:
        click.echo(f"inferred: {inferred_path}\ncurated:  {curated_path}")
        _print_table(differences)
    else:
        click.echo(f"{settings.name}: both schemas agree on {len(right.feature)} features.")
    if differences and exit_code:
        click.get_current_context().exit(EXIT_DIFFERENT)


@command.command(name="infer", epilog=_INFER_EXAMPLES)
@click.argument("data_folder", type=click.Path(path_type=Path))
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    help="File to write, for example schemas/NAME/schema.pbtxt.",
)
@click.option("--pattern", default="*", show_default=True, help="Files below the folder.")
@click.option(
    "--span-range",
    default="",
    metavar="SPANS",
    help="Spans, where the pattern has {SPAN}: 8 for the last eight, 5:12 for those from 5 to 12.",
)
@click.option("--force", is_flag=True, help="Overwrite the file if it exists.")
def infer(data_folder: Path, output: Path, pattern: str, span_range: str, force: bool) -> None:
    """Write a first draft of a schema for the CSV files in DATA_FOLDER.

    The draft says what the data happens to be; a comment in it lists what to review.
    """
    inferred_schema.check_output(output, force=force)
    folder = preflight.check_data(data_folder, pattern, span_range)
    click.echo(
        f"Reading {len(folder.files)} file(s) with {len(folder.columns)} columns; "
        "loading TensorFlow Data Validation takes a while …",
        err=True,
    )
    schema = inferred_schema.infer(folder)
    inferred_schema.write_atomically(output, inferred_schema.draft(schema, folder))
    click.echo(f"Wrote {output}: {len(schema.feature)} features. Review it before use.")


def _latest_inferred(pipeline: str) -> Path:
    workspace = Workspace.from_environment(os.environ)
    return inferred_schema.latest_path(open_store(workspace.metadata_url, read_only=True), pipeline)


def _print_table(differences: list[Difference]) -> None:
    table = Table("feature", "aspect", "inferred", "curated")
    for difference in differences:
        table.add_row(
            difference.feature,
            difference.aspect,
            _cell(difference.inferred, difference.values_added),
            _cell(difference.curated, difference.values_removed),
        )
    Console(markup=False, highlight=False).print(table)


def _cell(text: str, values: tuple[str, ...]) -> str:
    if not values:
        return text or "-"
    shown = ", ".join(map(repr, values[:_VALUES_SHOWN]))
    more = f" and {len(values) - _VALUES_SHOWN} more" if len(values) > _VALUES_SHOWN else ""
    return f"{text}; only here: {shown}{more}"
