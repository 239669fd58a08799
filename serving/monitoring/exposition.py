"""Counters and histograms in Prometheus' text format, as TensorFlow Serving prints them.

The usual client library cannot: it appends `_total` to a counter's name and prints `# HELP` lines.
TensorFlow Serving's names begin with a colon and have neither, and dashboards are written against
those names.

Made for one thread that writes, the event loop, and any that reads.
"""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Iterable, Iterator, Sequence

Labels = tuple[str, ...]


class Counter:
    """A number per combination of labels that only grows.

    Args:
        name: As Prometheus shows it.
        labels: The labels' names.
    """

    kind = "counter"

    def __init__(self, name: str, labels: Sequence[str]) -> None:
        self.name = name
        self.labels = tuple(labels)
        self._values: dict[Labels, float] = {}

    def add(self, *labels: str, amount: float = 1) -> None:
        """Adds to the number of these labels' values."""
        self._values[labels] = self._values.get(labels, 0) + amount

    def value(self, *labels: str) -> float:
        """Returns the number of these labels' values, 0 where none was added."""
        return self._values.get(labels, 0)

    def items(self) -> dict[Labels, float]:
        """Returns a copy of all numbers."""
        return dict(self._values)

    def lines(self) -> Iterator[str]:
        """Yields the samples in text form."""
        for labels, value in self.items().items():
            yield f"{self.name}{_braces(zip(self.labels, labels, strict=True))} {_number(value)}"


class Gauge(Counter):
    """A number per combination of labels that goes up and down."""

    kind = "gauge"

    def set(self, *labels: str, value: float) -> None:
        """Sets the number of these labels' values."""
        self._values[labels] = value


class Histogram:
    """How often values fell into buckets, per combination of labels.

    Args:
        name: As Prometheus shows it.
        labels: The labels' names.
        bounds: Upper bounds of the buckets, inclusive and increasing; one without bound is added.
    """

    kind = "histogram"

    def __init__(self, name: str, labels: Sequence[str], bounds: Sequence[float]) -> None:
        self.name = name
        self.labels = tuple(labels)
        self.bounds = list(bounds)
        self._counts: dict[Labels, list[int]] = {}
        self._sums: dict[Labels, float] = {}

    def observe(self, *labels: str, value: float) -> None:
        """Counts a value."""
        counts = self._counts.get(labels)
        if counts is None:
            counts = self._counts[labels] = [0] * (len(self.bounds) + 1)
            self._sums[labels] = 0.0
        counts[bisect.bisect_left(self.bounds, value)] += 1
        self._sums[labels] += value

    def count(self, *labels: str) -> int:
        """Returns how many values were counted under these labels' values."""
        return sum(self._counts.get(labels, ()))

    def lines(self) -> Iterator[str]:
        """Yields the samples in text form, buckets cumulated."""
        bounds = [*map(_number, self.bounds), "+Inf"]
        for labels, counts in list(self._counts.items()):
            named = list(zip(self.labels, labels, strict=True))
            cumulated = list(itertools.accumulate(counts))
            for bound, count in zip(bounds, cumulated, strict=True):
                yield f"{self.name}_bucket{_braces([*named, ('le', bound)])} {count}"
            yield f"{self.name}_sum{_braces(named)} {_number(self._sums[labels])}"
            yield f"{self.name}_count{_braces(named)} {cumulated[-1]}"


Metric = Counter | Histogram


def text(metrics: Iterable[Metric]) -> bytes:
    """Returns metrics in Prometheus' text format, version 0.0.4."""
    lines: list[str] = []
    for metric in metrics:
        lines += [f"# TYPE {metric.name} {metric.kind}", *metric.lines()]
    return ("\n".join(lines) + "\n").encode()


def exponential(first: float, factor: float, count: int) -> list[float]:
    """Returns increasing bucket bounds: first, first x factor, ..."""
    return [first * factor**n for n in range(count)]


def _braces(named: Iterable[tuple[str, str]]) -> str:
    inner = ",".join(f'{name}="{_escaped(value)}"' for name, value in named)
    return f"{{{inner}}}" if inner else ""


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() and abs(value) < 2**53 else repr(value)
