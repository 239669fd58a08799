"""Takes in labels: checks files and rows, and drops what can be read where `FeedbackJoin` looks.

    checked ─► accepted rows ─► dropped under a name with the time
          └──► refused ones, by line and reason

`deliver` takes all or nothing. What a drop file looks like is told in
`components.feedback_join.label_rows`.
"""

from __future__ import annotations

import csv
import dataclasses
import datetime
import io
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from components.feedback_join import drop_folder, join_keys, keys, label_files, label_rows
from components.feedback_join.drop_folder import CSV, SUFFIXES
from components.feedback_join.label_files import LabelFileError, TornFileError
from components.feedback_join.label_rows import Label, Unreadable, Wanted
from components.feedback_join.matching import Known, Value
from components.prediction_log_example_gen.plan import kinds_of
from pipelines import schema_file
from pipelines.config import PipelineConfig
from pipelines.errors import DataError

_MAX_SHOWN = 5


@dataclasses.dataclass(frozen=True)
class Checked:
    """Rows of labels that were looked at.

    Attributes:
        header: Those of their columns that are needed.
        accepted: The cells of those that can be read, as CSV has them.
        refused: The others.
    """

    header: tuple[str, ...]
    accepted: tuple[Sequence[str], ...]
    refused: tuple[Unreadable, ...]


@dataclasses.dataclass(frozen=True)
class Status:
    """What lies in a drop folder.

    Attributes:
        files: Finished ones that were read.
        labels: Rows of them.
        unreadable: Rows of them that say nothing.
        unfinished: Names of files that are being written.
        torn: Names of files that end too soon, and why; they are left for the next time.
        unfit: Names of files that cannot be used, and why.
        first_sec: When the first label was known, in seconds since 1970; None without labels.
        last_sec: Likewise the last one.
    """

    files: int = 0
    labels: int = 0
    unreadable: int = 0
    unfinished: tuple[str, ...] = ()
    torn: tuple[str, ...] = ()
    unfit: tuple[str, ...] = ()
    first_sec: float | None = None
    last_sec: float | None = None


def wanted_of(config: PipelineConfig) -> Wanted:
    """Returns what a pipeline's labels consist of.

    Raises:
        DataError: The schema cannot be read.
    """
    columns = config.feedback.columns or (config.label,)
    kinds = kinds_of(schema_file.read(Path(config.schema_path)))
    return Wanted(columns, config.skew.identifiers, {name: kinds.get(name) for name in columns})


def checked(
    source: Path | Iterable[Mapping[str, Any]],
    wanted: Wanted,
    *,
    now_sec: float,
    labelled_at_sec: float | None = None,
) -> Checked:
    """Looks at labels, row by row.

    Args:
        source: A CSV or Parquet file, or rows by column.
        wanted: What is looked for.
        now_sec: The time, in seconds since 1970; no label can have been known later.
        labelled_at_sec: When labels were known that don't tell; when they were delivered for None.

    Raises:
        DataError: The file cannot be used at all.
    """
    header, rows = _cells(source, wanted)
    if labelled_at_sec is not None:
        header, rows = _dated(header, rows, labelled_at_sec)
    try:
        understand = label_rows.reader(header, wanted, now_sec)
    except LabelFileError as error:
        raise _refusal(source, str(error)) from error
    needed = [place for place, name in enumerate(header) if name in label_rows.needed(wanted)]
    names = tuple(header[place] for place in needed)
    read_again = label_rows.reader(names, wanted, now_sec)
    accepted: list[Sequence[str]] = []
    refused: list[Unreadable] = []
    for line, cells in rows:
        found = label_rows.understood(understand, line, cells)
        if not isinstance(found, Unreadable) and found.known.labelled_sec > now_sec:
            reason = f"{keys.LABELLED_AT}: expected a time that is over, received a later one"
            found = Unreadable(line, reason)
        if isinstance(found, Unreadable):
            refused.append(found)
            continue
        written = _written({header[place]: cells[place] for place in needed}, found, wanted)
        if _read_back(written, read_again) == found:
            accepted.append(written)
        else:
            refused.append(
                Unreadable(line, "it cannot be written as CSV so that it stays the same")
            )
    return Checked(names, tuple(accepted), tuple(refused))


def drop(folder: Path, found: Checked, *, now_sec: float, token: str) -> Path | None:
    """Writes the accepted rows into a drop folder, as CSV; returns None where there are none.

    Args:
        folder: Is made if missing.
        found: As of `checked`.
        now_sec: The time, in seconds since 1970.
        token: As of `drop_folder.write`.

    Raises:
        DataError: The folder takes no file.
    """
    if not found.accepted:
        return None
    text = _as_csv([found.header, *found.accepted])
    try:
        return drop_folder.write(
            folder,
            text.encode(errors="surrogateescape"),
            now_sec=now_sec,
            token=token,
            suffix=CSV,
        )
    except OSError as error:
        raise DataError(f"labels could not be written to {folder}: {error}") from error


def deliver(
    folder: Path,
    source: Path | Iterable[Mapping[str, Any]],
    *,
    wanted: Wanted,
    now_sec: float,
    token: str,
) -> Path:
    """Drops labels, all or none.

    Args:
        folder: Of labels, such as `workspace.feedback_root(name)`; is made if missing.
        source: A CSV or Parquet file, or rows by column.
        wanted: As of `wanted_of`.
        now_sec: The time, in seconds since 1970; becomes part of the file's name.
        token: Tells deliveries of one second apart: letters, digits and `_`. One that is tried
            again under the same token takes the place of the earlier one.

    Returns:
        The file that was written.

    Raises:
        DataError: A row cannot be read, there is none, or the folder takes no file.
    """
    rows = source if isinstance(source, Path) else list(source)
    found = checked(rows, wanted, now_sec=now_sec)
    if found.refused:
        lines = [f"line {line}: {reason}" for line, reason in found.refused[:_MAX_SHOWN]]
        more = len(found.refused) - len(lines)
        raise _refusal(rows, "; ".join(lines) + (f"; and {more} more" if more else ""))
    path = drop(folder, found, now_sec=now_sec, token=token)
    if path is None:
        raise _refusal(rows, "expected at least one row")
    return path


def status(folder: Path, wanted: Wanted) -> Status:
    """Returns what lies in a drop folder.

    Args:
        folder: May be missing.
        wanted: What is looked for.

    Raises:
        DataError: The folder cannot be read.
    """
    problems: dict[bool, list[str]] = {True: [], False: []}
    times: list[float] = []
    files = unreadable = 0
    try:
        listing = drop_folder.listed(folder)
    except OSError as error:
        raise DataError(f"the labels in {folder} cannot be listed: {error}") from error
    for file in listing.files:
        try:
            found = label_rows.read(file, wanted)
        except (LabelFileError, OSError) as error:
            problems[isinstance(error, TornFileError)].append(f"{file.name}: {error}")
            continue
        files += 1
        known = [label.known.labelled_sec for label in found if not isinstance(label, Unreadable)]
        unreadable += len(found) - len(known)
        times += known
    return Status(
        files=files,
        labels=len(times),
        unreadable=unreadable,
        unfinished=listing.unfinished,
        torn=tuple(problems[True]),
        unfit=tuple(problems[False]),
        first_sec=min(times, default=None),
        last_sec=max(times, default=None),
    )


def _cells(
    source: Path | Iterable[Mapping[str, Any]], wanted: Wanted
) -> tuple[Sequence[str], list[label_files.Row]]:
    if not isinstance(source, Path):
        rows = list(source)
        header = list(dict.fromkeys(name for row in rows for name in row))
        # The line that a row will have in the file.
        return header, [
            (line, [row.get(name) for name in header]) for line, row in enumerate(rows, start=2)
        ]
    if not source.name.endswith(SUFFIXES):
        raise _refusal(source, f"expected a name that ends with {' or '.join(SUFFIXES)}")
    try:
        return label_files.cells_of(source, label_rows.needed(wanted))
    except (LabelFileError, OSError) as error:
        raise _refusal(source, str(error)) from error


def _dated(
    header: Sequence[str], rows: list[label_files.Row], labelled_at_sec: float
) -> tuple[Sequence[str], list[label_files.Row]]:
    """Returns rows in which every label says when it was known."""
    if keys.LABELLED_AT not in header:
        place, new_header = len(header), [*header, keys.LABELLED_AT]
    else:
        place, new_header = header.index(keys.LABELLED_AT), list(header)

    def dated(cells: Any) -> Any:
        if isinstance(cells, str):  # why there are none
            return cells
        padded = [*cells, None] if place == len(cells) else list(cells)
        padded[place] = padded[place] if padded[place] not in (None, "") else labelled_at_sec
        return padded

    return new_header, [(line, dated(cells)) for line, cells in rows]


def _written(cells: Mapping[str, Any], label: Label, wanted: Wanted) -> list[str]:
    """Returns a row's cells as CSV has them: what they were understood as, not how they were given.

    A number that is an identifier, as in a table where some are missing, is written by its digits
    alone; by any other text it would be another one.
    """
    values = dict(zip(wanted.columns, label.known.values, strict=True))
    return [
        _label(cell, values[name]) if name in values else _about(name, cell, label.known)
        for name, cell in cells.items()
    ]


def _about(name: str, cell: Any, known: Known) -> str:
    if name != keys.LABELLED_AT:
        return join_keys.as_text(cell) or ""
    if isinstance(cell, datetime.date):  # or a time, which is one
        return datetime.datetime.fromtimestamp(known.labelled_sec, datetime.UTC).isoformat()
    is_nothing = cell is None or (isinstance(cell, float) and math.isnan(cell))
    return "" if is_nothing else str(cell)


def _label(cell: Any, value: Value) -> str:
    if isinstance(cell, str):
        return cell
    if isinstance(value, bytes):
        return value.decode(errors="surrogateescape")
    if isinstance(value, float) and value.is_integer():
        return f"{value:.0f}"
    return "" if value is None else repr(value)


def _read_back(cells: Sequence[str], understand: Callable[[Sequence[Any]], Label]) -> Any:
    lines = io.StringIO(_as_csv([cells]), newline="").readlines()
    rows = [row for _, row in label_files.csv_rows(lines)]
    return label_rows.understood(understand, 0, rows[0]) if len(rows) == 1 else rows


def _as_csv(rows: Iterable[Sequence[str]]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _refusal(source: Path | Iterable[Mapping[str, Any]], reason: str) -> DataError:
    named = str(source) if isinstance(source, Path) else "labels"
    return DataError(
        f"{named}: {reason}",
        remedy="What a file of labels looks like is shown by: ringway feedback --help",
    )
