"""Labels that are handed in: all or none by `deliver`, what can be read by `checked` and `drop`."""

from __future__ import annotations

import csv
import dataclasses
import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.feedback_join import label_rows
from components.feedback_join.drop_folder import DropFile, listed
from components.feedback_join.label_rows import Wanted
from pipelines.errors import DataError
from pipelines.feedback import labels
from pipelines.flights.config import CONFIG as FLIGHTS
from pipelines.taxi.config import CONFIG as TAXI

NOON = 1_372_939_200.0  # 2013-07-04T12:00:00Z
WANTED = labels.wanted_of(FLIGHTS)


def test_what_is_wanted_follows_from_the_configuration() -> None:
    assert WANTED.columns == ("arr_delay",)
    assert WANTED.identifiers == ("flight_id",)
    assert WANTED.kind("arr_delay") == "int64_list"
    feedback = dataclasses.replace(TAXI.feedback, columns=("tips", "rating"))
    wanted = labels.wanted_of(dataclasses.replace(TAXI, feedback=feedback))
    assert (wanted.columns, wanted.identifiers) == (("tips", "rating"), ())
    assert (wanted.kind("tips"), wanted.kind("rating")) == ("float_list", "float_list")


def delivered(folder: Path) -> list[label_rows.Label | label_rows.Unreadable]:
    [file] = listed(folder).files
    return label_rows.read(file, WANTED)


def test_rows_are_delivered_as_they_were_given(tmp_path: Path) -> None:
    rows = [
        {"flight_id": "F1", "arr_delay": 12, "labelled_at": NOON - 60.5},
        {"flight_id": "F2", "arr_delay": -3},
    ]
    path = labels.deliver(tmp_path / "drop", rows, wanted=WANTED, now_sec=NOON, token="a1")
    assert path.name == "labels-20130704T120000Z-a1.csv"
    first, second = delivered(tmp_path / "drop")
    assert isinstance(first, label_rows.Label)
    assert isinstance(second, label_rows.Label)
    assert (first.known.labelled_sec, first.known.values) == (NOON - 60.5, (12,))
    assert (second.known.labelled_sec, second.known.values) == (NOON, (-3,))
    again = labels.deliver(tmp_path / "drop", rows, wanted=WANTED, now_sec=NOON, token="a1")
    assert again == path
    assert len(listed(tmp_path / "drop").files) == 1


def test_a_parquet_file_is_delivered_with_what_is_needed_of_it(tmp_path: Path) -> None:
    moment = datetime.datetime(2013, 7, 4, 11)  # noqa: DTZ001 (as many tables hold it)
    table = {
        "note": ["x", "y"],
        "flight_id": ["F,1", 'F"2'],
        "arr_delay": [12.0, -3.0],
        "labelled_at": [moment, None],
    }
    pq.write_table(pa.table(table), tmp_path / "a.parquet")
    drop = tmp_path / "drop"
    path = labels.deliver(drop, tmp_path / "a.parquet", wanted=WANTED, now_sec=NOON, token="a1")
    assert path.read_text().splitlines() == [
        "flight_id,arr_delay,labelled_at",
        '"F,1",12,2013-07-04T11:00:00+00:00',
        '"F""2",-3,',
    ]
    first, _ = delivered(drop)
    assert isinstance(first, label_rows.Label)
    assert first.known.labelled_sec == NOON - 3600


def test_one_row_that_cannot_be_read_keeps_all_out(tmp_path: Path) -> None:
    rows = [{"flight_id": f"F{n}", "arr_delay": "late"} for n in range(7)]
    rows[0]["arr_delay"] = "1"
    with pytest.raises(DataError, match=r"line 3: arr_delay: .*; and 1 more"):
        labels.deliver(tmp_path / "drop", rows, wanted=WANTED, now_sec=NOON, token="a")
    assert not (tmp_path / "drop").exists()


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([], "expected the columns arr_delay"),
        ([{"flight_id": "F"}], "there is no 'arr_delay'"),
        ([{"id": "F", "arr_delay": 1}], "expected request_id or flight_id"),
        ([{"flight_id": "F", "arr_delay": 1, "labelled_at": NOON + 1}], "a time that is over"),
    ],
)
def test_rows_that_make_no_labels_are_refused(
    tmp_path: Path, rows: list[dict[str, object]], words: str
) -> None:
    with pytest.raises(DataError, match=words):
        labels.deliver(tmp_path, rows, wanted=WANTED, now_sec=NOON, token="a")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.txt", "x", "a name that ends with .csv or .parquet"),
        ("a.csv", "flight_id,arr_delay\nF,1", "its last line does not end"),
        ("a.csv", "flight_id,arr_delay\n", "at least one row"),
        ("missing.csv", None, "missing.csv"),
    ],
)
def test_files_that_cannot_be_used_are_refused_by_name(
    tmp_path: Path, name: str, content: str | None, words: str
) -> None:
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(DataError, match=words):
        labels.deliver(tmp_path / "drop", tmp_path / name, wanted=WANTED, now_sec=NOON, token="a")


def test_labels_that_do_not_say_it_can_be_dated_together() -> None:
    rows = [
        {"flight_id": "F1", "arr_delay": 1, "labelled_at": "2013-07-04T11:00:00Z"},
        {"flight_id": "F2", "arr_delay": 2},
    ]
    found = labels.checked(rows, WANTED, now_sec=NOON, labelled_at_sec=NOON - 5)
    assert [cells[-1] for cells in found.accepted] == ["2013-07-04T11:00:00Z", str(NOON - 5)]
    found = labels.checked(rows[1:], WANTED, now_sec=NOON, labelled_at_sec=NOON - 5)
    assert found.header == ("flight_id", "arr_delay", "labelled_at")
    found = labels.checked(rows[1:], WANTED, now_sec=NOON, labelled_at_sec=NOON + 5)
    assert len(found.refused) == 1


MOMENT = datetime.datetime(2013, 7, 4, 11, 0, 0, 123_456, datetime.UTC)
INT, FLOAT, TEXT = "int64_list", "float_list", "bytes_list"


@pytest.mark.parametrize("is_parquet", [True, False], ids=["parquet", "csv"])
@pytest.mark.parametrize(
    ("kind", "values", "key"),
    [
        (INT, [12, -3], b"e7"),
        (INT, [12.0, -3.0], b"e7"),
        (INT, [True, False], b"e7"),
        (FLOAT, [0.1, 1e-30], b"e7"),
        (FLOAT, [1e30, -0.0], b"e7"),
        (FLOAT, [2**53 + 1, 3], b"e7"),
        (FLOAT, [True, False], b"e7"),
        (TEXT, ["late, very", 'so "late"\nor so'], b"e7"),
        (TEXT, [True, False], b"e7"),
        (TEXT, [7, 8], b"e7"),
    ],
)
@pytest.mark.parametrize("identifier", [7, 7.0, "7"])
def test_what_is_accepted_reads_back_as_the_same(
    tmp_path: Path,
    kind: str,
    values: list[object],
    key: bytes,
    identifier: object,
    is_parquet: bool,
) -> None:
    if not is_parquet and kind != TEXT and isinstance(values[0], bool):
        pytest.skip("True is no number in CSV, and is refused")
    wanted = Wanted(("outcome",), ("trip",), {"outcome": kind})
    rows = {
        "trip": [identifier, identifier],
        "outcome": values,
        "labelled_at": [MOMENT, None] if is_parquet else [MOMENT.isoformat(), ""],
    }
    table = pa.table(rows)
    given = tmp_path / ("a.parquet" if is_parquet else "a.csv")
    if is_parquet:
        pq.write_table(table, given)
    else:
        lines = [list(rows), *zip(*rows.values(), strict=True)]
        with given.open("w", newline="") as text:
            csv.writer(text).writerows(lines)
    if not is_parquet and identifier == 7.0 and isinstance(identifier, float):
        key = b"e7.0"  # CSV has texts only
    before = label_rows.read(DropFile(str(given), NOON, "name"), wanted)
    labels.deliver(tmp_path / "drop", given, wanted=wanted, now_sec=NOON, token="a")
    [file] = listed(tmp_path / "drop").files
    after = label_rows.read(file, wanted)
    assert after == before
    assert {label.key for label in after} == {key}  # type: ignore[union-attr]


@pytest.mark.parametrize("row", [1, 1.0])
def test_a_row_of_a_request_reads_back_as_the_same(tmp_path: Path, row: object) -> None:
    given = [{"request_id": "a", "row": row, "arr_delay": 5}]
    labels.deliver(tmp_path, given, wanted=WANTED, now_sec=NOON, token="a")
    [label] = delivered(tmp_path)
    assert isinstance(label, label_rows.Label)
    assert label.key == b"r1\0a"


def test_what_csv_cannot_hold_is_refused(tmp_path: Path) -> None:
    wanted = Wanted(("outcome",), ("trip",), {"outcome": TEXT})
    rows = [{"trip": "F", "outcome": b"\xff"}, {"trip": "G", "outcome": b"x"}]
    found = labels.checked(rows, wanted, now_sec=NOON)
    assert [row.line for row in found.refused] == [2]
    assert "cannot be written as CSV" in found.refused[0].reason
    assert found.accepted == (["G", "x"],)


def test_cells_that_nobody_can_read_do_no_harm_to_others(tmp_path: Path) -> None:
    far = pa.array([10**15, None], pa.timestamp("s"))
    table = pa.table({"flight_id": ["F1", "F2"], "arr_delay": [1, 2], "labelled_at": far})
    pq.write_table(table, tmp_path / "a.parquet")
    found = labels.checked(tmp_path / "a.parquet", WANTED, now_sec=NOON)
    assert [row.line for row in found.refused] == [1]
    assert found.accepted == (["F2", "2", ""],)
    said = labels.status(tmp_path, WANTED)
    assert (said.files, said.labels, said.unreadable) == (1, 1, 1)


def test_nothing_is_written_where_nothing_was_accepted(tmp_path: Path) -> None:
    found = labels.checked([{"flight_id": "F", "arr_delay": "x"}], WANTED, now_sec=NOON)
    assert labels.drop(tmp_path / "drop", found, now_sec=NOON, token="a") is None
    assert not (tmp_path / "drop").exists()


def test_a_folder_that_takes_no_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "drop").write_text("no folder")
    rows = [{"flight_id": "F", "arr_delay": 1}]
    with pytest.raises(DataError, match="could not be written"):
        labels.deliver(tmp_path / "drop", rows, wanted=WANTED, now_sec=NOON, token="a")


def test_bytes_that_are_no_utf8_in_other_columns_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"note,flight_id,arr_delay\n\xff,F,1\n")
    written = labels.deliver(tmp_path / "drop", path, wanted=WANTED, now_sec=NOON, token="a")
    assert written.read_bytes() == b"flight_id,arr_delay\nF,1\n"


def test_the_folder_is_summed_up(tmp_path: Path) -> None:
    assert labels.status(tmp_path / "none", WANTED) == labels.Status()
    rows = [{"flight_id": "F1", "arr_delay": 12, "labelled_at": NOON - 60}]
    labels.deliver(tmp_path, rows, wanted=WANTED, now_sec=NOON, token="a")
    (tmp_path / "labels-20130704T120000Z-b.csv").write_text("flight_id,arr_delay\nF,1\nF,x\n")
    (tmp_path / "torn.csv").write_text("flight_id,arr_delay\nF,1")
    (tmp_path / "unfit.csv").write_text("a,b\n1,2\n")
    (tmp_path / ".c.csv.tmp").write_text("")
    assert labels.status(tmp_path, WANTED) == labels.Status(
        files=2,
        labels=2,
        unreadable=1,
        unfinished=(".c.csv.tmp",),
        torn=("torn.csv: its last line does not end",),
        unfit=(
            "unfit.csv: expected the columns arr_delay; there is no 'arr_delay'; its columns are "
            "a, b",
        ),
        first_sec=NOON - 60,
        last_sec=NOON,
    )
