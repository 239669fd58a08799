"""Load by h2load, which is a process of its own and drives far more than any server here.

A measurement has a fixed number of requests, so that a server's own count can be compared with it.
Callers end at different times then; the rate is therefore that of the time in which all of them
were waiting for an answer, and the percentiles are those of all requests.

What is sent is for `benchmarks.serving_requests`; whether answers are right is for
`benchmarks.serving_servers`, for HTTP's status 200 says nothing about gRPC's.
"""

from __future__ import annotations

import dataclasses
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

H2LOAD = "h2load"
_WARM_UP_SEC = 0.5
_LAST_TOO_LONG = 4.0  # times the expected duration, and then some: the server hangs
_PATIENCE_SEC = 60.0

_REQUESTS = re.compile(r"^requests: (\d+) total, .* (\d+) succeeded, .*$", re.MULTILINE)
_OK = re.compile(r"^status codes: (\d+) 2xx", re.MULTILINE)
_DATA = re.compile(r"^traffic: .*\((\d+)\) data$", re.MULTILINE)
_SECONDS = re.compile(r"^finished in ([\d.]+)(us|ms|s|m)?,", re.MULTILINE)
_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, None: 1.0}


class BenchmarkError(Exception):
    """A measurement that does not count, and why."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Load:
    """What is sent, where to, and by how many.

    Attributes:
        url: Where to.
        body: File with the body of every request.
        headers: As `name: value`.
        callers: Connections, each with one request at a time.
        http1: Whether it is HTTP/1.1, not HTTP/2 without TLS.
    """

    url: str
    body: Path
    headers: tuple[str, ...]
    callers: int
    http1: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class Measured:
    """What came of it.

    Attributes:
        requests: All of them, each answered with status 200.
        per_second: Rate while every caller was waiting.
        p50_ms: Time to the end of the answer that half of the requests took at most.
        p99_ms: The same for 99 %.
        data_bytes: Size of all answers' bodies.
    """

    requests: int
    per_second: float
    p50_ms: float
    p99_ms: float
    data_bytes: int


def check_installed() -> None:
    """Raises BenchmarkError unless there is an h2load."""
    if shutil.which(H2LOAD) is None:
        raise BenchmarkError(
            "h2load was not found; it makes the load. Debian has it in nghttp2-client: "
            "sudo apt install nghttp2-client"
        )


def requests_for(load: Load, seconds: float) -> int:
    """Warms a server up and returns how many requests it answers in some seconds, about.

    Raises:
        BenchmarkError: Some failed.
    """
    count = 8 * load.callers
    while True:
        took = _seconds(_h2load(load, count, _PATIENCE_SEC))
        if took >= _WARM_UP_SEC:
            each = max(round(count / took * seconds / load.callers), 8)
            return each * load.callers
        count *= 4


def measure(load: Load, requests: int, seconds: float) -> Measured:
    """Sends requests and returns how they fared.

    Args:
        load: What to send.
        requests: How many.
        seconds: How long that is expected to take.

    Raises:
        BenchmarkError: Some failed, or it takes several times as long.
    """
    patience = _PATIENCE_SEC + _LAST_TOO_LONG * seconds
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "requests.tsv"
        said = _h2load(load, requests, patience, f"--log-file={log}")
        started, _, took = np.loadtxt(log, dtype=np.int64, delimiter="\t", unpack=True, ndmin=2)
    return Measured(
        requests=requests,
        per_second=steady_rate(started, took, load.callers),
        p50_ms=float(np.percentile(took, 50)) / 1e3,
        p99_ms=float(np.percentile(took, 99)) / 1e3,
        data_bytes=_number(_DATA, said),
    )


def steady_rate(started: np.ndarray, took: np.ndarray, callers: int) -> float:
    """Returns answers per second in the time in which every caller was waiting.

    That is from the first moment with as many requests under way as there are callers until the
    last; all the time where there is no such moment.

    Args:
        started: When each request began, in microseconds.
        took: How long it took, in microseconds.
        callers: How many there are.
    """
    ended = started + took
    times = np.concatenate([ended, started])
    steps = np.repeat([-1, 1], len(started))
    order = np.lexsort((steps, times))  # an end before the start that follows it at once
    full = np.flatnonzero(np.cumsum(steps[order]) >= callers)
    first, last = started.min(), ended.max()
    if len(full) and times[order][full[0]] < times[order][full[-1]]:
        first, last = times[order][full[0]], times[order][full[-1]]
    answers = np.count_nonzero((ended > first) & (ended <= last))
    return float(answers / (last - first) * 1e6)


def _h2load(load: Load, requests: int, patience_sec: float, *more: str) -> str:
    command = [
        H2LOAD,
        *(f"--requests={requests}", f"--clients={load.callers}", f"--data={load.body}"),
        *(f"--header={header}" for header in load.headers),
        *(["--h1"] if load.http1 else []),
        *more,
        load.url,
    ]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=patience_sec, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise BenchmarkError(
            f"{load.url} left requests without an answer for {patience_sec:.0f} s."
        ) from error
    if done.returncode:
        raise BenchmarkError(f"{' '.join(command)} failed: {done.stderr.strip()}")
    check_answered(done.stdout, requests)
    return done.stdout


def check_answered(said: str, requests: int) -> None:
    """Raises BenchmarkError unless h2load says that every request was answered with status 2xx."""
    found = _REQUESTS.search(said)
    succeeded = int(found.group(2)) if found else 0
    if min(succeeded, _number(_OK, said)) != requests:
        raise BenchmarkError(f"Of {requests} requests, some were not answered:\n{said}")


def _number(pattern: re.Pattern[str], said: str) -> int:
    found = pattern.search(said)
    if found is None:
        raise BenchmarkError(f"h2load did not say {pattern.pattern!r}, but:\n{said}")
    return int(found.group(1))


def _seconds(said: str) -> float:
    found = _SECONDS.search(said)
    if found is None:
        raise BenchmarkError(f"h2load did not say how long it took, but:\n{said}")
    return float(found.group(1)) * _UNITS[found.group(2)]
