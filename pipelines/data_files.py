"""Which files of a data folder a run reads, and how each begins: CSV or Parquet, by its name.

What spans and patterns mean is `components.arrow_example_gen`'s; whether the columns fit is left to
`pipelines.preflight`, and the cells of CSV files to `pipelines.csv_rows`. Arrow is imported where
there is a Parquet file only.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.arrow_example_gen import patterns, spans
from components.arrow_example_gen.errors import InputError
from components.arrow_example_gen.formats import Format, format_of
from pipelines import csv_rows
from pipelines.errors import DataError, UsageError

if TYPE_CHECKING:
    import pyarrow.parquet as pq

EVERY_FILE = "*"
_NAMED = 5


@dataclasses.dataclass(frozen=True, kw_only=True)
class Listing:
    """What a run reads of a data folder.

    Attributes:
        files: The files, sorted by name within a span, the oldest span first.
        spans: Numbers of the spans that they are of; none where the folder has no spans.
        note: A sentence where fewer spans exist than are asked for; otherwise empty.
    """

    files: tuple[Path, ...]
    spans: tuple[int, ...] = ()
    note: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row:
    """One row of a file.

    Attributes:
        path: The file.
        position: Where in it, such as `line 2`.
        cells: Text by column, as in CSV; empty where a value is missing.
    """

    path: Path
    position: str
    cells: Mapping[str, str]


def listed(data_root: Path, pattern: str = EVERY_FILE, span_range: str = "") -> Listing:
    """Returns what a run reads.

    Args:
        data_root: The data folder.
        pattern: Of the files below it; spans and versions as in ArrowExampleGen.
        span_range: Which spans: `8`, `5:12`, or empty for the last one.

    Raises:
        UsageError: The pattern or the range makes no sense, or the pattern has no spans although a
            range is asked for.
        DataError: The folder cannot be read, or has no such files or spans.
    """
    _check_folder(data_root)
    wanted = _wanted(span_range)
    _check_pattern(pattern)
    has_spans = patterns.has_spans(pattern)
    if span_range and not has_spans:
        raise UsageError(
            f"span_range: {span_range!r} asks for spans, but input_pattern {pattern!r} tells none "
            "apart",
            remedy="Write for example --set 'input_pattern=span-{SPAN}/*', or drop the range.",
        )
    if not has_spans:
        return Listing(files=tuple(_matching(data_root, pattern)))
    return _of_spans(data_root, pattern, wanted)


def _wanted(span_range: str) -> spans.Wanted:
    try:
        return spans.wanted(span_range or "1")
    except InputError as error:
        raise UsageError(f"span_range: {error}") from error


def _check_pattern(pattern: str) -> None:
    try:
        patterns.find(pattern, ())
    except InputError as error:
        raise UsageError(
            f"input_pattern: {error}",
            remedy="Write for example --set 'input_pattern=span-{SPAN}/*'.",
        ) from error


def _of_spans(data_root: Path, pattern: str, wanted: spans.Wanted) -> Listing:
    found = _glob(data_root, patterns.wildcard(pattern))
    names = [path.relative_to(data_root).as_posix() for path in found]
    try:
        chosen = spans.select([patterns.find(pattern, names)], wanted)
        filled = [patterns.filled(pattern, span) for span in chosen]
    except InputError as error:
        raise DataError(
            f"data folder {data_root}, pattern {pattern}: {error}",
            remedy="Name other spans with --span-range, or add the files.",
        ) from error
    return Listing(
        files=tuple(path for one in filled for path in _matching(data_root, one)),
        spans=tuple(span.number for span in chosen),
        note=spans.shortfall(chosen, wanted),
    )


def _check_folder(data_root: Path) -> None:
    remedy = "Name a folder of CSV or Parquet files with: --set data_root=FOLDER"
    try:
        is_empty = not any(data_root.iterdir())
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
    if is_empty:
        raise DataError(f"data folder {data_root}: is empty", remedy=remedy)


def _matching(data_root: Path, pattern: str) -> list[Path]:
    found = _glob(data_root, pattern)
    _check_entries(data_root, found, pattern)
    return found


def _glob(data_root: Path, pattern: str) -> list[Path]:
    try:
        found = sorted(data_root.glob(pattern))
    except (ValueError, NotImplementedError) as error:
        raise UsageError(
            f"input_pattern: expected a pattern of files below {data_root}, received "
            f"{pattern!r}: {error}"
        ) from error
    except OSError as error:
        raise DataError(
            f"data folder {data_root}: cannot be read: {error.strerror}",
            remedy="Allow the user that runs ringway to read and enter its folders.",
        ) from error
    if not found:
        raise DataError(
            f"data folder {data_root}: expected files that match {pattern}, found "
            f"{_some(sorted(data_root.iterdir()))}",
            remedy="Name other files with --set input_pattern=…, or another folder with --set "
            "data_root=FOLDER.",
        )
    return found


def _check_entries(data_root: Path, entries: Sequence[Path], pattern: str) -> None:
    known = (entry.suffix.lower() == ".csv" or _is_parquet(entry) for entry in entries)
    # A pattern that names an ending says itself what is meant for CSV.
    if not Path(pattern).suffix and not any(known):
        raise DataError(
            f"data folder {data_root}: expected CSV or Parquet files, found {_some(entries)}",
            remedy="Name a folder of such files with: --set data_root=FOLDER",
        )
    for entry in entries:
        if not entry.is_file():
            name = entry.relative_to(data_root).as_posix()
            raise DataError(
                f"data folder {data_root}: expected files only, but {name!r} is none",
                remedy="Each entry that matches is read; move this one out of the folder, or set "
                "input_pattern.",
            )


def _some(entries: Sequence[Path]) -> str:
    found = ", ".join(entry.name for entry in entries[:_NAMED])
    return found + (f" and {len(entries) - _NAMED} more" if len(entries) > _NAMED else "")


def common_format(files: Sequence[Path]) -> Format:
    """Returns what all files hold.

    Raises:
        DataError: Some are CSV and some are Parquet.
    """
    by_format = {format_of(path.name): path for path in reversed(files)}
    if len(by_format) > 1:
        raise DataError(
            "expected data files of one format, received "
            + " and ".join(f"{path} ({kind.value})" for kind, path in by_format.items()),
            remedy="Move one of them out of the folder, or narrow input_pattern.",
        )
    return next(iter(by_format))


def columns(path: Path) -> list[str]:
    """Returns the names of a file's columns.

    Raises:
        DataError: The file cannot be read.
    """
    if _is_parquet(path):
        return list(_parquet(path).schema_arrow.names)
    return csv_rows.header(path)


def count_rows(path: Path, at_most: int) -> int:
    """Returns how many rows a file has, counted no further than told.

    Raises:
        DataError: One of them cannot be read.
    """
    if _is_parquet(path):
        return min(at_most, int(_parquet(path).metadata.num_rows))
    return sum(1 for _ in itertools.islice(csv_rows.records(path), at_most))


def first_row(files: Sequence[Path]) -> Row:
    """Returns the first row that there is.

    Raises:
        DataError: No file has a row, or one cannot be read.
    """
    for path in files:
        for row in _rows(path):
            return row
    raise DataError(f"{files[0]}: expected rows, found none, nor in the files beside it")


def _rows(path: Path) -> Iterator[Row]:
    if _is_parquet(path):
        for batch in _parquet(path).iter_batches(batch_size=1):
            cells = {name: _text(value) for name, value in batch.to_pylist()[0].items()}
            yield Row(path=path, position="row 1", cells=cells)
        return
    names = csv_rows.header(path)
    for record in csv_rows.records(path):
        cells = dict(zip(names, record.cells, strict=True))
        yield Row(path=path, position=f"line {record.line}", cells=cells)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return "" if value is None else str(value)


def _is_parquet(path: Path) -> bool:
    return format_of(path.name) is Format.PARQUET


def _parquet(path: Path) -> pq.ParquetFile:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(path)
    except pa.ArrowInvalid as error:
        raise DataError(
            f"{path}: expected a Parquet file, received something else, or a part of one: {error}",
            remedy="Write it anew, or move it out of the folder.",
        ) from error
    except OSError as error:
        raise DataError(
            f"{path}: cannot be read: {error.strerror or error}",
            remedy="Allow the user that runs ringway to read it, or move it out of the folder.",
        ) from error
