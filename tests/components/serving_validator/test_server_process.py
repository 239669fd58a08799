import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from components.serving_validator.server_process import ServerProcess
from components.serving_validator.verdict import NotServableError


def server(folder: Path, model: str, **choices: float) -> ServerProcess:
    timeout = choices.get("start_timeout_sec", 60.0)
    return ServerProcess(folder, model, module="validator_server", start_timeout_sec=timeout)


def children() -> set[int]:
    return {child.pid for child in psutil.Process().children(recursive=True)}


def test_a_server_that_ends_is_told_with_its_last_words(tmp_path: Path) -> None:
    with (
        server(tmp_path, "crash") as process,
        pytest.raises(NotServableError, match=r"ended with status 255\. .*no such op: Frobnicate"),
    ):
        process.wait_until_ready()


def test_a_server_that_does_not_listen_in_time_is_told_and_killed(tmp_path: Path) -> None:
    before = children()
    with server(tmp_path, "hang", start_timeout_sec=2) as process:
        with pytest.raises(NotServableError, match=r"expected it to listen within 2 s"):
            process.wait_until_ready()
        assert process.tail() in ("", "loading and loading")  # a busy machine starts slowly
        home = Path(process.address.removeprefix("unix:")).parent
        assert home.is_dir()
    assert children() == before
    assert not home.exists()


STARTER = """
import sys, time
from pathlib import Path
from components.serving_validator.server_process import ServerProcess
with ServerProcess(Path(sys.argv[1]), "hang", module="validator_server", start_timeout_sec=60):
    print("started", flush=True)
    time.sleep(600)
"""


def socket_path(process: psutil.Process) -> str:
    # A process that has just been started has no arguments for a moment.
    for _ in range(600):
        for text in process.cmdline():
            if "grpc_socket_path" in text:
                return text
        time.sleep(0.1)
    raise AssertionError(process.cmdline())


def test_the_server_ends_with_the_process_group_of_its_starter(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, "-c", STARTER, str(tmp_path)],
        env=environment,
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as starter:
        try:
            assert starter.stdout is not None
            assert starter.stdout.readline() == b"started\n"
            [server_process] = psutil.Process(starter.pid).children()
            path = socket_path(server_process)
        finally:
            os.killpg(starter.pid, signal.SIGKILL)
        starter.wait()
    assert psutil.wait_procs([server_process], timeout=60)[1] == []
    shutil.rmtree(Path(path.partition("=")[2]).parent)  # whoever is killed leaves its folder


def test_nobody_else_can_enter_the_servers_folder(tmp_path: Path) -> None:
    with server(tmp_path, "hang") as process:
        home = Path(process.address.removeprefix("unix:")).parent
        assert home.stat().st_mode & 0o777 == 0o700
        assert (home / "models" / "1").resolve() == tmp_path.resolve()
