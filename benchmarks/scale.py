"""Measures how time and memory of a pipeline's stages grow with the data, beside stock TFX's.

The data are all 336,776 departures of the flights pipeline, once, four and sixteen times (5.4
million rows). Ingestion, statistics, transform and evaluation run over each size, a process each,
sides in turn. A model is trained once, on the smallest size. Memory is that of all processes of
a stage together, time is of driver and executor, without the import of what they need.

Each measurement is written at once, so that the same command goes on where it was interrupted; what
is there already is not measured again. The table is printed at the end, or alone with `--table`.

    python -m benchmarks.scale
    python -m benchmarks.scale --sizes 1,4 --sides ours,stock --rounds 3
    python -m benchmarks.scale --table

Sixteen times take some 5 GB below `--folder`, and about an hour for each side on two cores.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import shutil
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks import scale_data, scale_process, scale_report
from benchmarks.scale_report import Cell
from benchmarks.scale_stages import (
    EVALUATION,
    INGESTION,
    MODEL,
    OURS,
    SIDES,
    STAGES,
    STATISTICS,
    TRANSFORM,
    Job,
)

REPOSITORY = Path(__file__).resolve().parent.parent
RESULTS = REPOSITORY / "benchmarks" / "scale" / "scale.jsonl"


class Wanted(NamedTuple):
    """A measurement that is to be there.

    Attributes:
        factor: How many times the data.
        stage: One of `STAGES`.
        side: One of `SIDES`.
    """

    factor: int
    stage: str
    side: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Bench:
    """Where measurements are made and kept.

    Attributes:
        folder: For data and outputs.
        results: The file of measurements.
        rows: How many departures a year has; all if None.
        memory_limit_gib: A stage that takes more is ended.
        time_limit_min: A stage that takes longer is ended.
    """

    folder: Path
    results: Path
    rows: int | None
    memory_limit_gib: float
    time_limit_min: float

    def measure(self, wanted: Wanted) -> Cell:
        """Runs one stage, and keeps what was measured."""
        source = self._examples(wanted)
        cell = self._run(wanted.factor, wanted.stage, wanted.side, source)
        self.results.parent.mkdir(parents=True, exist_ok=True)
        with self.results.open("a") as file:
            file.write(json.dumps(dataclasses.asdict(cell)) + "\n")
        self._tidy(wanted)
        return cell

    def _examples(self, wanted: Wanted) -> str:
        """Returns whose examples a stage reads: ours, where stock could not make any."""
        if wanted.stage == INGESTION:
            return ""
        for side in (wanted.side, OURS):
            if (self._output(wanted.factor, INGESTION, side) / "examples.json").exists():
                return side
        cell = self.measure(Wanted(wanted.factor, INGESTION, OURS))
        if cell.outcome != scale_process.ENDED:
            sys.exit(f"Ingestion: {cell.outcome}. See {self.folder / 'logs'}.")
        return OURS

    def ensure_model(self, factor: int) -> None:
        """Trains the model that evaluation looks at, where there is none."""
        if (self._model / "model.json").exists():
            return
        if not self._output(factor, TRANSFORM, OURS).exists():
            self.measure(Wanted(factor, TRANSFORM, OURS))
        cell = self._run(factor, MODEL, OURS, OURS)
        if cell.outcome != scale_process.ENDED:
            sys.exit(f"Training: {cell.outcome}. See {self.folder / 'logs'}.")
        shutil.rmtree(self._output(factor, TRANSFORM, OURS))

    @property
    def _model(self) -> Path:
        return self.folder / "outputs" / MODEL

    def _run(self, factor: int, stage: str, side: str, source: str) -> Cell:
        output = self._model if stage == MODEL else self._output(factor, stage, side)
        shutil.rmtree(output, ignore_errors=True)
        output.mkdir(parents=True)
        log = self.folder / "logs" / f"{factor}x-{stage}-{side}.log"
        log.parent.mkdir(exist_ok=True)
        job = Job(
            side=side,
            stage=stage,
            data=str(scale_data.write(self.folder / "data", factor, self.rows)),
            examples=str(self._output(factor, INGESTION, source or side)),
            transformed=str(self._output(factor, TRANSFORM, OURS)),
            model=str(self._model),
            output=str(output),
            report=str(output / "report.json"),
        )
        (output / "job.json").write_text(json.dumps(dataclasses.asdict(job)))
        watched = scale_process.watch(
            [sys.executable, "-m", "benchmarks.scale_stages", str(output / "job.json")],
            environment=_environment(),
            folder=REPOSITORY,
            log=log,
            memory_limit_mib=self.memory_limit_gib * 1024,
            time_limit_sec=self.time_limit_min * 60,
        )
        return _cell(factor, stage, side, source, watched, output / "report.json")

    def _output(self, factor: int, stage: str, side: str) -> Path:
        return self.folder / "outputs" / f"{factor}x" / stage / side

    def _tidy(self, wanted: Wanted) -> None:
        """Removes what no later stage reads; the model may need the transform."""
        needed = wanted.stage == TRANSFORM and wanted.side == OURS and not self._model.exists()
        if wanted.stage != INGESTION and not needed:
            shutil.rmtree(self._output(wanted.factor, wanted.stage, wanted.side))


def _cell(
    factor: int, stage: str, side: str, source: str, watched: scale_process.Watched, report: Path
) -> Cell:
    told = json.loads(report.read_text()) if watched.outcome == scale_process.ENDED else {}
    return Cell(
        factor=factor,
        stage=stage,
        side=side,
        outcome=watched.outcome,
        rows=told.get("rows", 0),
        seconds=round(told.get("seconds", watched.seconds), 2),
        cpu_seconds=round(watched.cpu_seconds - told.get("before_cpu_seconds", 0.0), 2),
        peak_mib=round(watched.peak_mib, 1),
        examples=source,
        beam=tuple(told.get("beam", ())),
    )


def _environment() -> dict[str, str]:
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "TF_CPP_MIN_LOG_LEVEL": "3"}
    environment.pop("RINGWAY_METADATA_URL", None)
    return environment


def plan(
    sizes: Sequence[int], stages: Sequence[str], sides: Sequence[str], rounds: int
) -> Iterator[Wanted]:
    """Yields measurements, smaller sizes first, with another side first in every other round."""
    for factor in sizes:
        for stage in stages:
            for number in range(rounds):
                for side in sides if number % 2 == 0 else reversed(sides):
                    yield Wanted(factor, stage, side)


def missing(wanted: Sequence[Wanted], there: Sequence[Cell]) -> list[Wanted]:
    """Returns what is wanted and not yet there, in the order in which it is wanted.

    What ended for want of memory or time is there; what failed is not.
    """
    left = [
        Wanted(cell.factor, cell.stage, cell.side)
        for cell in there
        if cell.outcome != scale_process.FAILED
    ]
    found = []
    for one in wanted:
        if one in left:
            left.remove(one)
        else:
            found.append(one)
    return found


def _measure_all(bench: Bench, wanted: Sequence[Wanted], smallest: int) -> None:
    for number, one in enumerate(wanted, 1):
        if one.stage == EVALUATION:
            bench.ensure_model(smallest)
        cell = bench.measure(one)
        print(
            f"{number} of {len(wanted)}: {cell.factor}x {cell.stage}, {cell.side}: {cell.outcome}, "
            f"{cell.rows:,} rows, {cell.seconds:.1f} s, {cell.cpu_seconds:.1f} CPU s, "
            f"{cell.peak_mib:,.0f} MiB",
            flush=True,
        )


def _names(known: Sequence[str], text: str) -> list[str]:
    names = text.split(",")
    if unknown := [name for name in names if name not in known]:
        raise argparse.ArgumentTypeError(f"expected of {', '.join(known)}, received {unknown}")
    return names


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", default="1,4,16", help="how many times the data [1,4,16]")
    parser.add_argument(
        "--sides",
        type=lambda text: _names(SIDES, text),
        default=["ours", "stock"],
        help=f"of {', '.join(SIDES)} [ours,stock]",
    )
    parser.add_argument(
        "--stages",
        type=lambda text: _names(STAGES, text),
        default=[INGESTION, STATISTICS, TRANSFORM, EVALUATION],
        help=f"of {', '.join(STAGES)} [all]",
    )
    parser.add_argument("--rounds", type=int, default=1, help="how often each is run [1]")
    parser.add_argument("--rows", type=int, help="departures of a year [all 336,776]")
    parser.add_argument("--folder", type=Path, default=Path("/var/tmp/ringway-scale"))
    parser.add_argument("--results", type=Path, default=RESULTS, help=f"[{RESULTS}]")
    parser.add_argument("--memory-limit-gib", type=float, default=14.0, help="of a stage [14]")
    parser.add_argument("--time-limit-min", type=float, default=90.0, help="of a stage [90]")
    parser.add_argument("--table", action="store_true", help="print the table of what is there")
    chosen = parser.parse_args()
    # As an exception, so that what runs is ended as well.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    if not chosen.table:
        sizes = sorted(int(size) for size in chosen.sizes.split(","))
        bench = Bench(
            folder=chosen.folder.absolute(),
            results=chosen.results,
            rows=chosen.rows,
            memory_limit_gib=chosen.memory_limit_gib,
            time_limit_min=chosen.time_limit_min,
        )
        wanted = list(plan(sizes, chosen.stages, chosen.sides, chosen.rounds))
        _measure_all(bench, missing(wanted, scale_report.read(chosen.results)), sizes[0])
    print(scale_report.markdown(scale_report.read(chosen.results)))


if __name__ == "__main__":
    main()
