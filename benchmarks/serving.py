"""Measures Ringway's model server against what else one would serve the taxi model with.

Servers run in turn under the load of h2load, a process of its own (Debian: nghttp2-client). Every
answer is accounted for: a missing or wrong one ends the run. Prints the machine and, for each row,
medians, the ratio of the medians, and the smallest and largest ratio of a round. Ratios are to be
trusted as far as the machine was idle otherwise.

    python benchmarks/serving.py
    python benchmarks/serving.py --only grpc-64 --rounds 9 --format json
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
# Python puts this file's folder first, where this file would pass for the package `serving`.
sys.path[:] = [str(REPOSITORY), *(each for each in sys.path if each != str(Path(__file__).parent))]


def main() -> None:
    """Entry point."""
    from benchmarks.serving_load import BenchmarkError, check_installed

    arguments = _parser().parse_args()
    try:
        check_installed()
        print(_measured(arguments))
    except BenchmarkError as error:
        sys.exit(str(error))


def _parser() -> argparse.ArgumentParser:
    from benchmarks.serving_rows import ROWS
    from pipelines.workspace import Workspace

    model = Workspace.from_environment(os.environ).model_root("taxi")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=ROWS, metavar="ROW", help=f"one of {', '.join(ROWS)}")
    parser.add_argument("--rounds", type=int, default=5, help="how often each is measured [5]")
    parser.add_argument("--seconds", type=float, default=5.0, help="how long each time [5]")
    parser.add_argument(
        "--swap-seconds", type=float, default=60.0, help="the same for version-swap [60]"
    )
    parser.add_argument("--format", choices=["text", "json"], default="text")
    parser.add_argument("--model", type=Path, default=model, help=f"folder of versions [{model}]")
    return parser


def _measured(arguments: argparse.Namespace) -> str:
    from benchmarks import serving_report, serving_rows
    from benchmarks.serving_bench import Bench

    about = serving_report.machine()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        bench = Bench(arguments.model.absolute(), folder, stack)
        results = [
            serving_rows.run(
                name,
                bench,
                arguments.rounds,
                arguments.swap_seconds if row.is_long else arguments.seconds,
                _tell,
            )
            for name, row in serving_rows.ROWS.items()
            if arguments.only in {None, name}
        ]
    report = serving_report.as_json if arguments.format == "json" else serving_report.text
    return report(about, results)


def _tell(line: str) -> None:
    # Not among the results, which may be JSON.
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
