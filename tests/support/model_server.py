"""A started `ringway-model-server`: free ports, stubs of the official package, REST, its output."""

from __future__ import annotations

import contextlib
import dataclasses
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import grpc
import pytest
from tensorflow_serving.apis import model_service_pb2_grpc, prediction_service_pb2_grpc

REPOSITORY = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-m", "serving.server.program"]
PATIENCE_SEC = 90.0


def free_port() -> int:
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def until(holds: Callable[[], Any], patience_sec: float = PATIENCE_SEC, told: str = "") -> Any:
    """Returns what a condition returns once that is true."""
    end = time.monotonic() + patience_sec
    while not (found := holds()):
        assert time.monotonic() < end, f"it did not happen in {patience_sec} s. {told}"
        time.sleep(0.05)
    return found


def ended(*flags: str, patience_sec: float = PATIENCE_SEC) -> subprocess.CompletedProcess[str]:
    """Runs a server that is to end by itself."""
    return subprocess.run(
        [*COMMAND, *flags],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=patience_sec,
        check=False,
    )


@dataclasses.dataclass(frozen=True)
class HttpAnswer:
    """What came back over HTTP."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> str:
        """The text of an error's answer, which has nothing else."""
        document = self.json
        assert list(document) == ["error"]
        text: str = document["error"]
        return text


class ModelServer:
    """A server process; entered, it is up and answers.

    Attributes:
        grpc_port: Where gRPC is served.
        rest_port: Where REST is served.
        channel: A plain channel to it.
        prediction: The official stub of PredictionService on that channel.
        models: The official stub of ModelService.
    """

    def __init__(
        self,
        folder: Path,
        *flags: str,
        credentials: Any = None,
        grpc_port: int | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.grpc_port, self.rest_port = grpc_port or free_port(), free_port()
        self._output = folder / "stdout.txt", folder / "stderr.txt"
        ports = [f"--port={self.grpc_port}", f"--rest_api_port={self.rest_port}"]
        with self._output[0].open("wb") as stdout, self._output[1].open("wb") as stderr:
            self.process = subprocess.Popen(
                [*COMMAND, *ports, *flags],
                cwd=REPOSITORY,
                env={**os.environ, **(environment or {})},
                stdout=stdout,
                stderr=stderr,
            )
        target = f"localhost:{self.grpc_port}"
        self.channel = (
            grpc.insecure_channel(target)
            if credentials is None
            else grpc.secure_channel(target, credentials)
        )
        self.prediction = prediction_service_pb2_grpc.PredictionServiceStub(self.channel)
        self.models = model_service_pb2_grpc.ModelServiceStub(self.channel)

    def __enter__(self) -> ModelServer:
        try:
            self.wait_ready()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.channel.close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    @property
    def stdout(self) -> str:
        return self._output[0].read_text("utf-8", "replace")

    @property
    def stderr(self) -> str:
        return self._output[1].read_text("utf-8", "replace")

    def wait_ready(self) -> None:
        """Returns when both ports are open."""
        until(lambda: self.process.poll() is not None or self._listens())
        if self.process.returncode is not None:
            raise AssertionError(
                f"the server ended with {self.process.returncode}\n{self.stdout}\n{self.stderr}"
            )

    def _listens(self) -> bool:
        return is_open(self.grpc_port) and is_open(self.rest_port)

    def assert_alive(self) -> None:
        """Fails, with what the server said, where it does not answer."""
        assert self.process.poll() is None, self.stderr[-4000:]
        assert self.ask("GET", "/healthz").status == 200

    def stop(self, sent: signal.Signals = signal.SIGTERM) -> int:
        """Asks the server to stop; returns its exit status."""
        self.process.send_signal(sent)
        return self.process.wait(PATIENCE_SEC)

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> HttpAnswer:
        """Sends one HTTP request; a body that is not bytes or text is sent as JSON."""
        sent = body if body is None or isinstance(body, bytes | str) else json.dumps(body)
        connection = http.client.HTTPConnection("127.0.0.1", self.rest_port, timeout=PATIENCE_SEC)
        with contextlib.closing(connection):
            connection.request(method, path, sent, dict(headers or {}))
            response = connection.getresponse()
            fields = {name.lower(): value for name, value in response.getheaders()}
            return HttpAnswer(response.status, fields, response.read())

    def raw(self, method: str, body: bytes, timeout_sec: float = 30.0) -> bytes:
        """Sends bytes to a gRPC method, `/package.Service/Method`."""
        call = self.channel.unary_unary(
            method, request_serializer=lambda data: data, response_deserializer=lambda data: data
        )
        answer: bytes = call(body, timeout=timeout_sec)
        return answer


def is_open(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


@contextlib.contextmanager
def refused(code: grpc.StatusCode, text: str = "") -> Iterator[pytest.ExceptionInfo[grpc.RpcError]]:
    """Expects a gRPC call to fail with a code, and a message that holds a text."""
    with pytest.raises(grpc.RpcError) as caught:
        yield caught
    error = caught.value
    assert error.code() is code, f"{error.code()}: {error.details()}"
    assert text in (error.details() or ""), error.details()
