"""The labels in a drop file, row by row, and what is wrong with the others.

    request_id,row,arr_delay,labelled_at          flight_id,arr_delay
    7f3a,0,12,2013-07-04T18:00:00Z                2013-07-04-UA-7-JFK,12

A row names a request (`row` is 0 where it is not told) or, where it names none, an entity by all of
its columns. `labelled_at` says when the label was known, in seconds since 1970 or by ISO 8601, UTC
where it names no zone; eight digits are a date. Where it says nothing, it is when the file was
delivered. Empty cells, and NaN in Parquet, are no values.

Which files there are is for `drop_folder`, reading them for `label_files`, which label of a row
counts for `matching`.
"""

from __future__ import annotations

import dataclasses
import datetime
import math
import re
import struct
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from components.feedback_join import join_keys, keys, label_files
from components.feedback_join.drop_folder import DropFile
from components.feedback_join.label_files import UnfitFileError
from components.feedback_join.matching import Known, Value
from components.prediction_log_example_gen.casting import CastError, cast
from components.prediction_log_example_gen.plan import BYTES, FLOAT, INT

_FLOAT32 = struct.Struct("<f")
_MAX_SHOWN = 60
_MAX_ROW_DIGITS = 18  # of a place in a request; more would only take time
# What lies outside is in milliseconds, or no time at all.
_FIRST_SEC = 946_684_800  # 2000-01-01
_END_SEC = 4_102_444_800  # 2100-01-01
_DATE = re.compile(r"[0-9]{8}")


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What is looked for.

    Attributes:
        columns: Those that are delivered.
        identifiers: Those that together name an entity; none where no column does.
        kinds: By column the field of a Feature that holds its values. Others hold floats.
    """

    columns: tuple[str, ...]
    identifiers: tuple[str, ...] = ()
    kinds: Mapping[str, str | None] = dataclasses.field(default_factory=dict)

    def kind(self, column: str) -> str:
        """Returns the field of a Feature that holds a delivered column."""
        return self.kinds.get(column) or FLOAT


class Label(NamedTuple):
    """A label, and what it is about: a key as of `join_keys`."""

    key: bytes
    known: Known


class Unreadable(NamedTuple):
    """A row that cannot be read: its line, or in Parquet its number from 1, and why."""

    line: int
    reason: str


class _CellError(Exception):
    pass


def read(file: DropFile, wanted: Wanted) -> list[Label | Unreadable]:
    """Returns what the rows of a drop file say.

    Args:
        file: As of `drop_folder.listed`.
        wanted: What is looked for.

    Raises:
        LabelFileError: Of either kind.
        OSError: It cannot be read.
    """
    header, rows = label_files.cells_of(Path(file.path), needed(wanted))
    understand = reader(header, wanted, file.delivered_sec)
    return [understood(understand, line, cells) for line, cells in rows]


def needed(wanted: Wanted) -> frozenset[str]:
    """Returns the columns of a file that are looked at, where it has them."""
    own = (keys.REQUEST_ID, keys.ROW, keys.LABELLED_AT)
    return frozenset([*own, *wanted.identifiers, *wanted.columns])


def missing_columns(header: Sequence[str], wanted: Wanted) -> str:
    """Returns what a file lacks of the columns that it needs, in words; empty for nothing."""
    lacking = [name for name in wanted.columns if name not in header]
    if lacking:
        return f"expected the columns {', '.join(wanted.columns)}; there is no {lacking[0]!r}"
    by_entity = wanted.identifiers and set(wanted.identifiers) <= set(header)
    if keys.REQUEST_ID not in header and not by_entity:
        entity = [" and ".join(wanted.identifiers)] if wanted.identifiers else []
        ways = " or ".join([keys.REQUEST_ID, *entity])
        return f"expected {ways}, by which a label finds its row"
    if len(set(header)) < len(header):
        return f"expected each column once, received {', '.join(header)}"
    return ""


def understood(
    understand: Callable[[Sequence[Any]], Label], line: int, cells: Any
) -> Label | Unreadable:
    """Returns what a row of a file says, or why it says nothing.

    Args:
        understand: As of `reader`.
        line: Where it stands.
        cells: Its cells, or why there are none.
    """
    if isinstance(cells, str):
        return Unreadable(line, cells)
    try:
        return understand(cells)
    except (_CellError, CastError) as error:
        return Unreadable(line, str(error))
    # Whatever a cell holds, it is the row's fault: an integer of 5,000 digits, say.
    except (ValueError, ArithmeticError, TypeError) as error:
        return Unreadable(line, f"it cannot be read: {error}")


def reader(
    header: Sequence[str], wanted: Wanted, delivered_sec: float
) -> Callable[[Sequence[Any]], Label]:
    """Returns what makes a label of a row's cells; what it raises is for `understood`.

    Args:
        header: The columns of the cells.
        wanted: What is looked for.
        delivered_sec: When labels were known that say nothing of it.

    Raises:
        UnfitFileError: A column is missing.
    """
    lacking = missing_columns(header, wanted)
    if lacking:
        raise UnfitFileError(f"{lacking}; its columns are {', '.join(header) or '(none)'}")
    place = {name: index for index, name in enumerate(header)}
    columns = [(place[name], wanted.kind(name), name) for name in wanted.columns]
    request, row, labelled = (
        place.get(name) for name in (keys.REQUEST_ID, keys.ROW, keys.LABELLED_AT)
    )
    known = all(name in place for name in wanted.identifiers)
    entity = [place[name] for name in wanted.identifiers] if known else []

    def understand(cells: Sequence[Any]) -> Label:
        values = tuple([_value(cells[index], kind, name) for index, kind, name in columns])
        if all(value is None for value in values):
            raise _CellError("it holds no label")
        moment = None if labelled is None else _seconds(cells[labelled])
        return Label(
            _key(cells, request, row, entity),
            Known(delivered_sec if moment is None else moment, values),
        )

    return understand


def _key(
    cells: Sequence[Any], request: int | None, row: int | None, entity: Sequence[int]
) -> bytes:
    try:
        if request is not None:
            request_id = join_keys.as_text(cells[request])
            if request_id is not None:
                return join_keys.by_request(request_id, 0 if row is None else _row(cells[row]))
        texts = [join_keys.as_text(cells[index]) for index in entity]
        named = [text for text in texts if text is not None]
        if not named or len(named) < len(texts):
            raise _CellError("it names no request and no entity")
        return join_keys.by_entity(named)
    except UnicodeEncodeError as error:
        raise _CellError("it is not UTF-8") from error


def _row(cell: Any) -> int:
    text = repr(cell) if isinstance(cell, bool) else join_keys.as_text(cell)
    if text is None:
        return 0
    if not (text.isascii() and text.isdigit() and len(text) <= _MAX_ROW_DIGITS):
        raise _CellError(f"row: expected a number from 0 on, received {_shown(cell)}")
    return int(text)


def _value(cell: Any, kind: str, name: str) -> Value:
    if cell is None or cell == "":
        return None
    try:
        if isinstance(cell, str):
            return _of_text(cell.encode(), kind)
        if isinstance(cell, float) and math.isnan(cell):
            return None
        served = _kind_of(cell)
        return _rounded(cast([cell], served, kind)[0], kind)
    except CastError as error:
        raise _CellError(f"{name}: {error}") from error
    except UnicodeEncodeError as error:
        raise _CellError("it is not UTF-8") from error


def _of_text(text: bytes, kind: str) -> Value:
    if kind == INT:
        try:
            return cast([text], BYTES, INT)[0]
        except CastError:  # 12.0 is a whole number, too
            return cast(cast([text], BYTES, FLOAT), FLOAT, INT)[0]
    return _rounded(cast([text], BYTES, kind)[0], kind)


def _rounded(value: Any, kind: str) -> Value:
    """Returns a value as an example holds it: floats have 32 bits."""
    if kind != FLOAT:
        return value
    if not math.isfinite(value):
        raise _CellError(f"expected a finite number, received {value!r}")
    return float(_FLOAT32.unpack(_FLOAT32.pack(value))[0])


def _kind_of(cell: Any) -> str:
    if isinstance(cell, int):
        return INT
    if isinstance(cell, float):
        return FLOAT
    if isinstance(cell, bytes):
        return BYTES
    raise _CellError(f"expected a number or a text, received {_shown(cell)}")


def _seconds(cell: Any) -> float | None:
    """Reads `labelled_at`; None where it says nothing."""
    if cell is None or cell == "" or (isinstance(cell, float) and math.isnan(cell)):
        return None
    try:
        seconds = _as_seconds(cell)
    except (ValueError, TypeError, OverflowError):
        seconds = math.nan
    if not _FIRST_SEC <= seconds < _END_SEC:
        raise _CellError(
            f"{keys.LABELLED_AT}: expected seconds since 1970, of a time from 2000 to 2099, or a "
            f"time such as 2013-07-04T18:00:00Z, received {_shown(cell)}"
        )
    return seconds


def _as_seconds(cell: Any) -> float:
    if isinstance(cell, int):
        cell = str(cell)
    if isinstance(cell, str):
        try:
            # Eight digits are a date: as seconds they would be one of 1970.
            if not _DATE.fullmatch(cell):
                return float(cell)
        except ValueError:
            pass
        cell = datetime.datetime.fromisoformat(cell)
    if isinstance(cell, datetime.date) and not isinstance(cell, datetime.datetime):
        cell = datetime.datetime.combine(cell, datetime.time())
    if isinstance(cell, datetime.datetime):
        aware = cell if cell.tzinfo else cell.replace(tzinfo=datetime.UTC)
        return aware.timestamp()
    return float(cell)


def _shown(cell: Any) -> str:
    text = repr(cell)
    return text if len(text) <= _MAX_SHOWN else text[:_MAX_SHOWN] + "…"
