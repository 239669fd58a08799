"""`python -m benchmarks.scale` on a few rows, and which measurements it leaves out."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import scale, scale_process, scale_report
from benchmarks.scale import Wanted
from benchmarks.scale_report import Cell
from pipelines.workspace import REPOSITORY

ROWS = 1200


def cell(wanted: Wanted, outcome: str = scale_process.ENDED) -> Cell:
    return Cell(
        **wanted._asdict(), outcome=outcome, rows=1, seconds=1.0, cpu_seconds=1.0, peak_mib=1.0
    )


def test_smaller_sizes_come_first_and_sides_take_turns() -> None:
    planned = list(scale.plan([1, 4], ["transform"], ["ours", "stock"], 2))
    assert [(one.factor, one.side) for one in planned] == [
        (1, "ours"),
        (1, "stock"),
        (1, "stock"),
        (1, "ours"),
        (4, "ours"),
        (4, "stock"),
        (4, "stock"),
        (4, "ours"),
    ]


@pytest.mark.parametrize(
    ("outcome", "left"),
    [(scale_process.ENDED, 1), (scale_process.OUT_OF_MEMORY, 1), (scale_process.FAILED, 2)],
)
def test_what_is_measured_is_left_out_unless_it_failed(outcome: str, left: int) -> None:
    one = Wanted(4, "transform", "stock")
    assert scale.missing([one, one], [cell(one, outcome)]) == [one] * left
    assert scale.missing([one], [cell(Wanted(1, "transform", "stock"))]) == [one]


def run(folder: Path, *options: str) -> str:
    command = [sys.executable, "-m", "benchmarks.scale", "--rows", str(ROWS), "--folder"]
    done = subprocess.run(
        [*command, str(folder), "--results", str(folder / "results.jsonl"), *options],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr + _logs(folder)
    return done.stdout


def _logs(folder: Path) -> str:
    return "\n".join(log.read_text()[-2000:] for log in (folder / "logs").glob("*.log"))


def test_all_stages_run_and_go_on_where_they_were(tmp_path: Path) -> None:
    printed = run(tmp_path, "--sizes=1", "--sides=ours")
    assert "4 of 4: 1x evaluation, ours: ended" in printed

    cells = {one.stage: one for one in scale_report.read(tmp_path / "results.jsonl")}
    seen = {stage: one.rows for stage, one in cells.items()}
    evaluated = seen.pop("evaluation")
    assert seen == dict.fromkeys(("ingestion", "statistics", "transform"), ROWS)
    # A fifth of the rows, by hash: 240 give or take four standard deviations of 13.9.
    assert 184 < evaluated < 296

    run(tmp_path, "--sizes=1", "--sides=ours")
    assert len(scale_report.read(tmp_path / "results.jsonl")) == 4  # nothing was measured again
