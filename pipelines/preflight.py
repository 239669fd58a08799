"""Looks at a run's inputs before anything heavy is imported or anything is written.

Each check raises a `DataError` that names the file, column or row, and what to do. Of each data
file only the header and the first rows are read, so the cost grows with the number of files but
not with their rows; faults further down are found by `pipelines.diagnosis` once a run stopped.
What the values should be is left to ExampleValidator.
"""

from __future__ import annotations

import dataclasses
import difflib
import itertools
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tensorflow_metadata.proto.v0 import schema_pb2

from pipelines import csv_rows, schema_file
from pipelines.config import PipelineConfig
from pipelines.errors import DataError

ROWS_CHECKED = 10
MIN_FREE_BYTES = 256 * 2**20


@dataclasses.dataclass(frozen=True, kw_only=True)
class DataFolder:
    """What CsvExampleGen will read.

    Attributes:
        files: Its files, sorted by name.
        columns: The header that all of them have.
    """

    files: tuple[Path, ...]
    columns: tuple[str, ...]


def check(
    config: PipelineConfig, root: Path, *, min_free_bytes: int = MIN_FREE_BYTES
) -> DataFolder:
    """Makes every check of this module for one run.

    Args:
        config: The run's configuration.
        root: Folder of the workspace; need not exist yet.
        min_free_bytes: Space that the run may need there.

    Raises:
        DataError: The run cannot start.
    """
    check_root(root, min_free_bytes)
    schema = schema_file.read(Path(config.schema_path))
    folder = check_data(Path(config.data_root))
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


def check_data(data_root: Path) -> DataFolder:
    """Checks that CsvExampleGen could begin to read a folder.

    Raises:
        DataError: The folder is missing or empty, a file in it is no CSV, a header names a column
            twice or differs from the other files', one of the first rows does not fit the
            header, or there is no row at all.
    """
    files = _list_files(data_root)
    headers = [csv_rows.header(path) for path in files]
    for path, columns in zip(files, headers, strict=True):
        _check_header(path, columns)
        if columns != headers[0]:
            difference = _difference(headers[0], columns)
            raise DataError(
                f"{path}: expected the header of {files[0].name}, {difference}",
                remedy="Give all files of the folder the same columns in the same order, or move "
                "this one out of it.",
            )
    row_counts = [len(list(itertools.islice(csv_rows.records(p), ROWS_CHECKED))) for p in files]
    if not any(row_counts):
        raise DataError(
            f"{files[0]}: expected rows below the header, found none"
            + (f", nor in the other {len(files) - 1} files" if len(files) > 1 else ""),
            remedy="Put at least one file with examples into the data folder.",
        )
    return DataFolder(files=tuple(files), columns=tuple(headers[0]))


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


def _list_files(data_root: Path) -> list[Path]:
    remedy = "Name a folder of CSV files with: --set data_root=FOLDER"
    try:
        entries = sorted(data_root.iterdir())
    except FileNotFoundError as error:
        raise DataError(f"data folder {data_root}: does not exist", remedy=remedy) from error
    except NotADirectoryError as error:
        raise DataError(
            f"data folder {data_root}: expected a folder, received a file",
            remedy=f"Name the folder that holds it: --set data_root={data_root.parent}",
        ) from error
    except OSError as error:
        raise DataError(
            f"data folder {data_root}: cannot be read: {error.strerror}",
            remedy="Allow the user that runs ringway to read and enter that folder.",
        ) from error
    if not entries:
        raise DataError(f"data folder {data_root}: is empty", remedy=remedy)
    if not any(entry.suffix.lower() == ".csv" for entry in entries):
        found = ", ".join(entry.name for entry in entries[:5])
        raise DataError(
            f"data folder {data_root}: expected CSV files, found {found}"
            + (f" and {len(entries) - 5} more" if len(entries) > 5 else ""),
            remedy=remedy,
        )
    for entry in entries:
        if not entry.is_file():
            raise DataError(
                f"data folder {data_root}: expected files only, but {entry.name!r} is none",
                remedy="CsvExampleGen reads each entry of the folder; move this one out of it.",
            )
    return entries


def _check_header(path: Path, columns: Sequence[str]) -> None:
    seen: dict[str, int] = {}
    for position, name in enumerate(columns, start=1):
        if not name:
            raise DataError(
                f"{path}, line 1: column {position} has no name",
                remedy="Name it, or drop it (pandas writes one unless told index=False).",
            )
        if '"' in name:
            raise DataError(
                f"{path}, line 1: expected column names without quotes, received {name}",
                remedy="Take the quotes off; CsvExampleGen would make them part of the name.",
            )
        first = seen.setdefault(name, position)
        if first < position:
            raise DataError(
                f"{path}, line 1: column {name!r} stands there twice, at {first} and {position}",
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
