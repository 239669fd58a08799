"""Java programs for tests: what `setup.beam_jars` fetched, started so that it ends with the test.

A test that cannot have them is skipped, with the reason.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from pipelines import stack
from setup import beam_jars
from setup.bootstrap import SetupError

START_SEC = 180
# Nothing here runs for long enough that more would pay.
QUICK_START = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
OPENS = tuple(f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in beam_jars.OPENED)


def skip_without_java() -> None:
    """Skips the test where there is no Java."""
    if shutil.which("java") is None:
        pytest.skip("no java: apt-get install default-jre-headless")


def job_server(engine: str) -> beam_jars.Fetched:
    """Returns the job server of `flink` or `spark`; skips the test where it cannot be had."""
    skip_without_java()
    try:
        return beam_jars.job_server(engine, stack.name(), os.environ)
    except SetupError as error:
        pytest.skip(f"no job server for {engine}: {error}")


def flink(release: str) -> Path:
    """Returns the folder of Flink's jars; skips the test where they cannot be had."""
    try:
        return beam_jars.flink(release, os.environ)
    except SetupError as error:
        pytest.skip(f"no Flink: {error}")


def start_java(arguments: Sequence[str], log: Path, **environment: str) -> subprocess.Popen[bytes]:
    """Starts a Java program whose output goes to a file, and which dies with this process."""
    with log.open("ab") as output:
        return subprocess.Popen(
            # The kernel kills it when this process ends, however that happens.
            ["setpriv", "--pdeathsig", "KILL", "java", *QUICK_START, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment},
        )


def start_job_server(
    server: beam_jars.Fetched, folder: Path, port: int, *arguments: str, heap: str
) -> subprocess.Popen[bytes]:
    """Starts a job server on loopback; `folder` takes its log and what jobs bring along."""
    return start_java(
        [
            f"-Xmx{heap}",
            *OPENS,
            # Its stage of artifacts and its scratch go with the folder.
            f"-Djava.io.tmpdir={folder}",
            "-jar",
            str(server.jar),
            "--job-host=127.0.0.1",
            f"--job-port={port}",
            "--artifact-port=0",
            "--expansion-port=-1",
            f"--artifacts-dir={folder / 'artifacts'}",
            *arguments,
        ],
        folder / "job-server.log",
    )


def stop(*processes: subprocess.Popen[bytes]) -> None:
    """Kills programs; there is nothing in them that a test needs again."""
    for process in processes:
        process.kill()
        process.wait()


def wait_until(
    holds: Callable[[], bool], what: str, log: Path, process: subprocess.Popen[bytes]
) -> None:
    """Waits until something holds; fails the test if the program ends before, or takes too long."""
    give_up = time.monotonic() + START_SEC
    while not holds():
        said = log.read_text(errors="replace")[-2000:] if log.exists() else ""
        assert process.poll() is None, f"{what}: the program ended.\n{said}"
        assert time.monotonic() < give_up, f"{what}: not within {START_SEC} s.\n{said}"
        time.sleep(0.2)


def listens(port: int) -> bool:
    """Tells whether something on loopback takes connections at a port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_ports(count: int) -> list[int]:
    """Returns ports that nothing uses now."""
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports
