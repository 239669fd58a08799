"""The departures of the year as a replay sends them: examples, labels, and folders of weeks.

What is asked about is what a caller knows: every column but the delay at arrival. Whole numbers,
floats and texts are encoded as ArrowExampleGen encodes the weeks that are trained on.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from components.arrow_example_gen import csv_source, encoding
from pipelines.flights import features
from pipelines.replay.days import BEGINS_SEC, DAY_SEC, DAYS_PER_SPAN, Day

FILE = "flights.csv"
_ID, _AT, _DELAY = "flight_id", "scheduled_at", features.LABEL


@dataclasses.dataclass(frozen=True)
class Departures:
    """Departures by time, as arrays of one entry each.

    Attributes:
        table: All columns, as ArrowExampleGen reads them.
        ids: What names each.
        at_sec: Their scheduled time, moved into the day that they belong to.
        day: Number of that day, from 0.
        delay: Minutes at arrival, float64.
    """

    table: pa.Table
    ids: tuple[str, ...]
    at_sec: np.ndarray
    day: np.ndarray
    delay: np.ndarray

    @classmethod
    def read(cls, folder: Path, spans: Iterable[int]) -> Departures:
        """Reads the weeks of a folder."""
        paths = [str(span_file(folder, span)) for span in sorted(spans)]
        return cls.of_table(pa.Table.from_batches(list(csv_source.read(paths))))

    @classmethod
    def of_table(cls, table: pa.Table) -> Departures:
        """Takes departures as ArrowExampleGen reads them."""
        ids = tuple(text.decode() for text in table[_ID].to_pylist())
        day = _day_numbers(ids)
        begins = BEGINS_SEC + day * DAY_SEC
        # An hour of summer time may lie before the midnight that a day here begins with.
        at_sec = np.clip(table[_AT].to_numpy(), begins, begins + DAY_SEC - 1)
        return cls(table, ids, at_sec, day, table[_DELAY].to_numpy().astype(np.float64))

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def late(self) -> np.ndarray:
        """1 where a departure arrived late, else 0, float32."""
        return (self.delay > features.LATE_MINUTES).astype(np.float32)

    @property
    def span(self) -> np.ndarray:
        """The week of each."""
        return self.day // DAYS_PER_SPAN + 1

    @functools.cached_property
    def asked(self) -> list[bytes]:
        """The serialized tf.Example that is sent for each."""
        return self._encoded([name for name in self.table.column_names if name != _DELAY])

    @functools.cached_property
    def trained(self) -> list[bytes]:
        """The serialized tf.Example that ArrowExampleGen makes of each, by which it is split."""
        return self._encoded(self.table.column_names)

    def between(self, begin_sec: int, end_sec: int) -> np.ndarray:
        """Returns the places of departures within some time, in their order."""
        return np.flatnonzero((self.at_sec >= begin_sec) & (self.at_sec < end_sec))

    def of_day(self, day: Day) -> np.ndarray:
        """Returns the places of a day's departures."""
        return np.flatnonzero(self.day == day.number)

    def _encoded(self, names: Sequence[str]) -> list[bytes]:
        return [
            example
            for batch in self.table.to_batches()
            for example in encoding.examples(
                pa.RecordBatch.from_arrays(
                    [batch.column(batch.schema.names.index(name)) for name in names], list(names)
                )
            ).to_pylist()
        ]


def span_file(folder: Path, span: int) -> Path:
    """Returns the file of a week within a folder of weeks."""
    return folder / f"span-{span}" / FILE


def thinned(source: Path, target: Path, every: int) -> None:
    """Copies weeks, and of their departures each of so many.

    Args:
        source: Folder of weeks.
        target: Folder that is made.
        every: 1 to keep all, 20 to keep one of twenty.
    """
    seen = 0
    for span in range(1, len(list(source.glob("span-*"))) + 1):
        header, *rows = span_file(source, span).read_text(encoding="utf-8").splitlines(True)
        first = -seen % every
        seen += len(rows)
        made = span_file(target, span)
        made.parent.mkdir(parents=True)
        made.write_text(header + "".join(rows[first::every]), encoding="utf-8")


def _day_numbers(ids: Sequence[str]) -> np.ndarray:
    """Returns the day in the year by the date that each id begins with."""
    dates = np.array([text[:10] for text in ids], dtype="datetime64[D]")
    first = np.datetime64("2013-01-01", "D")
    return (dates - first).astype(np.int64)
