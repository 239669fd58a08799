"""The executor on served rows and real drop files: each thing that can become of a label."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import feedback_rows as rows
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from feedback_rows import DAY, START, Joined, join, served, served_artifact

NOON = START + DAY // 2


@pytest.fixture(scope="module")
def joined(tmp_path_factory: pytest.TempPathFactory) -> Joined:
    """Nine rows, and files with one of each thing that can become of a label."""
    root = tmp_path_factory.mktemp("joined")
    folder = root / "drop"
    folder.mkdir()
    asked = [
        served("a", at=NOON, flight_id=b"F1"),
        served("b", at=NOON, flight_id=b"F1"),  # the same flight again
        served("c", at=NOON, row=1, flight_id=b"F2"),
        served("late", at=NOON),
        served("early", at=NOON, flight_id=b"F-early"),
        served("none", at=NOON),
        served("twice", at=NOON),
        served("other", at=NOON),
        served("tie", at=NOON, ringway_model_version=8, ringway_arm=b"candidate"),
    ]
    (folder / "labels-20130705T120000Z-x.csv").write_text(
        "request_id,row,flight_id,arr_delay,labelled_at\n"
        f",,F1,12,{NOON + 60}\n"
        f"c,1,,-3.0,{NOON + 60}\n"
        f"late,0,,5,{NOON + 2 * DAY + 1}\n"
        f"twice,0,,7,{NOON + 60}\n"
        f"twice,,,7,{NOON + 90}\n"
        f"other,0,,1,{NOON + 60}\n"
        f"other,0,,2,2013-07-04T12:02:00Z\n"
        f"tie,0,,1,{NOON + 60}\n"
        f"tie,0,,2,{NOON + 60}\n"
        f"nobody,0,,9,{NOON + 3 * DAY}\n"
        f"neighbour,0,,9,{START + 8 * DAY}\n"
        "broken,0,,abc,\n"
    )
    table = pa.table({"flight_id": ["F-early"], "arr_delay": [4], "labelled_at": [NOON - 61]})
    pq.write_table(table, folder / "old.parquet")
    os.utime(folder / "old.parquet", (NOON, NOON))
    (folder / "torn.csv").write_text("request_id,arr_delay\nnone,4")
    os.utime(folder / "torn.csv", (NOON, NOON))
    (folder / ".half.csv.1.tmp").write_text("request_id,arr_delay\nnone,4\n")
    (folder / "labels-20130820T000000Z-x.csv").write_text("request_id,arr_delay\nnone,4\n")
    return join(root, served_artifact(root / "served", asked), folder)


def test_labels_find_their_rows_by_request_and_by_entity(joined: Joined) -> None:
    assert joined.labels == {
        ("a", 0): [12],
        ("b", 0): [12],
        ("c", 1): [-3],
        ("twice", 0): [7],
        ("other", 0): [2],
    }


def test_everything_is_counted_once(joined: Joined) -> None:
    found = joined.report
    assert found["rows"] == {"served": 9, "matched": 5, "unmatched": 4}
    assert found["unmatched"] == {"no_label": 1, "late": 1, "early": 1, "contradictory": 1}
    assert found["labels"] == {
        "read": 12,
        "used": 10,
        "orphan": 1,
        "other_times": 1,
        "unreadable": 1,
        "late": 1,
        "early": 1,
        "not_yet": 0,
        "duplicate": 1,
        "contradictory": 2,
        "ambiguous": 0,
    }
    assert found["files"] == {
        "read": 2,
        "dated_by_name": 1,
        "dated_by_last_write": 1,
        "torn": 1,
        "unfinished": 1,
        "later": 1,
    }
    assert found["versions"] == {
        "7": {"": {"served": 8, "matched": 5}},
        "8": {"candidate": {"served": 1}},
    }


def test_what_is_amiss_is_named(joined: Joined) -> None:
    examples = joined.report["examples"]
    assert examples["files / torn"] == ["torn.csv: its last line does not end"]
    assert examples["files / unfinished"] == [".half.csv.1.tmp"]
    assert examples["files / later"] == ["labels-20130820T000000Z-x.csv"]
    assert examples["labels / orphan"] == ["0, nobody"]
    assert examples["labels / contradictory"] == [
        "request 'other', row 0",
        "request 'tie', row 0",
    ]
    [unreadable] = examples["labels / unreadable"]
    assert unreadable.startswith("labels-20130705T120000Z-x.csv:13: arr_delay: ")


def test_the_counts_are_properties_of_the_artifact(joined: Joined) -> None:
    names = ("served", "matched", "unmatched", "late", "duplicate", "contradictory", "orphan")
    assert [joined.property(name) for name in names] == [9, 5, 4, 1, 1, 2, 1]
    others = ("unreadable", "early", "not_yet", "ambiguous")
    assert [joined.property(name) for name in others] == [1, 1, 0, 0]
    assert joined.property("window_start_sec") == START
    assert (joined.artifact.span, joined.artifact.split_names) == (27, '["labelled"]')


def test_a_labelled_row_keeps_its_columns(joined: Joined) -> None:
    [row] = [row for row in joined.rows if row["ringway_request_id"] == [b"c"]]
    assert row == {
        "flight_id": [b"F2"],
        "distance": [100.0],
        "arr_delay": [-3],
        "ringway_request_id": [b"c"],
        "ringway_row": [1],
        "ringway_served_at": [NOON],
        "ringway_model_version": [7],
        "ringway_prediction": [0.25],
        "ringway_labelled_at": [NOON + 60],
    }


def many(root: Path, **parameters: Any) -> Joined:
    folder = root / "drop"
    folder.mkdir(parents=True)
    asked = [served(f"id{number}", at=NOON + number % 7) for number in range(200)]
    lines = "".join(f"id{number},{number}\n" for number in range(0, 200, 2))
    path = folder / f"labels-20130705T000000Z-{parameters.pop('token', 'x')}.csv"
    path.write_text("request_id,arr_delay\n" + lines)
    asked = asked[::-1] if parameters.pop("reverse", False) else asked
    return join(root, served_artifact(root / "served", asked), folder, **parameters)


def test_the_same_rows_give_the_same_files(tmp_path: Path) -> None:
    first, second = many(tmp_path / "1"), many(tmp_path / "2", reverse=True)
    names = sorted(path.name for path in (first.folder / "Split-labelled").iterdir())
    assert len(names) == 8
    for name in names:
        one, other = (made.folder / "Split-labelled" / name for made in (first, second))
        assert one.read_bytes() == other.read_bytes()
    assert first.report["rows"] == {"served": 200, "matched": 100, "unmatched": 100}


def test_labels_that_were_delivered_later_are_not_read(tmp_path: Path) -> None:
    found = many(tmp_path, as_of_sec=START + DAY - 1.0)
    assert found.report["rows"]["matched"] == 0
    assert found.report["files"] == {"read": 0, "later": 1}
    assert len(list((found.folder / "Split-labelled").iterdir())) == 8


def test_labels_that_were_known_later_are_not_looked_at(tmp_path: Path) -> None:
    folder = tmp_path / "drop"
    folder.mkdir()
    text = f"request_id,arr_delay,labelled_at\na,1,{NOON + 100}\n"
    (folder / "labels-20130704T120000Z-x.csv").write_text(text)
    artifact = served_artifact(tmp_path / "served", [served("a", at=NOON)])
    found = join(tmp_path, artifact, folder, as_of_sec=NOON + 50.0)
    assert (found.labels, found.report["labels"]["not_yet"]) == ({}, 1)


def test_no_folder_yet_means_no_labels_yet(tmp_path: Path) -> None:
    artifact = served_artifact(tmp_path / "served", [served("a")])
    found = join(tmp_path, artifact, tmp_path / "nowhere")
    assert found.report["rows"] == {"served": 1, "matched": 0, "unmatched": 1}


def test_contradictory_labels_can_all_be_dropped(tmp_path: Path) -> None:
    folder = tmp_path / "drop"
    folder.mkdir()
    text = f"request_id,arr_delay,labelled_at\na,1,{NOON}\na,2,{NOON + 1}\n"
    (folder / "labels-20130704T120000Z-x.csv").write_text(text)
    artifact = served_artifact(tmp_path / "served", [served("a", at=NOON)])
    found = join(tmp_path, artifact, folder, contradictions="drop")
    assert (found.labels, found.report["labels"]["contradictory"]) == ({}, 1)


def test_without_a_schema_labels_are_floats_and_without_identifiers_found_by_request(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "drop"
    folder.mkdir()
    (folder / "labels-20130704T120000Z-x.csv").write_text("request_id,tips\na,2.5\n")
    artifact = served_artifact(tmp_path / "served", [served("a", at=NOON)], start=None)
    found = join(tmp_path, artifact, folder, columns='["tips"]', identifiers="[]")
    assert [row["tips"] for row in found.rows] == [[2.5]]


def test_rows_without_an_id_are_joined_by_entity_alone(tmp_path: Path) -> None:
    folder = tmp_path / "drop"
    folder.mkdir()
    (folder / "labels-20130704T120000Z-x.csv").write_text("flight_id,arr_delay\nF1,2\n")
    same = rows.served("", at=NOON, flight_id=b"F1", ringway_request_id=[b""])
    found = join(tmp_path, served_artifact(tmp_path / "served", [same, same]), folder)
    # Two rows that are the same to the byte are still two.
    assert [row["arr_delay"] for row in found.rows] == [[2], [2]]
    assert found.report["rows"] == {"served": 2, "matched": 2, "unmatched": 0}


def test_an_id_that_several_requests_used_names_none_of_them(tmp_path: Path) -> None:
    folder = tmp_path / "drop"
    folder.mkdir()
    text = "request_id,row,flight_id,arr_delay\npage,,,1\npage,1,,2\n,,F2,3\nshown,,,4\n"
    (folder / "labels-20130704T130000Z-x.csv").write_text(text)
    asked = [
        # A caller gave one id to all that a page asks for.
        served("page", at=NOON, flight_id=b"F1"),
        served("page", at=NOON, flight_id=b"F2"),
        served("page", row=1, at=NOON, flight_id=b"F3"),
        # The same request, seen by both models of a rollout.
        served("shown", at=NOON, flight_id=b"F4", ringway_arm=b"stable"),
        served("shown", at=NOON, flight_id=b"F4", ringway_arm=b"shadow"),
    ]
    found = join(tmp_path, served_artifact(tmp_path / "served", asked), folder)
    assert sorted((row["flight_id"][0], row["arr_delay"][0]) for row in found.rows) == [
        (b"F2", 3),  # by its entity
        (b"F3", 2),
        (b"F4", 4),
        (b"F4", 4),
    ]
    assert found.property("ambiguous") == 1
    assert found.report["unmatched"] == {"ambiguous": 1}
    assert found.report["examples"]["labels / ambiguous"] == ["0, page"]
    assert found.report["labels"]["used"] == 3


def test_cells_that_nobody_can_read_are_counted_and_the_others_joined(tmp_path: Path) -> None:
    folder = tmp_path / "drop"
    folder.mkdir()
    long = "9" * 5000
    text = f"request_id,row,arr_delay\na,{long},1\nb,0,{long}\nc,0,3\n"
    (folder / "labels-20130704T130000Z-x.csv").write_text(text)
    far = pa.array([10**15, None], pa.timestamp("s"))
    table = pa.table({"request_id": ["a", "d"], "arr_delay": [1, 4], "labelled_at": far})
    pq.write_table(table, folder / "labels-20130704T130000Z-y.parquet")
    asked = [served(name, at=NOON) for name in "abcd"]
    found = join(tmp_path, served_artifact(tmp_path / "served", asked), folder)
    assert found.labels == {("c", 0): [3], ("d", 0): [4]}
    assert found.property("unreadable") == 3


@pytest.mark.parametrize(("rate", "group"), [(0.5, "not_logged"), (1.0, "orphan"), (0.0, "orphan")])
def test_what_a_sampled_log_does_not_hold_is_no_orphan(
    tmp_path: Path, rate: float, group: str
) -> None:
    folder = tmp_path / "drop"
    folder.mkdir()
    text = f"request_id,arr_delay,labelled_at\nnobody,1,{NOON + 3 * DAY}\n"
    (folder / "labels-20130704T130000Z-x.csv").write_text(text)
    asked = [served("a", at=NOON, ringway_sampling_rate=rate)]
    found = join(tmp_path, served_artifact(tmp_path / "served", asked), folder)
    assert found.report["labels"][group] == 1
    assert found.property("orphan") == (group == "orphan")
