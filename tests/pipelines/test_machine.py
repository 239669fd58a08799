from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pipelines import machine
from pipelines.lineage.store import open_store
from pipelines.workspace import Workspace


def test_an_absent_store_is_told_from_a_broken_and_from_a_working_one(tmp_path: Path) -> None:
    path = tmp_path / "metadata.sqlite"
    url = f"sqlite:///{path}"
    assert machine.ask_metadata(url).absent
    assert not path.exists()

    open_store(url).get_context_types()
    assert machine.ask_metadata(url).reachable

    path.write_text("no database")
    broken = machine.ask_metadata(url)
    assert not broken.reachable
    assert not broken.absent
    assert broken.error


def test_a_wrong_url_is_told_with_its_remedy() -> None:
    answer = machine.ask_metadata("oracle://u:secret@db/x")
    assert "oracle" in answer.error
    assert "secret" not in answer.url + answer.error
    assert answer.remedy


def test_tensorflow_that_does_not_answer_in_time_is_an_error() -> None:
    devices = machine.ask_tensorflow(timeout_sec=0.01)
    assert devices.names == ()
    assert devices.error == "no answer within 0.01 s"


def test_tensorflow_that_cannot_be_imported_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tensorflow.py").write_text("raise ImportError('libstdc++ is too old')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert machine.ask_tensorflow(timeout_sec=60).error == "ImportError: libstdc++ is too old"


def test_a_process_that_crashes_is_named_by_its_signal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crash = "import os, signal\nos.kill(os.getpid(), signal.SIGILL)"
    (tmp_path / "tensorflow.py").write_text(crash)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert machine.ask_tensorflow(timeout_sec=60).error == "it was ended by SIGILL"


def test_missing_packages_and_missing_locks_are_no_error() -> None:
    assert machine.installed_versions(["no-such-package"]) == {"no-such-package": None}
    assert machine.locked_versions("tfx-0.1") == {}
    assert machine.locked_versions(None) == {}


def test_installed_packages_are_those_that_the_lock_lists() -> None:
    locked = machine.locked_versions(machine.installed_stack())
    installed = machine.installed_versions(machine.PACKAGES)
    assert installed == {name: locked[name] for name in machine.PACKAGES}


def test_memory_and_the_closest_folder_are_told(tmp_path: Path) -> None:
    limit, free = machine.memory_bytes()
    assert 0 < free <= limit
    assert machine.nearest_existing(tmp_path / "a" / "b") == tmp_path


def test_the_light_part_of_the_command_line_does_not_import_tensorflow() -> None:
    import subprocess

    code = "import sys, pipelines.cli.doctor; print({'tensorflow', 'tfx'} & set(sys.modules))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "set()"


def test_a_snapshot_makes_nothing(tmp_path: Path) -> None:
    root = tmp_path / "root"
    workspace = Workspace(root=root, metadata_url=f"sqlite:///{root}/metadata.sqlite")
    snapshot = machine.take_snapshot(workspace, devices_timeout_sec=0.01)
    assert snapshot.root_writable
    assert snapshot.metadata.absent
    assert not root.exists()
