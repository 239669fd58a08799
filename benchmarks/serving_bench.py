"""What the rows of `benchmarks/serving.py` measure with: servers, requests, the model in process.

The model's newest version is copied for each server of Ringway's, for a row adds versions beside
it. Measuring and checking is for `benchmarks.serving_servers`.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any

from benchmarks.serving_load import BenchmarkError
from benchmarks.serving_requests import MODEL, Bodies
from benchmarks.serving_servers import Peer, Ringway, await_ready, process, tail

_PEERS = "benchmarks.serving_peers"


class InProcess:
    """The signature, called in a process of its own by `benchmarks.serving_peers.in_process`.

    Args:
        running: That process.
        log: File with what it says on its standard error.
    """

    def __init__(self, running: subprocess.Popen[str], log: Path) -> None:
        self._running = running
        self._log = log

    def measure(self, examples: int, seconds: float) -> dict[str, Any]:
        """Has it called for some seconds, and returns what that module says.

        Raises:
            BenchmarkError: It cannot be called.
        """
        tasks, answers = self._running.stdin, self._running.stdout
        assert tasks is not None
        assert answers is not None
        # A process that has ended is noticed by what it does not answer.
        with contextlib.suppress(BrokenPipeError):
            tasks.write(json.dumps({"examples": examples, "seconds": seconds}) + "\n")
            tasks.flush()
        line = answers.readline()
        if not line:
            raise BenchmarkError(
                f"The model cannot be called. Its process said:\n{tail(self._log)}"
            )
        measured: dict[str, Any] = json.loads(line)
        return measured


class Bench:
    """A model, requests for it, and the servers started so far.

    Args:
        model: Folder of a model, with a folder per version.
        folder: For what is made here.
        stack: Ends the process that calls the model.

    Attributes:
        bodies: The requests.
        in_process: The model without a server.

    Raises:
        BenchmarkError: There is no version, or it cannot be called.
    """

    def __init__(self, model: Path, folder: Path, stack: contextlib.ExitStack) -> None:
        self.bodies = Bodies(folder)
        self._folder = folder
        self._source = newest_version(model)
        self._logs = 0
        log = self._log("in_process")
        command = ["-m", f"{_PEERS}.in_process", str(self._source), str(self.bodies.example())]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self.in_process = InProcess(stack.enter_context(process(command, log, **pipes)), log)
        ((self._expected, *_),) = self.in_process.measure(1, 0.1)["outputs"]

    def ringway(self, stack: contextlib.ExitStack, *flags: str) -> Ringway:
        """Starts Ringway's server, with its own copy of the model, and waits until it answers."""
        log = self._log("ringway")
        base = log.with_suffix("") / MODEL
        shutil.copytree(self._source, base / self._source.name)
        server = Ringway(
            port=_free_port(), rest_port=_free_port(), expected=self._expected, base=base
        )
        command = [
            *("-m", "serving.server.program", "--host=127.0.0.1", "--prometheus_metrics"),
            *(f"--port={server.port}", f"--rest_api_port={server.rest_port}"),
            *(f"--model_name={MODEL}", f"--model_base_path={base}", *flags),
        ]
        running = stack.enter_context(process(command, log))
        await_ready(running, log, lambda: server.check(self.bodies.grpc(server.port, 1, 1)))
        return server

    def peer(self, stack: contextlib.ExitStack, module: str, *, rest: bool = False) -> Peer:
        """Starts a server of `benchmarks.serving_peers`, and waits until it answers."""
        log = self._log(module)
        port = _free_port()
        server = Peer(port=port, expected=self._expected)
        load = self.bodies.rest(port, 1) if rest else self.bodies.grpc(port, 1, 1)
        command = ["-m", f"{_PEERS}.{module}", str(self._source), str(port)]
        running = stack.enter_context(process(command, log))
        await_ready(running, log, lambda: server.check(load))
        return server

    def new_folder(self, name: str) -> Path:
        """Returns a folder that nothing else uses."""
        folder = self._log(name).with_suffix("")
        folder.mkdir()
        return folder

    def _log(self, name: str) -> Path:
        self._logs += 1
        return self._folder / f"{self._logs}-{name}.log"


def newest_version(model: Path) -> Path:
    """Returns the folder of a model's newest version.

    Raises:
        BenchmarkError: There is none.
    """
    versions = [each for each in model.glob("*") if each.name.isdigit()]
    if not versions:
        raise BenchmarkError(
            f"{model} is expected to have a folder per version, named by its number; there is "
            "none. Make a model by `ringway run taxi`, or name another by --model."
        )
    return max(versions, key=lambda each: int(each.name))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
