import dataclasses
from pathlib import Path

import pytest

from pipelines.runners.local.unchanged import Identity, Witness, difference, files_under

IDENTITY = Identity(config="{}", code={"a.b": "1"}, files={"/data/x.csv": [10, 20]})
WITNESS = Witness(identity=IDENTITY, run_id="taxi-1", last_artifact_id=7, pushed_to="/m/1")


@pytest.mark.parametrize(
    ("changes", "artifact_id", "expected"),
    [
        ({}, 7, ""),
        ({"config": '{"epochs": 2}'}, 7, "the configuration changed"),
        ({"code": {"a.b": "2"}}, 7, "a.b changed"),
        ({"code": {}}, 7, "a.b is gone"),
        ({"code": {"a.b": "1", "c": "1"}}, 7, "c is new"),
        ({"files": {"/data/x.csv": [10, 21]}}, 7, "input /data/x.csv changed"),
        (
            {"files": {"/data/x.csv": [10, 20], "/data/y.csv": [1, 1]}},
            7,
            "input /data/y.csv is new",
        ),
        ({"files": {}}, 7, "input /data/x.csv is gone"),
        ({}, 8, "ML Metadata holds new artifacts of the pipeline"),
    ],
)
def test_names_the_first_difference(changes: dict, artifact_id: int, expected: str) -> None:
    now = dataclasses.replace(IDENTITY, **changes)
    assert difference(WITNESS, now, artifact_id) == expected


def test_a_witness_comes_back_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "state" / "unchanged.json"
    WITNESS.write(path)
    assert Witness.read(path) == WITNESS
    assert [file.name for file in path.parent.iterdir()] == ["unchanged.json"]


@pytest.mark.parametrize("content", [None, "", "{", "[]", "{}", '{"identity": {}}'])
def test_an_unreadable_witness_is_none(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "unchanged.json"
    if content is not None:
        path.write_text(content)
    assert Witness.read(path) is None


def test_files_are_told_by_size_and_time(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a.csv").write_text("abc")
    [(name, (size, time_ns))] = files_under(tmp_path).items()
    assert (name, size) == (str(tmp_path / "deep" / "a.csv"), 3)
    assert time_ns == (tmp_path / "deep" / "a.csv").stat().st_mtime_ns


def test_files_of_spans_are_found_behind_links(tmp_path: Path) -> None:
    data, elsewhere = tmp_path / "data", tmp_path / "elsewhere"
    for folder in (data / "span-1", elsewhere):
        folder.mkdir(parents=True)
        (folder / "a.csv").write_text("x\n1\n")
    (data / "span-2").symlink_to(elsewhere)
    (data / "span-1" / "up").symlink_to(data)  # would never end
    before = files_under(data)
    assert sorted(Path(name).relative_to(data).as_posix() for name in before) == [
        "span-1/a.csv",
        "span-2/a.csv",
    ]
    (elsewhere / "a.csv").write_text("x\n1\n2\n")
    after = files_under(data)
    assert {name for name in after if after[name] != before[name]} == {str(data / "span-2/a.csv")}
