"""Runs the model server in a process of its own for a short while.

    with ServerProcess(folder, "taxi", module=..., start_timeout_sec=120) as server:
        ...                        # it imports TensorFlow meanwhile
        server.wait_until_ready()
        Client(server.address)

It listens on a Unix socket in a folder that only this user can enter, not on a port: there is none
to find free, to lose to another process before the server has it, or for others to call.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from components.serving_validator.verdict import NotServableError

_POLL_SEC = 0.05
_TAIL_LINES = 40
# The server's reason, or the exception of a trace, comes last.
_CAUSE_LINES = 1
_CAUSE_CHARACTERS = 700
_VERSION = "1"


class ServerProcess:
    """A server of one version of one model.

    It belongs to the process group of whoever starts it, and ends with that.

    Args:
        folder: The version's, with `saved_model.pb`.
        model: The name to serve it under.
        module: Import path of the server's program.
        start_timeout_sec: How long it may take until it answers.
        clock: Returns seconds that only grow.
        sleep: Waits for some seconds.
    """

    def __init__(
        self,
        folder: Path,
        model: str,
        *,
        module: str,
        start_timeout_sec: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._folder = folder
        self._model = model
        self._module = module
        self._start_timeout_sec = start_timeout_sec
        self._clock = clock
        self._sleep = sleep

    def __enter__(self) -> Self:
        # Under /tmp, whatever TMPDIR says: the path of a Unix socket has to be short.
        self._home = tempfile.TemporaryDirectory(prefix="ringway-validator-", dir="/tmp")
        home = Path(self._home.name)
        (home / "models").mkdir()
        (home / "models" / _VERSION).symlink_to(self._folder.absolute())
        self._socket, self._log = home / "grpc.sock", home / "log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command(home / "models"),
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self._deadline = self._clock() + self._start_timeout_sec
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # There is nothing in it to keep; to let it end by itself would only cost time.
        self._process.kill()
        self._process.wait()
        self._home.cleanup()

    @property
    def address(self) -> str:
        """Where it listens, as `serving.client` takes it."""
        return f"unix:{self._socket}"

    def wait_until_ready(self) -> None:
        """Returns once the server listens, which it does when its model is loaded.

        Raises:
            NotServableError: It ended, or did not listen in time.
        """
        while not self._socket.exists():
            status = self._process.poll()
            if status is not None:
                raise NotServableError(
                    "The model server could not start with this model: expected it to listen, "
                    f"but it ended with status {status}. Its last words: {self._last_words()}"
                )
            if self._clock() >= self._deadline:
                raise NotServableError(
                    f"The model server did not start: expected it to listen within "
                    f"{self._start_timeout_sec:g} s. Its last words: {self._last_words()}"
                )
            self._sleep(_POLL_SEC)

    def tail(self) -> str:
        """Returns the last lines of what it printed."""
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(lines[-_TAIL_LINES:])

    def _last_words(self) -> str:
        lines = [line.strip() for line in self.tail().splitlines() if line.strip()]
        return " ".join(lines[-_CAUSE_LINES:])[-_CAUSE_CHARACTERS:] or "none"

    def _command(self, base_path: Path) -> list[str]:
        return [
            sys.executable,
            "-m",
            self._module,
            "--port=0",
            f"--grpc_socket_path={self._socket}",
            f"--model_name={self._model}",
            f"--model_base_path={base_path}",
            "--file_system_poll_wait_seconds=0",
            "--max_num_load_retries=0",
        ]


def _environment() -> dict[str, str]:
    paths = [path or str(Path.cwd()) for path in sys.path]
    return {
        "TF_CPP_MIN_LOG_LEVEL": "2",
        **os.environ,
        "PYTHONPATH": os.pathsep.join(paths),
    }
