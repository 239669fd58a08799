from __future__ import annotations

import http.server
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines import machine
from pipelines.doctor import Java
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


@pytest.fixture
def flink() -> Iterator[str]:
    """The address of a server that tells of itself what Flink's REST endpoint does."""

    class Overview(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/overview" else 404)
            self.end_headers()
            self.wfile.write(b'{"taskmanagers": 1, "flink-version": "1.19.3"}')

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Overview)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_engines_are_told_with_their_job_servers_and_clusters(tmp_path: Path, flink: str) -> None:
    jar = tmp_path / "jars" / "beam-runners-flink-1.19-parts-2.62.0" / "job-server.jar"
    jar.parent.mkdir(parents=True)
    jar.touch()
    environment = {"RINGWAY_CACHE": str(tmp_path), "HOME": str(tmp_path)}
    found, spark = machine.engines(environment, flink)
    assert (found.job_server, found.supported, found.cluster) == (jar, "1.19", "1.19.3")
    assert (spark.job_server, spark.cluster) == (None, "")
    assert str(tmp_path / "jars") in spark.fetch


def test_a_cluster_that_is_not_there_is_none(tmp_path: Path) -> None:
    found, _ = machine.engines({"HOME": str(tmp_path)}, "http://127.0.0.1:1")
    assert found.cluster == ""


def test_a_java_that_is_not_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert machine.ask_java() == Java()
    java = tmp_path / "java"
    java.write_text("#!/bin/sh\necho 'openjdk version \"21.0.2\" 2024-01-16' >&2\n")
    java.chmod(0o755)
    (tmp_path / "mvn").write_text("#!/bin/sh\n")
    (tmp_path / "mvn").chmod(0o755)
    assert machine.ask_java() == Java(version="21.0.2", maven=True)
