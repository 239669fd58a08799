from __future__ import annotations

import os
from pathlib import Path

import pytest

from components.feedback_join.drop_folder import NAME, WRITTEN, fingerprint, listed, write

NOON = 1_372_939_200  # 2013-07-04T12:00:00Z


def names(folder: Path, **bounds: float) -> list[str]:
    return [file.name for file in listed(folder, **bounds).files]


def test_what_is_written_is_found_under_its_time(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    path = write(folder, b"a\n", now_sec=NOON + 0.9, token="x1", suffix=".csv")
    assert path == folder / "labels-20130704T120000Z-x1.csv"
    [file] = listed(folder).files
    assert (file.path, file.delivered_sec, file.dated_by) == (str(path), NOON, NAME)
    assert path.read_bytes() == b"a\n"
    assert [found.name for found in folder.iterdir()] == [path.name]


def test_a_delivery_that_is_tried_again_is_there_once(tmp_path: Path) -> None:
    for content in (b"a\n", b"b\n"):
        path = write(tmp_path, content, now_sec=NOON, token="x", suffix=".csv")
    assert names(tmp_path) == [path.name]
    assert path.read_bytes() == b"b\n"


@pytest.mark.parametrize(("token", "suffix"), [("", ".csv"), ("a-b", ".csv"), ("a", ".txt")])
def test_names_that_would_not_be_found_are_refused(tmp_path: Path, token: str, suffix: str) -> None:
    with pytest.raises(ValueError, match="expected a token"):
        write(tmp_path, b"", now_sec=NOON, token=token, suffix=suffix)


def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "labels-20130704T120000Z-x.csv").mkdir()
    with pytest.raises(OSError, match="directory"):
        write(tmp_path, b"a", now_sec=NOON, token="x", suffix=".csv")
    assert len(list(tmp_path.iterdir())) == 1


def test_files_are_told_apart_by_their_names(tmp_path: Path) -> None:
    given = [".hidden.csv", "a.csv.tmp", "b.parquet.part", "notes.txt", "z.csv", "a.parquet"]
    for name in given:
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "folder.csv").mkdir()
    found = listed(tmp_path)
    assert [file.name for file in found.files] == ["a.parquet", "z.csv"]
    assert found.unfinished == (".hidden.csv", "a.csv.tmp", "b.parquet.part")
    assert found.foreign == ("notes.txt",)


def test_a_name_without_a_time_is_dated_by_the_last_write(tmp_path: Path) -> None:
    for name in ("a.csv", "labels-20139904T120000Z-x.csv"):  # no such month
        (tmp_path / name).write_bytes(b"x")
        os.utime(tmp_path / name, (NOON, NOON))
    assert [(file.delivered_sec, file.dated_by) for file in listed(tmp_path).files] == [
        (NOON, WRITTEN),
        (NOON, WRITTEN),
    ]


def test_deliveries_are_chosen_by_time(tmp_path: Path) -> None:
    for name in ("labels-20130703T120000Z-x.csv", "labels-20130704T120000Z-x.csv"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "undated.csv").write_bytes(b"x")
    os.utime(tmp_path / "undated.csv", (0, 0))
    # What a file without a time in its name holds cannot be told from when it was written.
    assert names(tmp_path, since_sec=NOON) == ["labels-20130704T120000Z-x.csv", "undated.csv"]
    assert listed(tmp_path, since_sec=NOON).earlier == 1
    before = listed(tmp_path, until_sec=NOON - 1)
    assert [file.name for file in before.files] == ["labels-20130703T120000Z-x.csv", "undated.csv"]
    assert before.later == ("labels-20130704T120000Z-x.csv",)


def test_a_fingerprint_changes_with_what_is_read(tmp_path: Path) -> None:
    empty = fingerprint(tmp_path / "missing")
    path = write(tmp_path, b"a", now_sec=NOON, token="x", suffix=".csv")
    one = fingerprint(tmp_path)
    assert empty != one == fingerprint(tmp_path, until_sec=NOON)
    (tmp_path / ".half.csv.tmp").write_bytes(b"x")
    assert fingerprint(tmp_path) == one
    assert fingerprint(tmp_path, until_sec=NOON - 1) == empty
    path.write_bytes(b"ab")
    assert fingerprint(tmp_path) != one
