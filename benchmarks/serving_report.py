"""What `benchmarks/serving.py` prints: the machine, and each row with medians, ratio and spread."""

from __future__ import annotations

import dataclasses
import datetime
import json
import os
import platform
import re
import statistics
import subprocess
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

_PACKAGES = ("tensorflow", "grpcio", "protobuf", "fastapi", "pydantic", "uvicorn", "uvloop")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Result:
    """One row, measured.

    Attributes:
        name: What `--only` calls it.
        title: What it says.
        unit: Of the values.
        ours: Whose values the first are.
        theirs: Whose values the others are.
        values: Ours, one a round.
        others: Theirs, one a round.
        goal: For the ratio of ours to theirs.
        at_least: Whether the ratio is to be at least the goal, and not at most.
        requests: How many requests and calls both have answered in all.
    """

    name: str
    title: str
    unit: str
    ours: str
    theirs: str
    values: list[float]
    others: list[float]
    goal: float
    at_least: bool
    requests: int

    @property
    def ratio(self) -> float:
        """The ratio of the medians."""
        return statistics.median(self.values) / statistics.median(self.others)

    @property
    def spread(self) -> tuple[float, float]:
        """The smallest and the largest ratio of a round."""
        ratios = [mine / other for mine, other in zip(self.values, self.others, strict=True)]
        return min(ratios), max(ratios)

    @property
    def met(self) -> bool:
        """Whether the ratio of the medians is as good as the goal."""
        return self.ratio >= self.goal if self.at_least else self.ratio <= self.goal

    def as_dict(self) -> dict[str, Any]:
        """Returns everything, for JSON."""
        low, high = self.spread
        return {
            **dataclasses.asdict(self),
            "median": statistics.median(self.values),
            "median_of_others": statistics.median(self.others),
            "ratio": self.ratio,
            "lowest_ratio": low,
            "highest_ratio": high,
            "met": self.met,
        }

    def as_text(self) -> str:
        """Returns everything in four lines."""
        low, high = self.spread
        sign = ">=" if self.at_least else "<="
        return "\n".join(
            [
                f"{self.name}: {self.title}",
                self._side(self.ours, self.values),
                self._side(self.theirs, self.others),
                f"    ratio {self.ratio:.2f} ({low:.2f} to {high:.2f}), goal {sign} {self.goal:g}: "
                f"{'met' if self.met else 'missed'}; {self.requests:,} requests, none failed",
            ]
        )

    def _side(self, name: str, values: list[float]) -> str:
        return (
            f"    {name:<20} {_shown(statistics.median(values)):>9} {self.unit} "
            f"({_shown(min(values))} to {_shown(max(values))})"
        )


def _shown(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def machine() -> dict[str, str]:
    """Returns what the figures depend on: date, processor, cores, load, versions."""
    h2load = subprocess.run(["h2load", "--version"], capture_output=True, text=True, check=False)
    return {
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "processor": _processor(),
        "cores": str(len(os.sched_getaffinity(0))),
        "system": platform.platform(),
        "load before": " ".join(f"{each:.2f}" for each in os.getloadavg()),
        "Python": platform.python_version(),
        **{name: _version(name) for name in _PACKAGES},
        "h2load": h2load.stdout.strip().removeprefix("h2load "),
    }


def text(about: Mapping[str, str], results: list[Result]) -> str:
    """Returns a report to read."""
    lines = [f"{name}: {value}" for name, value in about.items()]
    return "\n".join([*lines, "", *(result.as_text() for result in results)])


def as_json(about: Mapping[str, str], results: list[Result]) -> str:
    """Returns the same as JSON."""
    rows = [result.as_dict() for result in results]
    return json.dumps({"machine": dict(about), "rows": rows}, indent=1)


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8") if path.exists() else ""
    found = re.search(r"^model name\s*: (.*)$", lines, re.MULTILINE)
    return found.group(1) if found else platform.machine()


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"
