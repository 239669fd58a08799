"""The flights pipeline on a few thousand departures, for comparing one Beam engine with another."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import beam_results

from pipelines.flights import source

# Four weeks of winter; every fourth departure.
WEEKS = range(5, 9)
STEP = 4
_QUICK = (
    "epochs=1",
    "tuner.max_trials=1",
    "tuner.epochs=1",
    "evaluation.min_auc=0.5",
    "evaluation.min_slice_auc=0.0",
)


@dataclasses.dataclass(frozen=True)
class Made:
    """The newest outputs of the pipeline at some time.

    Attributes:
        statistics: Of the examples.
        graph: The transform graph.
        transformed: The transformed examples.
    """

    statistics: Path
    graph: Path
    transformed: Path


@dataclasses.dataclass(frozen=True)
class Flights:
    """A workspace for the pipeline.

    Attributes:
        home: Its folder.
        data: The departures, a folder for each week.
    """

    home: Path
    data: Path

    def run(self, beam: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs the pipeline on an engine, quickly trained and mildly judged."""
        return subprocess.run(
            self.command(beam, *arguments),
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=1200,
            check=False,
        )

    def command(self, beam: str, *arguments: str) -> list[str]:
        """Returns what `run` starts."""
        settings = [f"data_root={self.data}", *_QUICK]
        options = [part for setting in settings for part in ("--set", setting)]
        ringway = [sys.executable, "-m", "pipelines.cli.main", "run", "flights"]
        return [*ringway, "--span-range", "4", "--beam", beam, *options, *arguments]

    def environment(self) -> dict[str, str]:
        """Returns the environment that the command works in."""
        shared = "RINGWAY_METADATA_URL"
        kept = {name: value for name, value in os.environ.items() if name != shared}
        return {**kept, "RINGWAY_HOME": str(self.home)}

    def node(self, name: str) -> Path:
        """Returns the folder of a node's outputs."""
        return self.home / "pipelines" / "flights" / name

    def made(self) -> Made:
        """Returns the newest outputs."""
        transform = self.node("Transform")
        return Made(
            statistics=beam_results.newest(self.node("StatisticsGen"), "statistics"),
            graph=beam_results.newest(transform, "transform_graph"),
            transformed=beam_results.newest(transform, "transformed_examples"),
        )

    @property
    def examples(self) -> Path:
        """Examples of the eval split."""
        return beam_results.newest(self.node("ArrowExampleGen"), "examples") / "Split-eval"


def write_weeks(folder: Path) -> None:
    """Fills a folder with real departures, `span-5/flights.csv` and so on."""
    table = source.departures()
    arrived = table[table[source.DELAY].notna()]
    weeks = source.span_of(arrived["month"], arrived["day"])
    for week in WEEKS:
        place = folder / f"span-{week}"
        place.mkdir(parents=True)
        rows = arrived[weeks == week].iloc[::STEP]
        rows.to_csv(place / "flights.csv", index=False, lineterminator="\n")
