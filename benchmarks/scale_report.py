"""Makes a table of what `benchmarks.scale` has measured. Pure, save for reading the file."""

from __future__ import annotations

import dataclasses
import itertools
import json
import statistics
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from benchmarks.scale_process import ENDED, FAILED
from benchmarks.scale_stages import OURS, SIDES, STAGES

FLAT_FROM, FLATNESS = 4, 0.2


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cell:
    """One measurement.

    Attributes:
        factor: How many times the data.
        stage: Which stage of the pipeline.
        side: Whose.
        outcome: How it ended; see `scale_process`.
        rows: How many rows the stage has seen.
        seconds: Of driver and executor; where it was killed, until then and imports included.
        cpu_seconds: Of all processes, without the imports of the first.
        peak_mib: Largest memory of all processes together.
        examples: Whose examples it has read.
        beam: Beam's flags.
    """

    factor: int
    stage: str
    side: str
    outcome: str
    rows: int
    seconds: float
    cpu_seconds: float
    peak_mib: float
    examples: str = ""
    beam: tuple[str, ...] = ()


Value = Callable[[Cell], float]


def read(path: Path) -> list[Cell]:
    """Returns the measurements of a file, none where there is no such file."""
    if not path.exists():
        return []
    return [Cell(**json.loads(line)) for line in path.read_text().splitlines()]


def markdown(cells: Sequence[Cell]) -> str:
    """Returns the table of all sizes and stages, and below it what it says of the goals."""
    good = [cell for cell in cells if cell.outcome != FAILED]
    sides = [side for side in SIDES if any(cell.side == side for cell in good)]
    head = ["stage", "data", "rows"]
    for name in ("s", "CPU s", "MiB"):
        head += [f"{name}, {side}" for side in sides]
    head += [f"{name} ours / {side}" for side in sides if side != OURS for name in ("s", "MiB")]
    lines = [_row(head), _row(["---", *["---:"] * (len(head) - 1)])]
    for stage in STAGES:
        for factor in sorted({cell.factor for cell in good if cell.stage == stage}):
            here = [cell for cell in good if (cell.stage, cell.factor) == (stage, factor)]
            lines.append(_row(_columns(stage, factor, here, sides)))
    return "\n".join([*lines, "", *_growth(good)])


def _row(texts: Sequence[str]) -> str:
    return f"| {' | '.join(texts)} |"


def _columns(stage: str, factor: int, here: list[Cell], sides: Sequence[str]) -> list[str]:
    rows = max(cell.rows for cell in here)
    columns = [stage, f"{factor}x", f"{rows:,}"]
    columns += [_median(here, side, value) for value in (_seconds, _cpu, _mib) for side in sides]
    for side in sides:
        if side != OURS:
            columns += [_ratio(here, side, value) for value in (_seconds, _mib)]
    return columns


def _seconds(cell: Cell) -> float:
    return cell.seconds


def _cpu(cell: Cell) -> float:
    return cell.cpu_seconds


def _mib(cell: Cell) -> float:
    return cell.peak_mib


def _values(cells: Sequence[Cell], side: str, value: Value) -> list[float]:
    return [value(cell) for cell in cells if cell.side == side and cell.outcome == ENDED]


def _median(cells: Sequence[Cell], side: str, value: Value) -> str:
    values = _values(cells, side, value)
    if values:
        return _shown(statistics.median(values)) + _spread([_shown(one) for one in sorted(values)])
    others = [cell.outcome for cell in cells if cell.side == side]
    return others[0] if others else "-"


def _ratio(cells: Sequence[Cell], side: str, value: Value) -> str:
    ours, theirs = _values(cells, OURS, value), _values(cells, side, value)
    if not (ours and theirs):
        return "-"
    ratio = statistics.median(ours) / statistics.median(theirs)
    each = sorted(mine / other for mine, other in zip(ours, theirs, strict=False))
    return f"{ratio:.2f}" + _spread([f"{one:.2f}" for one in each])


def _shown(number: float) -> str:
    return f"{number:,.0f}" if number >= 100 else f"{number:.1f}"


def _spread(ordered: Sequence[str]) -> str:
    return f" ({ordered[0]} to {ordered[-1]})" if len(ordered) > 1 else ""


def _growth(cells: Sequence[Cell]) -> Iterator[str]:
    for stage in STAGES:
        for side in SIDES:
            of_side = [cell for cell in cells if (cell.stage, cell.side) == (stage, side)]
            words = [*_time_growth(of_side), *_memory_growth(of_side)]
            if words:
                yield f"- {stage}, {side}: {'; '.join(words)}."


def _by_factor(cells: Sequence[Cell], value: Value) -> dict[int, float]:
    found: dict[int, list[float]] = {}
    for cell in cells:
        if cell.outcome == ENDED:
            found.setdefault(cell.factor, []).append(value(cell))
    return {factor: statistics.median(found[factor]) for factor in sorted(found)}


def _time_growth(cells: Sequence[Cell]) -> Iterator[str]:
    """Yields how often as much time each size took as the one before, and processor time."""
    seconds, cpu = _by_factor(cells, _seconds), _by_factor(cells, _cpu)
    factors = list(seconds)
    for before, after in itertools.pairwise(factors):
        times = seconds[after] / seconds[before]
        linear = "at most" if times * before <= after else "more than"
        yield (
            f"{before}x to {after}x: {times:.1f} times the time "
            f"({cpu[after] / cpu[before]:.1f} the CPU time), {linear} linear"
        )


def _memory_growth(cells: Sequence[Cell]) -> Iterator[str]:
    """Yields how the peaks of the larger sizes lie to the first that is to be the bound."""
    peaks = {factor: mib for factor, mib in _by_factor(cells, _mib).items() if factor >= FLAT_FROM}
    if len(peaks) < 2:
        return
    first, *rest = peaks
    for factor in rest:
        change = peaks[factor] / peaks[first] - 1
        flat = "flat" if abs(change) <= FLATNESS else "not flat"
        yield f"{first}x to {factor}x: {change:+.0%} memory, {flat}"
