"""What is checked before a root file system is made, and what is put in; all without network."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from setup import stack_root
from setup.bootstrap import SetupError

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def work_tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "work-tree"
    (folder / "pipelines").mkdir(parents=True)
    (folder / ".gitignore").write_text(".venv/\n*.pyc\n")
    (folder / "pipelines" / "new.py").write_text("new = 1\n")
    (folder / "pipelines" / "new.pyc").write_text("cached")
    (folder / ".venv").mkdir()
    (folder / ".venv" / "pyvenv.cfg").write_text("host")
    (folder / "link").symlink_to("pipelines/new.py")
    subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
    monkeypatch.setattr(stack_root, "REPOSITORY", folder)
    return folder


@pytest.mark.parametrize("arguments", [[], ["tfx-0.1"]])
def test_an_unknown_stack_is_refused_in_one_line(arguments: list[str]) -> None:
    command = [sys.executable, str(REPOSITORY / "setup" / "stack_root.py"), *arguments]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    assert told.returncode == 2
    received = arguments[0] if arguments else "none"
    expected = f"set-up: the stacks are tfx-1.21 and tfx-1.16; received {received}.\n"
    assert (told.stdout, told.stderr) == ("", expected)


def test_copies_what_git_does_not_ignore_and_makes_it_a_work_tree(
    work_tree: Path, tmp_path: Path
) -> None:
    root = tmp_path / "root"
    stack_root.copy_work_tree(root)
    inside = root / stack_root.WORK
    listed = stack_root.run_git(inside, "ls-files").split()
    assert listed == [".gitignore", "link", "pipelines/new.py"]
    assert (inside / "link").is_symlink()
    assert not (inside / ".venv").exists()
    assert not (inside / "pipelines" / "new.pyc").exists()


def test_a_second_copy_drops_what_is_gone_and_keeps_the_virtual_environment(
    work_tree: Path, tmp_path: Path
) -> None:
    root = tmp_path / "root"
    stack_root.copy_work_tree(root)
    inside = root / stack_root.WORK
    (inside / ".venv").mkdir()
    (inside / ".venv" / "pyvenv.cfg").write_text("inside")
    (work_tree / "pipelines" / "new.py").unlink()
    (work_tree / "added").touch()
    stack_root.copy_work_tree(root)
    assert not (inside / "pipelines").exists()
    assert (inside / "added").exists()
    assert (inside / ".venv" / "pyvenv.cfg").read_text() == "inside"


def test_inside_only_the_way_to_an_index_is_known_from_outside() -> None:
    inside = stack_root.inner_environment({"PATH": "/odd", "PIP_CERT": "/ca", "RINGWAY_HOME": "/x"})
    assert inside["PIP_CERT"] == "/ca"
    assert "/odd" not in inside["PATH"]
    assert "RINGWAY_HOME" not in inside


def test_beams_jars_are_seen_inside(tmp_path: Path) -> None:
    outside = {"RINGWAY_CACHE": str(tmp_path)}
    assert stack_root.inner_environment(outside)["RINGWAY_BIND"] == ""
    (tmp_path / "jars").mkdir()
    inside = stack_root.inner_environment(outside)
    assert inside["RINGWAY_BIND"] == str(tmp_path / "jars")
    assert inside["RINGWAY_CACHE"] == str(tmp_path)


def test_a_failed_git_is_told(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SetupError, match=r"git ls-files failed in .*; see above"):
        stack_root.run_git(tmp_path / "missing", "ls-files")
    assert "missing" in capfd.readouterr().err
