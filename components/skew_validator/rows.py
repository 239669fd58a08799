"""Reads TFRecord files of tf.Examples into one array for each column. No per-row Python.

One value a row: of several the first is taken, since values of one row depend on each other (see
`sample`); how many rows had several is counted. A prediction of several values is another matter,
see `one_of_each`.

Where there are more rows than asked for, a random choice of them is kept, each choice as likely:
every row draws a number, and those with the smallest stay. At most twice as many as asked for are
held at any time. TFDV's statistics, which are made on the way when they are asked for, are of all.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import tensorflow as tf
from tensorflow_data_validation.statistics import stats_impl, stats_options
from tensorflow_metadata.proto.v0 import statistics_pb2
from tfx_bsl.coders import example_coder

from components.prediction_log_example_gen.keys import PREDICTION

ROWS_AT_ONCE = 8192
_READ_AHEAD_BYTES = 2**20


class CorruptExamplesError(ValueError):
    """A file is damaged, or holds something else than tf.Examples."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Column:
    """The values of one column, a row each.

    Attributes:
        values: Shape `(rows,)`: numbers, or places in `names`; 0 where a row has none.
        present: Which rows have a value, shape `(rows,)`.
        names: The texts; None where the column holds numbers.
        several: How many rows that were read had more than one value.
    """

    values: np.ndarray
    present: np.ndarray
    names: tuple[bytes, ...] | None = None
    several: int = 0


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Rows:
    """What was read.

    Attributes:
        columns: By name; those that no example has a value of are among them, if an example names
            them.
        count: Rows that were kept.
        seen: Rows that were read.
        statistics: TFDV's, of all rows that were read; None where they were not asked for.
    """

    columns: Mapping[str, Column]
    count: int
    seen: int
    statistics: statistics_pb2.DatasetFeatureStatisticsList | None = None


def read(
    paths: Sequence[str],
    *,
    wanted: Callable[[str], bool],
    max_rows: int,
    rng: np.random.Generator,
    described: Callable[[str], bool] | None = None,
) -> Rows:
    """Reads the columns of examples.

    Args:
        paths: TFRecord files, gzip-compressed where they end in `.gz`.
        wanted: Whether to keep a column, by name.
        max_rows: How many rows to keep at most.
        rng: Chooses them. Equal files, order and generator make an equal choice.
        described: Whether statistics shall tell of a column, by name; None for no statistics.

    Raises:
        CorruptExamplesError: A file cannot be read to its end, or a record is no tf.Example.
    """
    kept = _Kept(max_rows, rng)
    statistics = _Statistics(described) if described else None
    for batch in _batches(paths):
        kept.add(batch, [name for name in batch.schema.names if wanted(name)])
        if statistics:
            statistics.add(batch)
    return kept.rows(statistics.result() if statistics else None)


def one_of_each(values: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Returns one number for each row of a prediction.

    One value stands for itself. Of two, those of a model that tells two classes apart, the second
    is taken; of more, the place of the largest, which is the class that is predicted.

    Args:
        values: Of all rows, one after the other.
        ends: Where each row ends, shape `(rows,)`; no row is empty.
    """
    if not ends.size:
        return values
    starts = np.concatenate([[0], ends[:-1]])
    widths = ends - starts
    if widths.max() == 1:
        return values
    if widths.max() == 2:
        return values[ends - 1]
    largest = np.maximum.reduceat(values, starts)
    hits = np.flatnonzero(values == np.repeat(largest, widths))
    rows = np.searchsorted(ends, hits, side="right")
    # A row of NaN has no largest; its class is none of those there are.
    found = np.full(ends.size, -1, np.int64)
    found[rows[::-1]] = (hits - starts[rows])[::-1]
    return found


def _batches(paths: Sequence[str]) -> Iterator[pa.RecordBatch]:
    decoder = example_coder.ExamplesToRecordBatchDecoder()
    for path in paths:
        kind = "GZIP" if path.endswith(".gz") else ""
        records = tf.data.TFRecordDataset([path], kind, buffer_size=_READ_AHEAD_BYTES)
        serialized = records.batch(ROWS_AT_ONCE).prefetch(2).as_numpy_iterator()
        done = 0
        while True:
            try:
                examples = next(serialized, None)
                if examples is None:
                    break
                batch = decoder.DecodeBatch(examples)
            except (tf.errors.OpError, ValueError, RuntimeError) as error:
                text = " ".join(str(error).split())[:300]
                raise CorruptExamplesError(
                    f"{path}: expected tf.Examples in TFRecords, and cannot read those after the "
                    f"first {done}: {text}"
                ) from error
            done += len(examples)
            yield batch


class _Kept:
    """Rows that are held, in the order in which they came."""

    def __init__(self, max_rows: int, rng: np.random.Generator) -> None:
        self._max_rows = max_rows
        self._rng = rng
        self._seen = 0
        self._parts: list[_Part] = []
        self._columns: dict[str, _Kind] = {}

    def add(self, batch: pa.RecordBatch, names: list[str]) -> None:
        self._seen += batch.num_rows
        cells = {}
        for name in names:
            kind = self._columns.setdefault(name, _Kind(name))
            cells[name] = kind.cells(batch.column(batch.schema.names.index(name)))
        self._parts.append(_Part(keys=self._rng.random(batch.num_rows), cells=cells))
        if sum(part.keys.size for part in self._parts) >= 2 * self._max_rows:
            self._thin()

    def rows(self, statistics: statistics_pb2.DatasetFeatureStatisticsList | None) -> Rows:
        self._thin()
        columns = {name: self._column(name) for name in sorted(self._columns)}
        count = sum(part.keys.size for part in self._parts)
        return Rows(columns=columns, count=count, seen=self._seen, statistics=statistics)

    def _thin(self) -> None:
        keys = np.concatenate([part.keys for part in self._parts] or [np.empty(0)])
        if keys.size > self._max_rows:
            highest = np.partition(keys, self._max_rows - 1)[self._max_rows - 1]
            self._parts = [part.only(part.keys <= highest) for part in self._parts]
            for name, kind in self._columns.items():
                if kind.is_text:
                    self._forget(name, kind)

    def _forget(self, name: str, kind: _Kind) -> None:
        """Drops the texts of a column that no kept row has: of an identifier, each has its own."""
        held = [part.cells[name] for part in self._parts if name in part.cells]
        used = np.unique(np.concatenate([values[present] for values, present in held] or [[]]))
        used = used.astype(np.int64)
        moved = np.zeros(len(kind.names), np.int32)
        moved[used] = np.arange(used.size, dtype=np.int32)
        for part in self._parts:
            if name in part.cells:
                values, present = part.cells[name]
                places = np.where(present, values, 0).astype(np.int64)
                part.cells[name] = np.where(present, moved[places], 0).astype(np.int32), present
        texts = list(kind.names)
        kind.names = {texts[place]: number for number, place in enumerate(used.tolist())}

    def _column(self, name: str) -> Column:
        kind = self._columns[name]
        cells = [part.cells.get(name) or _no_cells(part.keys.size) for part in self._parts]
        # A part without a value has no type of its own.
        typed = [values for values, present in cells if present.any()]
        dtype = np.result_type(*typed) if typed else np.dtype(np.float32)
        values = [part[0].astype(dtype, copy=False) for part in cells]
        return Column(
            values=np.concatenate([*values, np.empty(0, dtype)]),
            present=np.concatenate([*(part[1] for part in cells), np.empty(0, bool)]),
            names=tuple(kind.names) if kind.is_text else None,
            several=kind.several,
        )


_Cells = tuple[np.ndarray, np.ndarray]


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Part:
    keys: np.ndarray
    cells: dict[str, _Cells]

    def only(self, which: np.ndarray) -> _Part:
        cells = {name: (cell[0][which], cell[1][which]) for name, cell in self.cells.items()}
        return _Part(keys=self.keys[which], cells=cells)


def _no_cells(rows: int) -> _Cells:
    return np.zeros(rows, np.float32), np.zeros(rows, bool)


class _Kind:
    """What is known of a column, from batch to batch."""

    def __init__(self, name: str) -> None:
        self.names: dict[bytes, int] = {}
        self.several = 0
        self._name = name
        self._types: set[bool] = set()

    @property
    def is_text(self) -> bool:
        return True in self._types

    def cells(self, array: pa.Array) -> _Cells:
        if pa.types.is_null(array.type):
            return _no_cells(len(array))
        ends = array.offsets.to_numpy()
        widths = np.diff(ends)
        present = widths > 0
        self.several += int((widths > 1).sum())
        firsts = ends[:-1][present]
        flat = array.values
        self._learn(flat)
        if self.is_text:
            return _spread(self._places(flat.take(pa.array(firsts))), present)
        numbers = flat.to_numpy(zero_copy_only=False)
        if self._name == PREDICTION and (widths > 1).any():
            return _spread(one_of_each(numbers[ends[0] :], ends[1:][present] - ends[0]), present)
        return _spread(numbers[firsts], present)

    def _learn(self, flat: pa.Array) -> None:
        if not len(flat):
            return
        self._types.add(pa.types.is_binary(flat.type) or pa.types.is_large_binary(flat.type))
        if len(self._types) > 1:
            raise CorruptExamplesError(
                f"{self._name}: expected one type in all examples, received texts in some and "
                "numbers in others."
            )

    def _places(self, texts: pa.Array) -> np.ndarray:
        encoded = texts.dictionary_encode()
        known = self.names
        places = [known.setdefault(name, len(known)) for name in encoded.dictionary.to_pylist()]
        return np.array(places, np.int32)[encoded.indices.to_numpy()]


def _spread(values: np.ndarray, present: np.ndarray) -> _Cells:
    if present.all():
        return values, present
    wide = np.zeros(present.size, values.dtype)
    wide[present] = values
    return wide, present


class _Statistics:
    """TFDV's own statistics, by its own accumulators, of batches that are decoded anyway."""

    def __init__(self, described: Callable[[str], bool]) -> None:
        self._described = described
        self._generators: list[Any] = stats_impl.get_generators(
            stats_options.StatsOptions(), in_memory=True
        )
        self._sums = [generator.create_accumulator() for generator in self._generators]

    def add(self, batch: pa.RecordBatch) -> None:
        names = [name for name in batch.schema.names if self._described(name)]
        arrays = [batch.column(batch.schema.names.index(name)) for name in names]
        part = pa.RecordBatch.from_arrays(arrays, names)
        self._sums = [
            generator.add_input(total, part)
            for generator, total in zip(self._generators, self._sums, strict=True)
        ]

    def result(self) -> statistics_pb2.DatasetFeatureStatisticsList:
        return stats_impl.extract_statistics_output(self._sums, self._generators)
