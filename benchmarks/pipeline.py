"""Times the taxi pipeline under stock TFX and under Ringway, whole processes, in turn.

Each round runs both from an empty folder (cold), runs both again until a rerun finds nothing to do
(the first rerun after a first blessing judges the model against itself), and then times reruns with
nothing changed. Prints every time, the medians, and the ratios of medians with their spread.

Ringway reads the data through Arrow, as it does by default, unless told to take stock's component:

    python benchmarks/pipeline.py --rounds 3
    python benchmarks/pipeline.py --rounds 3 --example-gen csv
"""

from __future__ import annotations

import argparse
import functools
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
SETTLING_RUNS = 2  # one that judges against the new baseline, one that finds nothing to do


def stock(folder: Path) -> None:
    """Runs the pipeline under stock TFX."""
    _run([sys.executable, "-m", "benchmarks.stock_taxi", str(folder)], folder)


def ringway(folder: Path, example_gen: str) -> None:
    """Runs the pipeline under Ringway."""
    command = [sys.executable, "-m", "pipelines.cli.main", "run", "taxi"]
    _run([*command, "--set", f"example_gen={example_gen}"], folder)


def _run(command: list[str], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "RINGWAY_HOME": str(folder)}
    environment.pop("RINGWAY_METADATA_URL", None)
    with (folder / "output.log").open("a") as log:
        code = subprocess.run(
            command, env=environment, cwd=REPOSITORY, stdout=log, stderr=log, check=False
        ).returncode
    if code:
        sys.exit(f"{' '.join(command)} ended with exit code {code}; see {folder / 'output.log'}")


def _seconds(run: Callable[[Path], None], folder: Path) -> float:
    started = time.monotonic()
    run(folder)
    return time.monotonic() - started


def _report(name: str, ours: list[float], theirs: list[float], goal: float) -> None:
    ratios = sorted(mine / other for mine, other in zip(ours, theirs, strict=True))
    ratio = statistics.median(ours) / statistics.median(theirs)
    print(
        f"{name:<10} stock {statistics.median(theirs):6.1f} s  "
        f"({min(theirs):.1f} to {max(theirs):.1f})   ringway {statistics.median(ours):6.1f} s  "
        f"({min(ours):.1f} to {max(ours):.1f})   ratio {ratio:.3f} "
        f"({ratios[0]:.3f} to {ratios[-1]:.3f}), goal {goal:g}: "
        f"{'met' if ratio <= goal else 'missed'}"
    )


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3, help="how often each is run [3]")
    parser.add_argument("--example-gen", choices=["arrow", "csv"], default="arrow")
    chosen = parser.parse_args()
    rounds = chosen.rounds
    sides: dict[str, Callable[[Path], None]] = {
        "stock": stock,
        "ringway": functools.partial(ringway, example_gen=chosen.example_gen),
    }
    times: dict[tuple[str, str], list[float]] = {}
    for number in range(rounds):
        with tempfile.TemporaryDirectory() as temporary:
            root = Path(temporary)
            for phase in ("cold", *["settling"] * SETTLING_RUNS, "unchanged"):
                # Who goes first changes every round, so that neither always meets warm caches.
                for name in sorted(sides, reverse=number % 2 == 0):
                    seconds = _seconds(sides[name], root / name)
                    print(f"round {number + 1}: {name} {phase} {seconds:.1f} s", flush=True)
                    times.setdefault((name, phase), []).append(seconds)
    print()
    _report("cold", times["ringway", "cold"], times["stock", "cold"], 0.5)
    _report("unchanged", times["ringway", "unchanged"], times["stock", "unchanged"], 0.1)


if __name__ == "__main__":
    main()
