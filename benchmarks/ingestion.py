"""Times ArrowExampleGen beside stock CsvExampleGen, whole component, one process each, in turn.

The data is one CSV file: the 336,776 departures of the flights pipeline, joined with weather and
planes, or Chicago taxi's trips, which ship with TFX, their rows repeated. Each process imports what
its component needs, as a worker of the runner has done before a node starts, and then times driver
and executor, from the folder of the CSV to the finished splits. Prints rows per second and peak
memory of the process, each as medians and as ratios of medians with their spread over the rounds.

    python benchmarks/ingestion.py --data flights --rounds 3
    python benchmarks/ingestion.py --data taxi --rows 300000
    python benchmarks/ingestion.py --input FOLDER      # CSV files of your own
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

REPOSITORY = Path(__file__).resolve().parent.parent
STOCK = "tfx.components.example_gen.csv_example_gen.component.CsvExampleGen"
OURS = "components.arrow_example_gen.component.ArrowExampleGen"
SPEED_GOAL = 5.0
MEMORY_GOAL = 1.0


class Measured(NamedTuple):
    """What one process measured.

    Attributes:
        rows: Examples written.
        seconds: Of driver and executor.
        cpu_seconds: What the process computed meanwhile, which other work on the machine disturbs
            less.
        whole_seconds: Of the process, imports included.
        peak_mib: Largest resident memory of the process.
    """

    rows: int
    seconds: float
    cpu_seconds: float
    whole_seconds: float
    peak_mib: float


def ingest(component: str, folder: str, output: str) -> dict[str, float]:
    """Runs one component in this process.

    Args:
        component: Import path of its class.
        folder: With the CSV files.
        output: Where the examples go.
    """
    module, _, name = component.rpartition(".")
    node = getattr(importlib.import_module(module), name)(input_base=folder)
    from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
    from tfx.orchestration import data_types
    from tfx.types import standard_artifacts

    examples = standard_artifacts.Examples()
    examples.uri = output
    pipeline = data_types.PipelineInfo("", "")
    context = BaseBeamExecutor.Context(tmp_dir=f"{output}/tmp", unique_id="1")
    executor = node.executor_spec.executor_class(context)
    started, started_cpu = time.monotonic(), time.process_time()
    parameters = node.driver_class(None).resolve_exec_properties(
        dict(node.exec_properties), pipeline, data_types.ComponentInfo("", "", pipeline)
    )
    executor.Do({}, {"examples": [examples]}, parameters)
    seconds, cpu_seconds = time.monotonic() - started, time.process_time() - started_cpu
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    times = {"seconds": seconds, "cpu_seconds": cpu_seconds}
    return {"rows": _rows(Path(output)), "peak_mib": peak_mib, **times}


def _rows(output: Path) -> int:
    import tensorflow as tf

    files = [str(path) for path in output.glob("Split-*/*.gz")]
    count = tf.data.TFRecordDataset(files, "GZIP").batch(4096).map(tf.size)
    return sum(int(size) for size in count)


def measure(component: str, folder: Path) -> Measured:
    """Runs one component in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "TF_CPP_MIN_LOG_LEVEL": "3"}
    with tempfile.TemporaryDirectory() as output:
        command = [sys.executable, __file__, "--one", component]
        command += ["--input", str(folder), "--output", output]
        started = time.monotonic()
        done = subprocess.run(
            command, env=environment, cwd=REPOSITORY, capture_output=True, text=True, check=False
        )
        whole_seconds = time.monotonic() - started
    if done.returncode:
        sys.exit(f"{component} ended with exit code {done.returncode}:\n{done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return Measured(whole_seconds=whole_seconds, **found)


def write_flights(folder: Path) -> None:
    """Writes all departures of the flights pipeline to one CSV file."""
    from pipelines.flights.source import departures

    departures().to_csv(folder / "flights.csv", index=False)


def write_taxi(folder: Path, rows: int) -> None:
    """Writes taxi's rows, over and over, to one CSV file.

    Args:
        folder: Where to write it.
        rows: How many rows it gets.
    """
    import tfx

    shipped = "examples/chicago_taxi_pipeline/data/simple/data.csv"
    header, *lines = (Path(tfx.__file__).parent / shipped).read_text().splitlines(keepends=True)
    with (folder / "data.csv").open("w") as file:
        file.write(header)
        file.writelines(lines[number % len(lines)] for number in range(rows))


def _rows_per_sec(one: Measured) -> float:
    return one.rows / one.seconds


def _rows_per_cpu_sec(one: Measured) -> float:
    return one.rows / one.cpu_seconds


def _peak(one: Measured) -> float:
    return one.peak_mib


def _whole(one: Measured) -> float:
    return one.whole_seconds


def _report(rounds: list[tuple[Measured, Measured]]) -> None:
    ours, theirs = zip(*rounds, strict=True)
    for name, of, met, goal in (
        ("rows/s", _rows_per_sec, lambda ratio: ratio >= SPEED_GOAL, f"at least {SPEED_GOAL:g}"),
        ("rows/CPU s", _rows_per_cpu_sec, None, ""),
        ("peak MiB", _peak, lambda ratio: ratio <= MEMORY_GOAL, f"at most {MEMORY_GOAL:g}"),
        ("process, s", _whole, None, ""),
    ):
        mine, other = [of(one) for one in ours], [of(one) for one in theirs]
        each = [left / right for left, right in zip(mine, other, strict=True)]
        ratio = statistics.median(mine) / statistics.median(other)
        verdict = f", goal {goal}: {'met' if met(ratio) else 'missed'}" if met else ""
        print(
            f"{name:<11} stock {statistics.median(other):10,.1f} "
            f"({min(other):,.1f} to {max(other):,.1f})   "
            f"Arrow {statistics.median(mine):10,.1f} ({min(mine):,.1f} to {max(mine):,.1f})   "
            f"ratio {ratio:.2f} ({min(each):.2f} to {max(each):.2f}){verdict}"
        )


def _compare(folder: Path, rounds: int) -> None:
    measured = []
    for number in range(rounds):
        # Who goes first changes every round, so that neither always meets warm caches.
        order = [OURS, STOCK] if number % 2 else [STOCK, OURS]
        found = {component: measure(component, folder) for component in order}
        measured.append((found[OURS], found[STOCK]))
        for component in order:
            one = found[component]
            print(
                f"round {number + 1}: {component.rpartition('.')[2]}: {one.rows:,} rows in "
                f"{one.seconds:.1f} s ({one.whole_seconds:.1f} s with imports), "
                f"{one.peak_mib:,.0f} MiB",
                flush=True,
            )
        if found[OURS].rows != found[STOCK].rows:
            sys.exit("The two wrote different numbers of rows.")
    print()
    _report(measured)


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", choices=["flights", "taxi"], default="flights")
    parser.add_argument("--rows", type=int, default=300_000, help="rows of taxi's data [300000]")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is run [3]")
    parser.add_argument("--input", help="folder with CSV files, instead of --data")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--output", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    sys.path.insert(0, str(REPOSITORY))
    if chosen.one:
        print(json.dumps(ingest(chosen.one, chosen.input, chosen.output)))
        return
    with tempfile.TemporaryDirectory() as made:
        if not chosen.input and chosen.data == "flights":
            write_flights(Path(made))
        elif not chosen.input:
            write_taxi(Path(made), chosen.rows)
        _compare(Path(chosen.input or made), chosen.rounds)


if __name__ == "__main__":
    main()
