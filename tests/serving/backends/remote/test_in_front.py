"""`ringway serve --backend` in front of a model server: what it adds, and what it leaves alone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request

import numpy as np
import pytest
import saved_models
from model_server import REPOSITORY, ModelServer, free_port, until

from serving.client import Client, NotFound, Unavailable
from serving.request_log.reader import LogReader

MODEL = "half"


def status_of(url):
    try:
        with urllib.request.urlopen(url, timeout=20) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return None


class Front:
    """A `ringway serve` process without models of its own."""

    def __init__(self, folder, backend):
        self.grpc, self.rest, self.log = free_port(), free_port(), folder / "log"
        command = ["serve", MODEL, "--backend", backend, "--request-log", str(self.log)]
        ports = ["--port", str(self.grpc), "--rest-port", str(self.rest)]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "pipelines.cli.main", *command, *ports],
            cwd=REPOSITORY,
            env={**os.environ, "RINGWAY_HOME": str(folder / "home")},
        )
        self.url = f"http://127.0.0.1:{self.rest}"

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


@pytest.fixture(scope="module")
def behind(tmp_path_factory):
    folder = tmp_path_factory.mktemp("behind")
    saved_models.half_plus_two(folder / "models" / "7")
    base = folder / "models"
    with ModelServer(folder, f"--model_name={MODEL}", f"--model_base_path={base}") as server:
        yield server


@pytest.fixture(scope="module")
def front(behind, tmp_path_factory):
    folder = tmp_path_factory.mktemp("front")
    server = Front(folder, f"grpc://localhost:{behind.grpc_port}")
    try:
        until(lambda: status_of(f"{server.url}/readyz") == 200)
        yield server
    finally:
        server.process.kill()
        server.process.wait()


def test_predictions_come_from_behind_and_the_request_id_comes_back(front):
    with Client(f"127.0.0.1:{front.grpc}") as client:
        answer = client.predict(MODEL, {"x": np.array([2.0], np.float32)}, request_id="order-1")
    assert answer.outputs["y"].tolist() == [3.0]
    assert (answer.version, answer.request_id) == (7, "order-1")


def test_rest_is_read_with_the_signature_from_behind(front):
    body = json.dumps({"instances": [2.0, 4.0]}).encode()
    with urllib.request.urlopen(f"{front.url}/v1/models/{MODEL}:predict", body) as answer:
        assert json.load(answer) == {"predictions": [3.0, 4.0]}


def test_errors_keep_the_text_from_behind(front):
    with (
        Client(f"127.0.0.1:{front.grpc}") as client,
        pytest.raises(NotFound, match="Could not find any versions of model other"),
    ):
        client.status("other")


def test_without_the_server_behind_it_is_not_ready_but_alive(front, behind):
    behind.stop()
    until(lambda: status_of(f"{front.url}/readyz") == 503)
    assert status_of(f"{front.url}/healthz") == 200
    with (
        Client(f"127.0.0.1:{front.grpc}") as client,
        pytest.raises(Unavailable, match="does not answer"),
    ):
        client.status(MODEL, timeout_sec=20)


def test_what_was_answered_is_in_the_log(front):
    assert front.stop() == 0
    records = list(LogReader(front.log))
    ids = [record.log_metadata.request_id for record in records]
    assert "order-1" in ids
    assert {record.log_metadata.model_spec.version.value for record in records} == {7}
    assert len(records) == 2
