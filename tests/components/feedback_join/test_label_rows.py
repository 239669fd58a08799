"""Drop files as users, and other programs, write them."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from components.feedback_join.drop_folder import DropFile
from components.feedback_join.join_keys import by_entity, by_request
from components.feedback_join.label_files import LabelFileError, TornFileError, UnfitFileError
from components.feedback_join.label_rows import (
    Label,
    Unreadable,
    Wanted,
    read,
    reader,
    understood,
)
from components.feedback_join.matching import Known

NOON = 1_372_939_200  # 2013-07-04T12:00:00Z
DELAYS = Wanted(("arr_delay",), ("flight_id",), {"arr_delay": "int64_list"})
TIPS = Wanted(("tips",))
KINDS = Wanted(("kind",), (), {"kind": "bytes_list"})


def read_csv(folder: Path, content: str | bytes, wanted: Wanted = DELAYS) -> list[Any]:
    path = folder / "a.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read(DropFile(str(path), 5.0, "name"), wanted)


def read_parquet(folder: Path, wanted: Wanted = DELAYS, **columns: Any) -> list[Any]:
    pq.write_table(pa.table(columns), folder / "a.parquet")
    return read(DropFile(str(folder / "a.parquet"), 5.0, "name"), wanted)


def test_rows_name_requests_or_entities(tmp_path: Path) -> None:
    text = "\ufeffrequest_id,row,flight_id,arr_delay\r\na,,F1,1\r\na,2,,2\r\n,,F1,3\r\n\r\n"
    assert read_csv(tmp_path, text) == [
        Label(by_request("a", 0), Known(5.0, (1,))),
        Label(by_request("a", 2), Known(5.0, (2,))),
        Label(by_entity(["F1"]), Known(5.0, (3,))),
    ]


@pytest.mark.parametrize(
    ("cell", "seconds"),
    [
        ("", 5.0),
        ("1372939200", NOON),
        ("1372939200.5", NOON + 0.5),
        ("2013-07-04T12:00:00Z", NOON),
        ("2013-07-04T12:00:00", NOON),
        ("2013-07-04 08:00:00-04:00", NOON),
        ("20130704", NOON - 43_200),  # a date, and no second of 1970
        ("946684800", 946_684_800),
    ],
)
def test_a_label_says_when_it_was_known(tmp_path: Path, cell: str, seconds: float) -> None:
    [label] = read_csv(tmp_path, f"request_id,arr_delay,labelled_at\na,1,{cell}\n")
    assert label.known.labelled_sec == seconds


@pytest.mark.parametrize(
    ("wanted", "cell", "value"),
    [
        (DELAYS, "12", 12),
        (DELAYS, "-3.0", -3),
        (DELAYS, "9007199254740993", 9_007_199_254_740_993),
        (TIPS, "12", 12.0),
        (TIPS, "0.1", 0.10000000149011612),  # the nearest of 32 bits
        (KINDS, "late", b"late"),
    ],
)
def test_values_have_the_types_of_the_schema(
    tmp_path: Path, wanted: Wanted, cell: str, value: Any
) -> None:
    [label] = read_csv(tmp_path, f"request_id,{wanted.columns[0]}\na,{cell}\n", wanted)
    assert (label.known.values, type(label.known.values[0])) == ((value,), type(value))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("a,0,,12.5,", "arr_delay: 12.5 is no whole number"),
        ("a,0,,abc,", "arr_delay: b'abc' is not how a finite number is written"),
        ("a,0,,nan,", "arr_delay: b'nan' is not how a finite number is written"),
        ("a,0,,,", "it holds no label"),
        (",0,,1,", "it names no request and no entity"),
        ("a,-1,,1,", "row: expected a number from 0 on, received '-1'"),
        ("a,0,,1,soon", "labelled_at: expected seconds since 1970, of a time"),
        ("a,0,,1,-5", "labelled_at: expected seconds since 1970"),
        ("a,0,,1,inf", "labelled_at: expected seconds since 1970"),
        ("a,0,,1,1372939200000", "expected seconds since 1970, of a time from 2000 to 2099"),
        ("a,0,,1,946684799", "expected seconds since 1970"),
        ("a,0,,1,2100-01-01", "expected seconds since 1970"),
        ("a,0,,1,20131304", "expected seconds since 1970"),
        (f"a,{'9' * 5000},,1,", "row: expected a number from 0 on"),
        (f"a,0,,{'9' * 5000},", "arr_delay: "),
        (f"a,0,,1,{'9' * 5000}", "labelled_at: expected seconds"),
        ("a,0,1", "expected 5 cells, received 3"),
        ('"a"b,0,,1,', "no CSV"),
        ("a\udcff,0,,1,", "it is not UTF-8"),
    ],
)
def test_a_row_that_says_nothing_is_told_with_its_line(
    tmp_path: Path, line: str, reason: str
) -> None:
    text = f"request_id,row,flight_id,arr_delay,labelled_at\nb,0,,1,\n{line}\nc,0,,2,\n"
    first, bad, last = read_csv(tmp_path, text.encode(errors="surrogateescape"))
    assert [first.known.values, last.known.values] == [(1,), (2,)]
    assert isinstance(bad, Unreadable)
    assert bad.line == 3
    assert reason in bad.reason


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "it is empty"),
        ("request_id,arr_delay\na,1", "its last line does not end"),
    ],
)
def test_a_csv_file_that_ends_too_soon_is_torn(tmp_path: Path, content: str, reason: str) -> None:
    with pytest.raises(TornFileError, match=reason):
        read_csv(tmp_path, content)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("request_id,delay\na,1\n", "there is no 'arr_delay'; its columns are request_id, delay"),
        ("id,arr_delay\na,1\n", "expected request_id or flight_id, by which"),
        ("request_id,arr_delay,arr_delay\na,1,2\n", "each column once"),
        ("\n\n", "no columns"),
    ],
)
def test_a_file_without_what_is_needed_is_unfit(tmp_path: Path, content: str, reason: str) -> None:
    with pytest.raises(UnfitFileError, match=reason):
        read_csv(tmp_path, content)


def test_parquet_says_the_same(tmp_path: Path) -> None:
    moment = datetime.datetime(2013, 7, 4, 12, tzinfo=datetime.UTC)
    found = read_parquet(
        tmp_path,
        request_id=["a", None, "b", "c"],
        row=pa.array([1, None, None, 0], pa.int64()),
        flight_id=[None, "F1", None, None],
        arr_delay=pa.array([1, 2, None, 4], pa.int64()),
        labelled_at=pa.array([moment, None, moment, moment], pa.timestamp("us", tz="UTC")),
        other=[object.__name__] * 4,
    )
    assert found == [
        Label(by_request("a", 1), Known(NOON, (1,))),
        Label(by_entity(["F1"]), Known(5.0, (2,))),
        Unreadable(3, "it holds no label"),
        Label(by_request("c", 0), Known(NOON, (4,))),
    ]


def test_nan_in_parquet_is_no_value_and_whole_floats_are_integers(tmp_path: Path) -> None:
    found = read_parquet(tmp_path, flight_id=["x", "y", "z"], arr_delay=[1.0, float("nan"), 1.5])
    assert found[0].known.values == (1,)
    assert found[1] == Unreadable(2, "it holds no label")
    assert found[2].reason == "arr_delay: 1.5 is no whole number"


def test_whole_numbers_name_entities_as_their_digits_do(tmp_path: Path) -> None:
    wanted = Wanted(("tips",), ("trip",))
    [from_parquet] = read_parquet(tmp_path, wanted, trip=[7], tips=[1.0])
    [from_csv] = read_csv(tmp_path, "trip,tips\n7,1\n", wanted)
    assert from_parquet == from_csv


def test_parquet_that_ends_too_soon_is_torn_and_what_is_none_is_unfit(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    read_parquet(tmp_path, flight_id=["x"], arr_delay=[1])
    whole = path.read_bytes()
    file = DropFile(str(path), 5.0, "name")
    for size in (0, 3, 4, 11, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(TornFileError, match="does not end as Parquet does"):
            read(file, DELAYS)
    for content in (b"request_id,arr_delay\n", b"PAR1" + bytes(8) + b"PAR1"):
        path.write_bytes(content)
        with pytest.raises(UnfitFileError):
            read(file, DELAYS)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=80), whole=st.booleans())
def test_any_bytes_are_rows_or_refused(tmp_path: Path, content: bytes, whole: bool) -> None:
    text = b"request_id,row,flight_id,arr_delay,labelled_at\n" + content + b"\n" * whole
    try:
        found = read_csv(tmp_path, text)
    except LabelFileError:
        return
    assert all(isinstance(row, Label | Unreadable) for row in found)


def test_several_columns_may_come_and_one_may_be_empty(tmp_path: Path) -> None:
    wanted = Wanted(("a", "b"))
    [label] = read_csv(tmp_path, "request_id,a,b\nx,,2\n", wanted)
    assert label.known.values == (None, 2.0)


def test_parquet_with_a_column_twice_is_unfit_and_not_an_end(tmp_path: Path) -> None:
    twice = pa.Table.from_arrays([pa.array([1.0])] * 2, names=["tips", "tips"])
    pq.write_table(twice, tmp_path / "a.parquet")
    with pytest.raises(UnfitFileError):
        read(DropFile(str(tmp_path / "a.parquet"), 5.0, "name"), TIPS)


@pytest.mark.parametrize(
    ("times", "words"),
    [
        # Seconds whose year no calendar has; Arrow counts them from 1970, too.
        (pa.array([NOON, 10**15, None], pa.timestamp("s")), "that cannot be read: "),
        (pa.array([NOON, NOON, None], pa.timestamp("s", tz="Mars/Base")), "Mars/Base"),
    ],
)
def test_a_time_that_nobody_can_read_spoils_its_row_only(
    tmp_path: Path, times: pa.Array, words: str
) -> None:
    found = read_parquet(
        tmp_path, TIPS, request_id=["a", "b", "c"], tips=[1, 2, 3], labelled_at=times
    )
    assert isinstance(found[1], Unreadable)
    assert words in found[1].reason
    assert found[2] == Label(by_request("c", 0), Known(5.0, (3.0,)))


def test_text_that_is_no_utf8_spoils_its_row_only(tmp_path: Path) -> None:
    broken = pa.array([b"\xff", b"a"]).view(pa.string())
    bad, good = read_parquet(tmp_path, TIPS, request_id=broken, tips=[1.0, 2.0])
    assert isinstance(bad, Unreadable)
    assert good == Label(by_request("a", 0), Known(5.0, (2.0,)))


@pytest.mark.parametrize("name", ["request_id", "flight_id", "row", "arr_delay", "labelled_at"])
@pytest.mark.parametrize(
    "cell",
    [10**5000, 10**400, float("inf"), [1], {"a": 1}, datetime.time(1), 1j, b"\xff", "\udcff"],
    ids=lambda cell: type(cell).__name__,
)
def test_no_value_of_any_cell_is_fatal(name: str, cell: Any) -> None:
    cells = {"request_id": "a", "flight_id": "F", "row": 0, "arr_delay": 1, "labelled_at": NOON}
    for wanted in (DELAYS, Wanted(("arr_delay",), ("flight_id",))):
        understand = reader(list(cells), wanted, 5.0)
        for request in ("a", None):
            row = list({**cells, "request_id": request, name: cell}.values())
            assert isinstance(understood(understand, 2, row), Label | Unreadable)


def test_a_stray_quote_spoils_its_row_only(tmp_path: Path) -> None:
    text = 'request_id,arr_delay\na,1\nb,"2\nc,3\n"d,d",4\ne,"5\n"f\nf",6\ng,7\n'
    found = read_csv(tmp_path, text)
    assert [row.line for row in found if isinstance(row, Unreadable)] == [3, 6]
    labels = [row for row in found if isinstance(row, Label)]
    assert [(label.key, label.known.values) for label in labels] == [
        (by_request("a", 0), (1,)),
        (by_request("c", 0), (3,)),
        (by_request("d,d", 0), (4,)),
        (by_request("f\nf", 0), (6,)),
        (by_request("g", 0), (7,)),
    ]
    # The last line ends: whoever wrote the file had come to its end.
    [bad] = read_csv(tmp_path, 'request_id,arr_delay\na,"1\n')
    assert bad == Unreadable(2, "no CSV: unexpected end of data")


def test_values_that_are_no_labels_spoil_their_row_only(tmp_path: Path) -> None:
    found = read_parquet(tmp_path, TIPS, request_id=["a"], tips=[[1.0, 2.0]])
    assert found == [Unreadable(1, "expected a number or a text, received [1.0, 2.0]")]
