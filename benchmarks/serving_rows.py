"""The rows of `benchmarks/serving.py`: what is compared with what, and how good it ought to be.

A row opens its servers once and gives two functions, ours and theirs, that measure for some seconds
and return a value. Both are called in turn, and who goes first changes every round.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable

from benchmarks import serving_servers
from benchmarks.serving_bench import Bench
from benchmarks.serving_load import BenchmarkError, Load, Measured
from benchmarks.serving_report import Result
from benchmarks.serving_servers import Peer, Ringway

CALLERS = 64

# What a measurement gives: a value in the row's unit, and how many requests it took.
Value = tuple[float, int]
Measure = Callable[[float], Value]
Open = Callable[[Bench, contextlib.ExitStack], tuple[Measure, Measure]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row:
    """One comparison.

    Attributes:
        title, unit, ours, theirs, goal, at_least: As in `Result`.
        open: Starts what is compared.
        is_long: Whether a measurement takes `--swap-seconds`, not `--seconds`.
    """

    title: str
    unit: str
    ours: str
    theirs: str
    goal: float
    at_least: bool
    open: Open
    is_long: bool = False


def run(
    name: str, bench: Bench, rounds: int, seconds: float, tell: Callable[[str], None]
) -> Result:
    """Measures a row.

    Args:
        name: One of `ROWS`.
        bench: To measure with.
        rounds: How often each side is measured.
        seconds: How long each time, about.
        tell: Told of each measurement.

    Raises:
        BenchmarkError: A measurement does not count.
    """
    row = ROWS[name]
    values: dict[str, list[float]] = {row.ours: [], row.theirs: []}
    requests = 0
    with contextlib.ExitStack() as stack:
        ours, theirs = row.open(bench, stack)
        sides = [(row.ours, ours), (row.theirs, theirs)]
        for number in range(1, rounds + 1):
            for side, measure in sides:
                value, count = measure(seconds)
                values[side].append(value)
                requests += count
                tell(f"round {number}: {name}, {side}: {value:.4g} {row.unit}")
            sides.reverse()
    return Result(
        name=name,
        **{
            field: getattr(row, field)
            for field in ("title", "unit", "ours", "theirs", "goal", "at_least")
        },
        values=values[row.ours],
        others=values[row.theirs],
        requests=requests,
    )


def _rate(server: Peer, load: Load) -> Measure:
    def measure(seconds: float) -> Value:
        measured, _ = serving_servers.measure(server, load, seconds)
        return measured.per_second, measured.requests

    return measure


def _grpc_many(bench: Bench, stack: contextlib.ExitStack) -> tuple[Measure, Measure]:
    ours = bench.ringway(stack)
    theirs = bench.peer(stack, "textbook_grpc")
    return (
        _rate(ours, bench.bodies.grpc(ours.port, CALLERS, 1)),
        _rate(theirs, bench.bodies.grpc(theirs.port, CALLERS, 1)),
    )


def _grpc_one(bench: Bench, stack: contextlib.ExitStack) -> tuple[Measure, Measure]:
    server = bench.ringway(stack)
    load = bench.bodies.grpc(server.port, 1, 1)

    def ours(seconds: float) -> Value:
        measured, _ = serving_servers.measure(server, load, seconds)
        return measured.p50_ms, measured.requests

    def theirs(seconds: float) -> Value:
        called = bench.in_process.measure(1, seconds)
        return called["p50_ms"], called["calls"]

    return ours, theirs


def _rest(bench: Bench, stack: contextlib.ExitStack) -> tuple[Measure, Measure]:
    ours = bench.ringway(stack)
    theirs = bench.peer(stack, "fastapi_rest", rest=True)
    return (
        _rate(ours, bench.bodies.rest(ours.rest_port, 32)),
        _rate(theirs, bench.bodies.rest(theirs.port, 32)),
    )


def _examples(bench: Bench, stack: contextlib.ExitStack) -> tuple[Measure, Measure]:
    server = bench.ringway(stack)
    load = bench.bodies.grpc(server.port, 8, 32)

    def ours(seconds: float) -> Value:
        measured, _ = serving_servers.measure(server, load, seconds)
        return 32 * measured.per_second, measured.requests

    def theirs(seconds: float) -> Value:
        called = bench.in_process.measure(32, seconds)
        return 32 * called["per_second"], called["calls"]

    return ours, theirs


def _swap(bench: Bench, stack: contextlib.ExitStack) -> tuple[Measure, Measure]:
    server = bench.ringway(stack)
    load = bench.bodies.grpc(server.port, CALLERS, 1)

    def ours(seconds: float) -> Value:
        return _swapped(server, load, seconds)

    def theirs(seconds: float) -> Value:
        measured, _ = serving_servers.measure(server, load, seconds)
        return measured.p99_ms, measured.requests

    return ours, theirs


def _swapped(server: Ringway, load: Load, seconds: float) -> Value:
    measured, counted = serving_servers.measure(server, load, seconds, halfway=server.add_version)
    answered = [version for (_, status, version), n in counted.items() if status == "OK" and n]
    if len(answered) != 2:
        raise BenchmarkError(
            "Two versions were expected to answer while one was swapped for the other; "
            f"{answered} did. With more --swap-seconds there is time for it."
        )
    return measured.p99_ms, measured.requests


def _request_log(bench: Bench, stack: contextlib.ExitStack) -> tuple[Measure, Measure]:
    prefix = bench.new_folder("request_log") / "taxi"
    logging = bench.ringway(stack, f"--request_log={prefix}", "--request_log_sampling_rate=1")
    plain = bench.ringway(stack)
    load = bench.bodies.grpc(logging.port, CALLERS, 1)

    def ours(seconds: float) -> Value:
        measured, counted = serving_servers.measure(logging, load, seconds)
        _check_logged(measured, counted["request_log_count", "OK", ""])
        return measured.per_second, measured.requests

    return ours, _rate(plain, bench.bodies.grpc(plain.port, CALLERS, 1))


def _check_logged(measured: Measured, logged: int) -> None:
    if logged != measured.requests:
        raise BenchmarkError(
            f"All {measured.requests} requests were expected in the request log; {logged} are."
        )


ROWS = {
    "grpc-64": Row(
        title="gRPC, 64 callers, one example each",
        unit="requests/s",
        ours="Ringway",
        theirs="grpcio servicer",
        goal=4.0,
        at_least=True,
        open=_grpc_many,
    ),
    "grpc-1": Row(
        title="gRPC, one caller, one example, p50",
        unit="ms",
        ours="Ringway",
        theirs="call in process",
        goal=1.3,
        at_least=False,
        open=_grpc_one,
    ),
    "rest-32": Row(
        title="REST, 32 callers, one row of ten columns each",
        unit="requests/s",
        ours="Ringway",
        theirs="FastAPI",
        goal=6.0,
        at_least=True,
        open=_rest,
    ),
    "examples-32": Row(
        title="gRPC, 8 callers, 32 examples each",
        unit="examples/s",
        ours="Ringway",
        theirs="call in process",
        goal=0.6,
        at_least=True,
        open=_examples,
    ),
    "version-swap": Row(
        title="gRPC, 64 callers, p99 with a version swapped halfway",
        unit="ms",
        ours="with a swap",
        theirs="without",
        goal=3.0,
        at_least=False,
        open=_swap,
        is_long=True,
    ),
    "request-log": Row(
        title="gRPC, 64 callers, with every request in the request log",
        unit="requests/s",
        ours="with the log",
        theirs="without",
        goal=0.9,
        at_least=True,
        open=_request_log,
    ),
}
