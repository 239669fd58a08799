"""Looks at a run's inputs before anything heavy is imported or anything is written.

Each check raises a `DataError` that names the file, column or row, and what to do. Of the data
files that the run will read, those of its spans, only the header and the first rows are read, so
the cost grows with the number of files but not with their rows; faults further down are found by
`pipelines.diagnosis` once a run stopped. Which files those are is told by `pipelines.data_files`;
what the values should be is left to ExampleValidator.
"""

from __future__ import annotations

import dataclasses
import difflib
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tensorflow_metadata.proto.v0 import schema_pb2

from components.arrow_example_gen.formats import Format
from pipelines import data_files, schema_file
from pipelines.config import PipelineConfig
from pipelines.data_files import EVERY_FILE
from pipelines.errors import DataError, UsageError

ROWS_CHECKED = 10
MIN_FREE_BYTES = 256 * 2**20


@dataclasses.dataclass(frozen=True, kw_only=True)
class DataFolder:
    """What the example generator will read.

    Attributes:
        files: Its files, sorted by name within a span, the oldest span first.
        columns: The columns that all of them have.
        format: What they hold.
        spans: Numbers of the spans that they are of; none where the folder has no spans.
        note: A sentence where fewer spans exist than are asked for; otherwise empty.
    """

    files: tuple[Path, ...]
    columns: tuple[str, ...]
    format: Format = Format.CSV
    spans: tuple[int, ...] = ()
    note: str = ""


def check(
    config: PipelineConfig, root: Path, *, min_free_bytes: int = MIN_FREE_BYTES
) -> DataFolder:
    """Makes every check of this module for one run.

    Args:
        config: The run's configuration, with its data folder as `pipelines.data_folder` finds it.
        root: Folder of the workspace; need not exist yet.
        min_free_bytes: Space that the run may need there.

    Raises:
        DataError: The run cannot start.
        UsageError: The example generator cannot do what is asked of it.
    """
    check_root(root, min_free_bytes)
    schema = schema_file.read(Path(config.schema_path))
    folder = check_data(Path(config.data_root), config.input_pattern, config.span_range)
    if config.example_gen == "csv":
        _check_stock(folder, config.span_range)
    check_columns(folder, schema)
    return folder


def check_root(root: Path, min_free_bytes: int = MIN_FREE_BYTES) -> None:
    """Checks that a folder can be made and filled; it leaves nothing there.

    Raises:
        DataError: The folder, or the nearest one above it that exists, is no directory, is
            read-only, or lies on a file system with too little space left.
    """
    remedy = "Set RINGWAY_HOME to a folder on a disk that can be written."
    try:
        existing = next(path for path in (root, *root.parents) if os.path.lexists(path))
        if not existing.is_dir():
            raise DataError(
                f"workspace root {root}: expected a directory, but {existing} is none",
                remedy=f"Move {existing} away, or set RINGWAY_HOME to another folder.",
            )
        # Only a real file tells: permission bits say nothing about a read-only file system.
        with tempfile.TemporaryFile(dir=existing):
            pass
        space = os.statvfs(existing)
    except OSError as error:
        raise DataError(
            f"workspace root {root}: cannot be written: {error.strerror}", remedy=remedy
        ) from error
    free_bytes = space.f_bavail * space.f_frsize
    if free_bytes < min_free_bytes:
        raise DataError(
            f"workspace root {root}: expected at least {_mib(min_free_bytes)} free on its disk, "
            f"found {_mib(free_bytes)}",
            remedy="Free some space, or set RINGWAY_HOME to a folder on another disk.",
        )


def check_data(data_root: Path, pattern: str = EVERY_FILE, span_range: str = "") -> DataFolder:
    """Checks that an example generator could begin to read a folder.

    Args:
        data_root: The folder.
        pattern: Which of its files are read.
        span_range: Which spans of them; the last one if empty.

    Raises:
        DataError: The folder is missing or empty, a file in it is neither CSV nor Parquet, its
            columns have a name twice or differ from the other files', one of the first rows does
            not fit the header, a span is missing, or there is no row at all.
        UsageError: The pattern makes no sense, or has no spans although a range is asked for.
    """
    listing = data_files.listed(data_root, pattern, span_range)
    files = listing.files
    kind = data_files.common_format(files)
    headers = [data_files.columns(path) for path in files]
    for path, columns in zip(files, headers, strict=True):
        _check_header(path, columns, kind)
        if columns != headers[0]:
            difference = _difference(headers[0], columns)
            raise DataError(
                f"{path}: expected the header of {_beside(files[0], path)}, {difference}",
                remedy="Give all files that are read the same columns in the same order, or move "
                "this one out of the folder.",
            )
    row_counts = [data_files.count_rows(path, ROWS_CHECKED) for path in files]
    if not any(row_counts):
        raise DataError(
            f"{files[0]}: expected rows below the header, found none"
            + (f", nor in the other {len(files) - 1} files" if len(files) > 1 else ""),
            remedy="Put at least one file with examples into the data folder.",
        )
    return DataFolder(
        files=files,
        columns=tuple(headers[0]),
        format=kind,
        spans=listing.spans,
        note=listing.note,
    )


def _check_stock(folder: DataFolder, span_range: str) -> None:
    remedy = "Drop --set example_gen=csv: ArrowExampleGen does."
    if folder.format is not Format.CSV:
        raise UsageError(
            f"example_gen: stock CsvExampleGen does not read {folder.format.value}, which "
            f"{folder.files[0]} is",
            remedy=remedy,
        )
    if len(folder.spans) > 1:
        raise UsageError(
            f"example_gen: stock CsvExampleGen reads one span, span_range {span_range!r} asks for "
            f"{len(folder.spans)}",
            remedy=f"{remedy} Or ask for one span: --span-range 1",
        )


def check_columns(
    folder: DataFolder, schema: schema_pb2.Schema, environment: str | None = None
) -> None:
    """Checks that the data has each column that the schema requires.

    Raises:
        DataError: A column is missing; the message names the closest one there.
    """
    for name in schema_file.required_columns(schema, environment):
        if name in folder.columns:
            continue
        close = difflib.get_close_matches(name, folder.columns, n=1)
        raise DataError(
            f"{folder.files[0]}: column {name!r} is missing; the header has "
            f"{', '.join(map(repr, folder.columns))}",
            remedy=(f"Rename {close[0]!r} if it is meant. " if close else "")
            + f"Add the column, or drop the presence of {name!r} from the schema.",
        )


def _beside(first: Path, path: Path) -> str:
    """Returns a file's name, with its folder where that is another one's."""
    return first.name if first.parent == path.parent else str(first)


def _check_header(path: Path, columns: Sequence[str], kind: Format) -> None:
    place = f"{path}, line 1" if kind is Format.CSV else f"{path}"
    seen: dict[str, int] = {}
    for position, name in enumerate(columns, start=1):
        if not name:
            raise DataError(
                f"{place}: column {position} has no name",
                remedy="Name it, or drop it (pandas writes one unless told index=False).",
            )
        if kind is Format.CSV and '"' in name:
            raise DataError(
                f"{place}: expected column names without quotes, received {name}",
                remedy="Take the quotes off; they would become part of the name.",
            )
        first = seen.setdefault(name, position)
        if first < position:
            raise DataError(
                f"{place}: column {name!r} stands there twice, at {first} and {position}",
                remedy="Rename or drop one of them.",
            )


def _difference(expected: Sequence[str], received: Sequence[str]) -> str:
    missing = [name for name in expected if name not in received]
    added = [name for name in received if name not in expected]
    if not missing and not added:
        return "received its columns in another order"
    parts = [f"without {', '.join(map(repr, missing))}"] if missing else []
    parts += [f"with {', '.join(map(repr, added))} added"] if added else []
    return "received one " + " and ".join(parts)


def _mib(size_bytes: int) -> str:
    return f"{size_bytes / 2**20:,.0f} MiB"
