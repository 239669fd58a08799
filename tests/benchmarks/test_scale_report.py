"""The table of measurements, with ratios and growth by hand."""

from __future__ import annotations

from pathlib import Path

from benchmarks import scale_report
from benchmarks.scale_process import ENDED, FAILED, OUT_OF_MEMORY
from benchmarks.scale_report import Cell


def cell(factor: int, side: str, seconds: float, mib: float, outcome: str = ENDED) -> Cell:
    return Cell(
        factor=factor,
        stage="statistics",
        side=side,
        outcome=outcome,
        rows=1000 * factor if outcome == ENDED else 0,
        seconds=seconds,
        cpu_seconds=2 * seconds,
        peak_mib=mib,
    )


CELLS = [
    cell(1, "ours", 10, 500),
    cell(1, "ours", 30, 500),
    cell(1, "stock", 40, 1000),
    cell(1, "stock", 40, 1000),
    cell(4, "ours", 60, 800),
    cell(4, "stock", 200, 3200),
    cell(16, "ours", 300, 900),
    cell(16, "stock", 90, 14000, OUT_OF_MEMORY),
    cell(16, "ours", 1, 1, FAILED),
]


def test_medians_ratios_and_spread() -> None:
    lines = scale_report.markdown(CELLS).splitlines()
    assert lines[0] == (
        "| stage | data | rows | s, ours | s, stock | CPU s, ours | CPU s, stock | MiB, ours "
        "| MiB, stock | s ours / stock | MiB ours / stock |"
    )
    assert lines[2] == (
        "| statistics | 1x | 1,000 | 20.0 (10.0 to 30.0) | 40.0 (40.0 to 40.0) "
        "| 40.0 (20.0 to 60.0) | 80.0 (80.0 to 80.0) | 500 (500 to 500) | 1,000 (1,000 to 1,000) "
        "| 0.50 (0.25 to 0.75) | 0.50 (0.50 to 0.50) |"
    )
    assert lines[3].endswith("| 60.0 | 200 | 120 | 400 | 800 | 3,200 | 0.30 | 0.25 |")


def test_what_ran_out_of_memory_says_so() -> None:
    (line,) = [line for line in scale_report.markdown(CELLS).splitlines() if "| 16x |" in line]
    assert line == (
        "| statistics | 16x | 16,000 | 300 | out of memory | 600 | out of memory | 900 "
        "| out of memory | - | - |"
    )


def test_growth_is_held_against_the_goals() -> None:
    *_, ours, stock = scale_report.markdown(CELLS).splitlines()
    # 20 s to 60 s to 300 s, and 800 MiB to 900 MiB.
    assert ours == (
        "- statistics, ours: 1x to 4x: 3.0 times the time (3.0 the CPU time), at most linear; "
        "4x to 16x: 5.0 times the time (5.0 the CPU time), more than linear; "
        "4x to 16x: +12% memory, flat."
    )
    assert stock.endswith("1x to 4x: 5.0 times the time (5.0 the CPU time), more than linear.")


def test_no_file_is_no_measurements(tmp_path: Path) -> None:
    assert scale_report.read(tmp_path / "none.jsonl") == []
