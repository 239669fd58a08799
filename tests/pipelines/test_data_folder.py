"""Data that a pipeline's own function makes in the workspace."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipelines import data_folder
from pipelines.config import PipelineConfig
from pipelines.errors import DataError, RingwayError, UsageError
from pipelines.workspace import Workspace

SOURCE = """
import threading
from pathlib import Path

both = threading.Barrier(2)

def write(folder: Path) -> None:
    (folder / "span-1").mkdir()
    (folder / "span-1" / "a.csv").write_text("x\\n1\\n")

def write_by_renaming(folder: Path) -> None:
    made = folder.with_name("made")
    made.mkdir()
    (made / "a.csv").write_text("x\\n1\\n")
    made.rename(folder)

def write_nothing(folder: Path) -> None:
    pass

def stumble(folder: Path) -> None:
    (folder / "half.csv").write_text("x\\n")
    raise ValueError("the source is dry")

def come_second(folder: Path) -> None:
    write(folder)
    first = folder.parent / "rows"
    first.mkdir()
    (first / "first.csv").write_text("x\\n1\\n")

def write_together(folder: Path) -> None:
    both.wait(60)
    (folder / "a.csv").write_text("x\\n1\\n")
    both.wait(60)
    (folder / "b.csv").write_text("x\\n2\\n")
"""


@pytest.fixture(autouse=True)
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "rows_source.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    sys.modules.pop("rows_source", None)


def config(data_fn: str, data_root: str = "") -> PipelineConfig:
    return PipelineConfig(
        name="rows",
        data_fn=data_fn,
        data_root=data_root,
        schema_path="s",
        label="x",
        preprocessing_fn="a.b",
        run_fn="a.b",
        tuner_fn="a.b",
        eval_config_fn="a.b",
    )


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.from_environment({"RINGWAY_HOME": str(tmp_path / "home")})


def test_the_function_fills_the_folder_of_the_workspace_once(workspace: Workspace) -> None:
    notes: list[str] = []
    asked = config("rows_source.write")
    made = data_folder.resolve(asked, workspace, notes.append)
    folder = workspace.data_root("rows")
    assert made.data_root == str(folder)
    assert (folder / "span-1" / "a.csv").read_text() == "x\n1\n"
    assert sorted(path.name for path in folder.parent.iterdir()) == [".rows.made-by", "rows"]
    (folder / "span-1" / "a.csv").write_text("kept")
    assert data_folder.resolve(asked, workspace, notes.append) == made
    assert (folder / "span-1" / "a.csv").read_text() == "kept"
    assert notes == [f"making the data of rows in {folder}"]


def test_a_function_may_rename_a_folder_of_its_own(workspace: Workspace) -> None:
    made = data_folder.resolve(config("rows_source.write_by_renaming"), workspace)
    assert Path(made.data_root, "a.csv").is_file()


def test_a_folder_that_is_named_is_left_alone(workspace: Workspace) -> None:
    named = config("rows_source.stumble", data_root="/data/rows")
    assert data_folder.resolve(named, workspace) is named
    assert not workspace.root.exists()


@pytest.mark.parametrize(
    ("data_fn", "error", "said"),
    [
        ("rows_source.absent", UsageError, "received 'rows_source.absent'"),
        ("no_such_module.write", UsageError, "received 'no_such_module.write'"),
        ("rows_source.stumble", DataError, "ValueError: the source is dry"),
        ("rows_source.write_nothing", DataError, "expected data files in the folder"),
    ],
)
def test_a_function_that_fails_leaves_nothing(
    workspace: Workspace, data_fn: str, error: type[RingwayError], said: str
) -> None:
    with pytest.raises(error) as caught:
        data_folder.resolve(config(data_fn), workspace)
    assert said in str(caught.value)
    assert "--set data_root=FOLDER" in caught.value.remedy
    assert not list(workspace.root.rglob("*.csv"))
    assert not workspace.data_root("rows").exists()


def test_of_two_at_once_the_first_stays(workspace: Workspace) -> None:
    made = data_folder.resolve(config("rows_source.come_second"), workspace)
    assert [path.name for path in Path(made.data_root).iterdir()] == ["first.csv"]
    assert len(list(workspace.data_root("rows").parent.iterdir())) == 1


def test_a_workspace_that_cannot_be_written_is_named(workspace: Workspace) -> None:
    workspace.root.parent.mkdir(exist_ok=True)
    workspace.root.write_text("a file")
    with pytest.raises(DataError, match="could not fill"):
        data_folder.resolve(config("rows_source.write"), workspace)


def test_two_at_once_do_not_disturb_each_other(workspace: Workspace) -> None:
    asked = config("rows_source.write_together")
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: data_folder.resolve(asked, workspace), range(2))
    assert first == second
    folder = workspace.data_root("rows")
    assert sorted(path.name for path in folder.iterdir()) == ["a.csv", "b.csv"]
    assert sorted(path.name for path in folder.parent.iterdir()) == [".rows.made-by", "rows"]


def test_two_at_once_make_old_data_anew(workspace: Workspace) -> None:
    data_folder.resolve(config("rows_source.write"), workspace)
    test_two_at_once_do_not_disturb_each_other(workspace)


def test_what_a_killed_maker_left_goes_after_a_day(workspace: Workspace) -> None:
    parent = workspace.data_root("rows").parent
    names = [".rows.4711", f".rows.{'0a' * 16}", f".rows.{'1b' * 16}", ".rows.kept", ".row.1"]
    for name in names:
        (parent / name).mkdir(parents=True)
        (parent / name / "half.csv").write_text("x\n")
        aged = time.time() - (3600 if "1b" in name else 2 * 24 * 3600)
        os.utime(parent / name, (aged, aged))
    data_folder.resolve(config("rows_source.write"), workspace)
    left = {path.name for path in parent.iterdir()} - {"rows", ".rows.made-by"}
    assert left == set(names[2:])


def test_changed_code_makes_the_data_anew(workspace: Workspace, tmp_path: Path) -> None:
    notes: list[str] = []
    asked, folder = config("rows_source.write"), workspace.data_root("rows")
    data_folder.resolve(asked, workspace, notes.append, [tmp_path])
    source = tmp_path / "rows_source.py"
    source.write_text(SOURCE.replace("n1", "n77"))
    sys.modules.pop("rows_source")
    for _ in range(2):
        data_folder.resolve(asked, workspace, notes.append, [tmp_path])
    assert (folder / "span-1" / "a.csv").read_text() == "x\n77\n"
    assert notes[1:] == [
        f"making the data of rows in {folder}: rows_source.write or its code has changed"
    ]
    assert sorted(path.name for path in folder.parent.iterdir()) == [".rows.made-by", "rows"]


def test_another_function_makes_the_data_anew(workspace: Workspace) -> None:
    for name, expected in (("write", "span-1"), ("write_by_renaming", "a.csv")):
        made = data_folder.resolve(config(f"rows_source.{name}"), workspace)
        assert [path.name for path in Path(made.data_root).iterdir()] == [expected]


def test_a_function_that_fails_leaves_what_was_there(workspace: Workspace) -> None:
    data_folder.resolve(config("rows_source.write"), workspace)
    with pytest.raises(DataError, match="the source is dry"):
        data_folder.resolve(config("rows_source.stumble"), workspace)
    notes: list[str] = []
    data_folder.resolve(config("rows_source.write"), workspace, notes.append)
    assert not notes
    assert (workspace.data_root("rows") / "span-1" / "a.csv").is_file()


@pytest.mark.parametrize("record", [None, "", "[]", "{}", '{"folder_changed_ns": 1}'])
def test_data_made_by_hand_is_left_alone(workspace: Workspace, record: str | None) -> None:
    folder = workspace.data_root("rows")
    folder.mkdir(parents=True)
    (folder / "mine.csv").write_text("x\n1\n")
    if record is not None:
        folder.with_name(".rows.made-by").write_text(record)
    notes: list[str] = []
    data_folder.resolve(config("rows_source.write"), workspace, notes.append)
    assert [path.name for path in folder.iterdir()] == ["mine.csv"]
    assert notes == [
        f"data folder {folder}: is not as data_fn rows_source.write made it, and is used as it is; "
        "remove it to have it made anew"
    ]


def test_a_span_that_was_added_by_hand_is_kept(workspace: Workspace) -> None:
    folder = Path(data_folder.resolve(config("rows_source.write"), workspace).data_root)
    (folder / "span-2").mkdir()
    os.utime(folder, (1, 1))  # whatever the resolution of the clock
    data_folder.resolve(config("rows_source.write_by_renaming"), workspace)
    assert sorted(path.name for path in folder.iterdir()) == ["span-1", "span-2"]


def test_a_folder_that_was_removed_is_made_again(workspace: Workspace) -> None:
    asked = config("rows_source.write")
    folder = Path(data_folder.resolve(asked, workspace).data_root)
    (folder / "span-1" / "a.csv").unlink()
    (folder / "span-1").rmdir()
    folder.rmdir()
    data_folder.resolve(asked, workspace)
    assert (folder / "span-1" / "a.csv").is_file()


def test_code_that_cannot_be_parsed_is_named(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "rows_source.py").write_text("def write(:")
    with pytest.raises(UsageError, match=r"rows_source\.write: its code cannot be parsed"):
        data_folder.resolve(config("rows_source.write"), workspace, roots=[tmp_path])
