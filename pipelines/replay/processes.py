"""The two processes that a replay is held against: the model server and the loop.

Both are started as a user would start them, in the replay's own workspace and on its clock. One
that has ended is started again; SIGKILL takes it at any moment.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from pipelines.errors import RingwayError
from pipelines.workspace import REPOSITORY

SERVER, WATCHER = "server", "watch"
_STOP_SEC = 20.0
_POLL_SEC = 0.05


@dataclasses.dataclass
class Process:
    """A command that is kept running.

    Attributes:
        name: What it is called in messages.
        arguments: Of `ringway`.
        environment: Of the process.
        log: What it says is appended to this file.
        starts: How often it was started.
        kills: How often `kill` ended it.
        gone_at: When it was found gone, killed or not, on the machine's clock.
    """

    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    starts: int = 0
    kills: int = 0
    gone_at: list[float] = dataclasses.field(default_factory=list)
    _running: subprocess.Popen[bytes] | None = None
    # A killer has its own thread.
    _lock: threading.RLock = dataclasses.field(default_factory=threading.RLock)

    @property
    def pid(self) -> int:
        """Of the process that runs; 0 without one."""
        return self._running.pid if self._running else 0

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._running is not None and self._running.poll() is None

    def ensure(self) -> bool:
        """Starts it where it does not run; returns whether it did so."""
        with self._lock:
            if self.alive:
                return False
            if self._running is not None:
                self.gone_at.append(time.time())
            self._start()
            return True

    def kill(self) -> None:
        """Ends it without a warning, and starts it again at once."""
        with self._lock:
            if self._running is not None:
                self._running.send_signal(signal.SIGKILL)
                self._running.wait()
                self.gone_at.append(time.time())
                self.kills += 1
            self._start()

    def stop(self) -> None:
        """Asks it to end, and ends it where it does not."""
        with self._lock:
            process, self._running = self._running, None
            if process is None or process.poll() is not None:
                return
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(_STOP_SEC)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _start(self) -> None:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as out:
            self._running = subprocess.Popen(
                [sys.executable, "-m", "pipelines.cli.main", *self.arguments],
                cwd=REPOSITORY,
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        self.starts += 1


def environment(home: Path, clock: Path) -> dict[str, str]:
    """Returns the environment of processes in a workspace of their own, on a simulated clock."""
    inherited = dict(os.environ)
    inherited.pop("RINGWAY_METADATA_URL", None)
    return {
        **inherited,
        "RINGWAY_HOME": str(home),
        "RINGWAY_CLOCK": str(clock),
        "CUDA_VISIBLE_DEVICES": "-1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }


def ringway(
    arguments: Sequence[str], environment: Mapping[str, str], log: Path, *, module: str = ""
) -> str:
    """Runs a command to its end and returns what it wrote to standard output.

    Args:
        arguments: Of `ringway`, or of another module.
        environment: Of the process.
        log: What it writes to standard error is appended to this file.
        module: The other module.

    Raises:
        RingwayError: It ended with another exit code than 0.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", module or "pipelines.cli.main", *arguments]
    with log.open("ab") as errors:
        done = subprocess.run(
            command,
            cwd=REPOSITORY,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            check=False,
        )
    text = done.stdout.decode(errors="replace")
    if done.returncode:
        with log.open("a", encoding="utf-8") as out:
            out.write(text)
        raise RingwayError(
            f"{' '.join([module or 'ringway', *arguments])} ended with exit code {done.returncode}",
            remedy=f"What it said stands in {log}",
        )
    return text


def free_port() -> int:
    """Returns a port of this machine that nobody listens on."""
    with contextlib.closing(socket.socket()) as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def await_port(port: int, process: Process, timeout_sec: float) -> None:
    """Returns once a process listens.

    Raises:
        RingwayError: It does not in time.
    """
    end = time.monotonic() + timeout_sec
    while time.monotonic() < end:
        process.ensure()
        with contextlib.closing(socket.socket()) as one:
            one.settimeout(1.0)
            if one.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(_POLL_SEC)
    raise RingwayError(
        f"the {process.name} did not listen on port {port} within {timeout_sec:g} s",
        remedy=f"What it said stands in {process.log}",
    )
