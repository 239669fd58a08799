"""Data that a pipeline's own function makes in the workspace."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines import data_folder
from pipelines.config import PipelineConfig
from pipelines.errors import DataError, RingwayError, UsageError
from pipelines.workspace import Workspace

SOURCE = """
from pathlib import Path

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
    assert [path.name for path in folder.parent.iterdir()] == ["rows"]
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
