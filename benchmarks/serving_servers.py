"""Starts servers as processes and measures them, with a look at whether their answers are right.

Before and after each measurement a real client asks, and its answer has to be that of the model
called in its own process. In between, Ringway's own counters have to tell of as many good answers
as the load got, and of nothing else. Over gRPC, every answer has to be as long as the right one:
an error in a stream has no message.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import grpc
import numpy as np

from benchmarks import serving_load, serving_requests
from benchmarks.serving_load import BenchmarkError, Load, Measured
from serving.wire import messages, tensors

REPOSITORY = Path(__file__).resolve().parent.parent
_START_SEC = 90.0
_CALL_SEC = 30.0
_CLOSE = 1e-4  # of a probability; what merging requests may change is far less
_COUNT = re.compile(
    r"^:tensorflow:serving:(request_count|request_log_count)\{(.*)\} (\S+)$", re.MULTILINE
)
_LABEL = re.compile(r'(\w+)="([^"]*)"')

# Number of answers by metric, status and version.
Counts = Counter[tuple[str, str, str]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Peer:
    """A server that does not count.

    Attributes:
        port: Where it listens.
        expected: The right answer to a request with one example.
    """

    port: int
    expected: float

    def check(self, load: Load) -> int:
        """Asks once, as the load does, and checks the answer."""
        return check_rest(load, self.expected) if load.http1 else check_grpc(load, self.expected)

    def counts(self) -> Counts | None:
        """Returns None."""
        return None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ringway(Peer):
    """Ringway's model server.

    Attributes:
        port: Of gRPC.
        rest_port: Of REST and of the metrics.
        base: Folder of the model, with a folder per version.
    """

    rest_port: int
    base: Path

    def counts(self) -> Counts | None:
        """Returns how many requests it has answered and logged, by status and version."""
        counts: Counts = Counter()
        for metric, labels, value in _COUNT.findall(self._get("/monitoring/prometheus/metrics")):
            label = dict(_LABEL.findall(labels))
            counts[metric, label["status"], label.get("version", "")] += int(float(value))
        return counts

    def versions(self) -> set[int]:
        """Returns the versions that answer."""
        states = json.loads(self._get(serving_requests.REST_PATH))["model_version_status"]
        return {int(each["version"]) for each in states if each["state"] == "AVAILABLE"}

    def add_version(self) -> None:
        """Adds a version that is newer by one and otherwise the same."""
        newest = max((int(each.name), each) for each in self.base.iterdir())
        # Under its number only once it is whole, as a model is pushed.
        made = shutil.copytree(newest[1], self.base.with_name("unfinished"))
        made.rename(self.base / str(newest[0] + 1))

    def _get(self, path: str) -> str:
        return _read(f"http://127.0.0.1:{self.rest_port}{path}")


def measure(
    server: Peer, load: Load, seconds: float, *, halfway: Callable[[], None] | None = None
) -> tuple[Measured, Counts]:
    """Warms a server up, measures it for some seconds, and checks it.

    Args:
        server: The one that the load is for.
        load: What to send.
        seconds: How long to send it, about.
        halfway: Called in a thread when half of that has passed.

    Returns:
        The measurement, and what the server counted meanwhile.

    Raises:
        BenchmarkError: An answer was missing or wrong, or the server counted otherwise.
    """
    size = server.check(load)
    requests = serving_load.requests_for(load, seconds)
    before = server.counts()
    with _later(seconds / 2, halfway):
        measured = serving_load.measure(load, requests, seconds)
    after = server.counts()
    server.check(load)
    if size and measured.data_bytes != size * requests:
        raise BenchmarkError(
            f"{load.url}: {requests} answers of {size} bytes were expected; received "
            f"{measured.data_bytes} bytes. Some are errors in spite of HTTP's status 200."
        )
    counted = Counter(after or {})
    counted.subtract(before or {})
    if after is not None:
        check_counts(counted, requests)
    return measured, counted


@contextlib.contextmanager
def _later(seconds: float, call: Callable[[], None] | None) -> Iterator[None]:
    timer = threading.Timer(seconds, call or (lambda: None))
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()


def check_counts(counted: Mapping[tuple[str, str, str], int], requests: int) -> None:
    """Raises BenchmarkError unless a server counted so many requests as good, and none as bad."""
    good = {name: n for name, n in counted.items() if name[1] == "OK"}
    bad = {name: n for name, n in counted.items() if name[1] != "OK" and n}
    answered = sum(n for name, n in good.items() if name[0] == "request_count")
    if bad or answered != requests:
        raise BenchmarkError(
            f"The server was expected to count {requests} requests as OK and no other; it counted "
            f"{answered} as OK, and {bad or 'no other'}."
        )


def check_grpc(load: Load, expected: float) -> int:
    """Sends a load's request by gRPC, checks every number of the answer, and returns its size."""
    address = load.url.removeprefix("http://").partition("/")[0]
    with grpc.insecure_channel(address) as channel:
        predict: Any = channel.unary_unary(serving_requests.PREDICT)
        try:
            answer = predict(load.body.read_bytes()[5:], timeout=_CALL_SEC)
        except grpc.RpcError as error:
            raise BenchmarkError(f"{load.url} answered with an error: {error}") from error
    (output,) = messages.PredictResponse.FromString(answer).outputs.values()
    _check(load, tensors.to_array(output), expected)
    return len(answer) + 5


def check_rest(load: Load, expected: float) -> int:
    """Sends a load's request by REST, checks the answer, and returns 0: digits may vary."""
    answer = json.loads(_read(load.url, load.body.read_bytes()))
    _check(load, np.array(answer["predictions"]), expected)
    return 0


def _check(load: Load, numbers: np.ndarray, expected: float) -> None:
    if not numbers.size or not np.allclose(numbers, expected, atol=_CLOSE):
        raise BenchmarkError(f"{load.url}: {expected} was expected; received {numbers.tolist()}.")


def _read(url: str, body: bytes | None = None) -> str:
    request = urllib.request.Request(url, body, {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=_CALL_SEC) as answer:
            text: str = answer.read().decode()
            return text
    except OSError as error:
        raise BenchmarkError(f"{url} was asked, and failed: {error}") from error


@contextlib.contextmanager
def process(arguments: list[str], log: Path, **options: Any) -> Iterator[subprocess.Popen[str]]:
    """Runs Python with some arguments in the repository's folder, and ends it afterwards."""
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "TF_CPP_MIN_LOG_LEVEL": "2"}
    with log.open("a") as stderr:
        running = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=REPOSITORY,
            env=environment,
            stderr=stderr,
            text=True,
            **{"stdout": stderr, **options},
        )
    try:
        yield running
    finally:
        running.terminate()
        try:
            running.wait(_CALL_SEC)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()


def await_ready(running: subprocess.Popen[str], log: Path, answers: Callable[[], object]) -> None:
    """Waits until a server answers as it should.

    Raises:
        BenchmarkError: It ended, or takes too long.
    """
    until = time.monotonic() + _START_SEC
    while True:
        try:
            answers()
            return
        except BenchmarkError as error:
            if running.poll() is not None or time.monotonic() > until:
                raise BenchmarkError(
                    f"A server did not start ({error}). It said:\n{tail(log)}"
                ) from error
        time.sleep(0.2)


def tail(log: Path) -> str:
    """Returns the end of a log."""
    return log.read_text(encoding="utf-8", errors="replace")[-2000:]
