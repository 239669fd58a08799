"""README's way from a pushed model to a prediction, word for word save for ports and paths."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from pipelines.workspace import REPOSITORY

START_SEC = 120


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def blocks(language: str) -> list[str]:
    section = (
        (REPOSITORY / "README.md").read_text("utf-8").split("## Serve it")[1].split("\n## ")[0]
    )
    return re.findall(rf"```{language}\n(.*?)```", section, re.DOTALL)


class Served:
    """The taxi model behind `ringway serve`, on free ports."""

    def __init__(self, home: Path) -> None:
        self.grpc, self.rest = free_port(), free_port()
        # A folder in front of the others, so that the programs of this environment are found.
        self.environment = {**os.environ, "RINGWAY_HOME": str(home)}
        self.environment["RINGWAY_SERVER"] = f"127.0.0.1:{self.grpc}"
        command = blocks("")[0].strip()
        assert command == ".venv/bin/ringway serve taxi"
        self.log = (home / "serve.log").open("w+")
        self.process = subprocess.Popen(
            [*ringway(command), "--port", str(self.grpc), "--rest-port", str(self.rest)],
            cwd=REPOSITORY,
            env=self.environment,
            stdout=self.log,
            stderr=subprocess.STDOUT,
        )

    def wait(self) -> None:
        end = time.monotonic() + START_SEC
        while time.monotonic() < end and self.process.poll() is None:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.rest}/readyz") as answer:
                    assert answer.status == 200
                    return
            except OSError:
                time.sleep(0.2)
        self.log.seek(0)
        pytest.fail(f"ringway serve did not start:\n{self.log.read()}")

    def run(self, command: str) -> str:
        line = command.replace("localhost:8501", f"127.0.0.1:{self.rest}")
        line = line.replace(".venv/bin/ringway", f"{sys.executable} -m pipelines.cli.main")
        done = subprocess.run(
            ["bash", "-c", line],
            cwd=REPOSITORY,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


def ringway(command: str) -> list[str]:
    return [sys.executable, "-m", "pipelines.cli.main", *command.split()[1:]]


@pytest.fixture(scope="module")
def served(taxi):
    workspace, _ = taxi
    server = Served(workspace.home)
    try:
        server.wait()
        yield server
    finally:
        server.process.kill()
        server.process.wait()
        server.log.close()


def test_predict_gives_a_probability(served):
    command = blocks("")[1].splitlines()[0]
    assert command == ".venv/bin/ringway predict taxi"
    answer = json.loads(served.run(f"{command} --format json"))
    assert 0 < find_number(answer) < 1
    assert "0." in served.run(command)


def find_number(value):
    """Returns the first fraction in a document."""
    if isinstance(value, float):
        return value
    children = (
        value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    )
    return next((found for child in children if (found := find_number(child)) is not None), None)


def test_status_tells_that_a_version_serves(served):
    assert "AVAILABLE" in served.run(blocks("")[1].splitlines()[1])


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
def test_curl_gives_a_probability(served):
    command = blocks("")[1].split("\n", 2)[2]
    ((probability,),) = json.loads(served.run(command))["predictions"]
    assert 0 < probability < 1


def test_the_official_stubs_give_a_probability(served):
    (code,) = blocks("python")
    done = subprocess.run(
        [sys.executable, "-c", code.replace("localhost:8500", f"127.0.0.1:{served.grpc}")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert 0 < float(done.stdout) < 1


def test_what_was_asked_is_in_the_request_log_after_a_stop(served):
    asked = served.run(".venv/bin/ringway predict taxi --format json")
    assert asked
    assert served.stop() == 0
    folder = Path(served.environment["RINGWAY_HOME"]) / "requests" / "taxi"
    from serving.request_log.reader import LogReader

    records = list(LogReader(folder))
    assert {record.WhichOneof("log_type") for record in records} == {"predict_log"}
    assert all(record.log_metadata.request_id for record in records)
