"""Soaks a model server: many callers, new versions all the time, and a log whose disk fills up.

Half-way through, the disk of the request log, a small file system in memory, is filled to the last
byte. No request may fail or be answered by another version than the answer says; what the log drops
must be counted; and what it wrote must be readable. Version N of the model computes x + N.

    python -m benchmarks.soak --callers 64 --seconds 60 --version-every 5

Mounting takes root; without it the disk is left out, and the report says so. Ends with status 1
where anything was wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import contextlib
import dataclasses
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc.aio

from serving.request_log import LogReader
from serving.wire.messages import PredictRequest, PredictResponse

REPOSITORY = Path(__file__).resolve().parent.parent
MODEL = "soaked"
PREDICT = "/tensorflow.serving.PredictionService/Predict"
METRICS = "/monitoring/prometheus/metrics"
DISK_MIB = 64
CALLERS_PER_CHANNEL = 16
CALL_TIMEOUT_SEC = 30.0
START_TIMEOUT_SEC = 120.0
SETTLE_TIMEOUT_SEC = 60.0
OUTCOMES = ("written", "dropped_queue", "dropped_disk", "failed")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """How hard to soak.

    Attributes:
        callers: That wait for an answer before they ask again.
        seconds: How long.
        version_every_sec: Between two new versions of the model.
    """

    callers: int = 64
    seconds: float = 60.0
    version_every_sec: float = 5.0

    @property
    def versions(self) -> int:
        """How many versions there are in all."""
        return 1 + int(self.seconds / self.version_every_sec)


@dataclasses.dataclass
class Report:
    """What came of it.

    Attributes:
        failures: What callers were told, and how often.
        wrong: Answers that were not x + N for the version N that they name.
        answered: Answers by version.
        disk_filled: Whether there was a disk to fill.
        log: What the server's metrics say became of records, by outcome.
        logged: Records read back.
        damaged: Records and shards that could not be read.
        exit_code: Of the server, after SIGTERM.
    """

    failures: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    wrong: int = 0
    answered: collections.Counter[int] = dataclasses.field(default_factory=collections.Counter)
    disk_filled: bool = False
    log: dict[str, int] = dataclasses.field(default_factory=dict)
    logged: int = 0
    damaged: int = 0
    exit_code: int | None = None

    def problems(self, plan: Plan) -> list[str]:
        """Returns what should not have been, in words."""
        total = sum(self.answered.values())
        checks = {
            f"requests failed: {dict(self.failures)}": bool(self.failures),
            f"{self.wrong} answers were wrong": bool(self.wrong),
            "there were no answers": not total,
            f"only versions {sorted(self.answered)} of {plan.versions} answered": (
                len(self.answered) < plan.versions
            ),
            f"{total} requests, but the log counted {self.log}": sum(self.log.values()) != total,
            "a full disk dropped nothing": self.disk_filled and not self.log.get("dropped_disk"),
            f"{self.log.get('dropped_disk')} records were dropped on a disk with room": (
                not self.disk_filled and bool(self.log.get("dropped_disk"))
            ),
            f"{self.damaged} records or shards are damaged": bool(self.damaged),
            f"{self.logged} records were read, {self.log.get('written')} written": (
                self.logged != self.log.get("written")
            ),
            f"the server ended with status {self.exit_code}": self.exit_code != 0,
        }
        return [text for text, wrong in checks.items() if wrong]


def soak(plan: Plan, folder: Path) -> Report:
    """Runs a server in a folder, and everything that is done to it."""
    report = Report()
    build(folder / "versions", plan.versions)
    base = folder / MODEL
    base.mkdir()
    push(folder / "versions", base, 1)
    with small_disk(folder / "log") as report.disk_filled:
        with server(folder, report) as (port, rest_port):
            asyncio.run(_soak(plan, folder, port, report))
            report.log = settled(rest_port, sum(report.answered.values()))
        reader = LogReader(folder / "log")
        report.logged = sum(1 for _ in reader)
        counts = reader.counts
        report.damaged = counts.corrupt + counts.torn + counts.unreadable
    return report


def build(folder: Path, count: int) -> None:
    """Writes versions 1 to `count` of the model."""
    import tensorflow as tf

    for number in range(1, count + 1):
        module = tf.Module()
        module.number = tf.Variable(float(number))
        spec = tf.TensorSpec([None], tf.float32, name="x")
        module.serve = tf.function(_adding(module.number), input_signature=[spec])
        tf.saved_model.save(module, str(folder / str(number)), signatures=module.serve)


def _adding(number: Any) -> Callable[[Any], Any]:
    return lambda x: {"y": x + number}


def push(versions: Path, base: Path, number: int) -> None:
    """Has a version appear in the base path, whole."""
    (versions / str(number)).rename(base / str(number))


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[bool]:
    """Makes a folder on a file system of its own; yields whether that was possible."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "ringway-soak", str(folder)]
    mounted = (
        shutil.which("mount") is not None
        and not subprocess.run(mount, capture_output=True, check=False).returncode
    )
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextlib.contextmanager
def server(folder: Path, report: Report) -> Iterator[tuple[int, int]]:
    """Runs a server; yields its ports when they are open, and notes how it ends."""
    port, rest_port = _free_port(), _free_port()
    flags = {
        "port": port,
        "rest_api_port": rest_port,
        "model_name": MODEL,
        "model_base_path": folder / MODEL,
        "request_log": folder / "log" / "requests",
        "prometheus_metrics": "true",
    }
    command = [sys.executable, "-m", "serving.server.program"]
    command += [f"--{name}={value}" for name, value in flags.items()]
    with (folder / "server.log").open("wb") as output:
        process = subprocess.Popen(command, cwd=REPOSITORY, stdout=output, stderr=output)
    try:
        _wait_open(rest_port, process)
        yield port, rest_port
        process.send_signal(signal.SIGTERM)
        report.exit_code = process.wait(SETTLE_TIMEOUT_SEC)
    finally:
        process.kill()
        process.wait()


def _free_port() -> int:
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_open(port: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + START_TIMEOUT_SEC
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        time.sleep(0.1)
    raise SystemExit("the server did not start; see server.log in its folder")


async def _soak(plan: Plan, folder: Path, port: int, report: Report) -> None:
    end = time.monotonic() + plan.seconds
    async with contextlib.AsyncExitStack() as stack:
        calls = []
        for _ in range(0, plan.callers, CALLERS_PER_CHANNEL):
            options = [("grpc.use_local_subchannel_pool", 1)]  # a connection of its own
            channel = grpc.aio.insecure_channel(f"localhost:{port}", options)
            calls.append((await stack.enter_async_context(channel)).unary_unary(PREDICT))
        await asyncio.gather(
            _push_versions(plan, folder),
            _fill(plan, folder / "log", report),
            *(_call(calls[i % len(calls)], i, end, report) for i in range(plan.callers)),
        )


async def _push_versions(plan: Plan, folder: Path) -> None:
    for number in range(2, plan.versions + 1):
        # The last comes early enough to be found, loaded and used.
        await asyncio.sleep(plan.version_every_sec * (1 - 1 / plan.versions))
        push(folder / "versions", folder / MODEL, number)


async def _fill(plan: Plan, folder: Path, report: Report) -> None:
    if report.disk_filled:
        await asyncio.sleep(plan.seconds / 2)
        await asyncio.to_thread(_fill_up, folder / "filler")


def _fill_up(file: Path) -> None:
    with contextlib.suppress(OSError), file.open("wb", buffering=0) as filler:
        for size in (1 << 20, 1 << 12, 1):
            with contextlib.suppress(OSError):
                while filler.write(bytes(size)) == size:
                    pass


async def _call(call: Any, number: int, end: float, report: Report) -> None:
    x = float(number)
    request = PredictRequest(model_spec={"name": MODEL})
    request.inputs["x"].dtype = 1
    request.inputs["x"].tensor_shape.dim.add(size=1)
    request.inputs["x"].float_val.append(x)
    body = request.SerializeToString()
    while time.monotonic() < end:
        try:
            answer = PredictResponse.FromString(await call(body, timeout=CALL_TIMEOUT_SEC))
        except grpc.aio.AioRpcError as error:
            report.failures[f"{error.code().name}: {error.details()}"] += 1
            continue
        version = answer.model_spec.version.value
        report.answered[version] += 1
        report.wrong += list(answer.outputs["y"].float_val) != [x + version]


def settled(rest_port: int, total: int) -> dict[str, int]:
    """Returns what became of records, by outcome, once that is known of all of them."""
    end = time.monotonic() + SETTLE_TIMEOUT_SEC
    while True:
        with urllib.request.urlopen(f"http://127.0.0.1:{rest_port}{METRICS}", timeout=30) as page:
            text = page.read().decode()
        found = {name: _value(text, name) for name in OUTCOMES}
        if sum(found.values()) == total or time.monotonic() > end:
            return found
        time.sleep(0.2)


def _value(metrics: str, outcome: str) -> int:
    pattern = rf'request_log_records\{{[^}}]*outcome="{outcome}"[^}}]*\}} (\S+)'
    found = re.search(pattern, metrics)
    return int(float(found[1])) if found else 0


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--callers", type=int, default=64, help="at a time [64]")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long [60]")
    parser.add_argument("--version-every", type=float, default=5.0, help="seconds between two [5]")
    given = parser.parse_args()
    plan = Plan(callers=given.callers, seconds=given.seconds, version_every_sec=given.version_every)
    with tempfile.TemporaryDirectory() as temporary:
        report = soak(plan, Path(temporary))
    total = sum(report.answered.values())
    print(
        f"{total} requests of {plan.callers} callers in {plan.seconds:g} s "
        f"({total / plan.seconds:.0f}/s), {sum(report.failures.values())} failed, "
        f"{len(report.answered)} versions answered\n"
        f"request log: {report.log}, {report.logged} read back, {report.damaged} damaged; its disk "
        f"was {'filled half-way through' if report.disk_filled else 'left alone (no mount here)'}"
    )
    problems = report.problems(plan)
    sys.exit("\n".join(problems) if problems else 0)


if __name__ == "__main__":
    main()
