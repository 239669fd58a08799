"""Rates of alarms with their intervals, and the tables that are printed of them."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any, Final

from scipy import stats

CONFIDENCE: Final = 0.95
NO_FAULT: Final = "A/A"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outcome:
    """What one detector said of one pair.

    Attributes:
        detector: Who.
        size: Rows of the serving half.
        fault: What was planted; `NO_FAULT` for nothing.
        alarm: Whether it alarmed: on any column where nothing was planted, else on the fault's.
        whole: Whether it said that the data as a whole has changed.
        blessed: Whether it said that all is well.
        seconds: How long it took.
    """

    detector: str
    size: int
    fault: str
    alarm: bool
    whole: bool
    blessed: bool
    seconds: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rate:
    """How many of some pairs.

    Attributes:
        hits: So many
        pairs: of so many.
    """

    hits: int
    pairs: int

    @property
    def share(self) -> float:
        """The share, in [0, 1]."""
        return self.hits / self.pairs

    @property
    def interval(self) -> tuple[float, float]:
        """Clopper and Pearson's interval, which covers the true rate in 95 % of cases or more.

        Source: Clopper and Pearson 1934, Biometrika 26(4).
        """
        found = stats.binomtest(self.hits, self.pairs).proportion_ci(CONFIDENCE, "exact")
        return float(found.low), float(found.high)

    def as_text(self) -> str:
        """Returns the share in percent with its interval."""
        low, high = self.interval
        return f"{_percent(self.share)} ({_percent(low)} to {_percent(high)})"


def _percent(share: float) -> str:
    percent = 100 * share
    return f"{percent:.1f}" if 0 < percent < 10 or 99 < percent < 100 else f"{percent:.0f}"


Key = tuple[str, str, int]


def rates(outcomes: Iterable[Outcome]) -> dict[Key, Rate]:
    """Returns the rate of alarms by detector, fault and size."""
    return _counted((one, one.alarm) for one in outcomes)


def whole_rates(outcomes: Iterable[Outcome]) -> dict[Key, Rate]:
    """Returns the rate at which the data as a whole was said to have changed."""
    return _counted((one, one.whole) for one in outcomes)


def blessed_rates(outcomes: Iterable[Outcome]) -> dict[Key, Rate]:
    """Returns the rate at which all was said to be well."""
    return _counted((one, one.blessed) for one in outcomes)


def _counted(answers: Iterable[tuple[Outcome, bool]]) -> dict[Key, Rate]:
    hits: collections.Counter[Key] = collections.Counter()
    pairs: collections.Counter[Key] = collections.Counter()
    for outcome, answer in answers:
        key = outcome.detector, outcome.fault, outcome.size
        pairs[key] += 1
        hits[key] += answer
    return {key: Rate(hits=hits[key], pairs=number) for key, number in pairs.items()}


def rows_of(found: dict[Key, Rate]) -> list[dict[str, Any]]:
    """Returns rates as plain data."""
    return [
        {
            "detector": detector,
            "fault": fault,
            "size": size,
            "hits": rate.hits,
            "pairs": rate.pairs,
            "rate": rate.share,
            "low": rate.interval[0],
            "high": rate.interval[1],
        }
        for (detector, fault, size), rate in sorted(found.items())
    ]


def alarm_table(found: dict[Key, Rate], detectors: Sequence[str], sizes: Sequence[int]) -> str:
    """Returns false alarms in percent, with intervals, as Markdown: a row for each detector."""
    rows = [
        [name, *(_cell(found.get((name, NO_FAULT, size))) for size in sizes)] for name in detectors
    ]
    return table(["alarms on A/A, %", *(f"{size:,}" for size in sizes)], rows)


def detection_table(
    found: dict[Key, Rate], detectors: Sequence[str], faults: Sequence[str], sizes: Sequence[int]
) -> str:
    """Returns detections in percent as Markdown; in a cell a number for each detector."""
    rows = [
        [fault, *(_cells([found.get((name, fault, size)) for name in detectors]) for size in sizes)]
        for fault in faults
    ]
    return table(["found, %", *(f"{size:,}" for size in sizes)], rows)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Returns a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(rate: Rate | None) -> str:
    return "" if rate is None else rate.as_text()


def _cells(found: Sequence[Rate | None]) -> str:
    return " / ".join("-" if rate is None else f"{100 * rate.share:.0f}" for rate in found)
