"""Reads examples in Arrow batches: TFRecord files through tf.data, columns through tfx-bsl.

Only the columns that rules name are decoded, by the types of the schema; from a row that is of
another type than that, tfx-bsl takes nothing, so the columns are then decoded one by one, and the
one to blame is known. In memory are two batches.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

import pyarrow as pa
import tensorflow as tf
from tfx_bsl.coders import example_coder

from components.data_quality_validator.columns import Column, Kind, Rows, column
from components.data_quality_validator.errors import NotMeasurable
from components.data_quality_validator.schema_columns import schema_of

BATCH_ROWS = 8192
_FEATURES_SHOWN = 6
_SHOWN_CHARACTERS = 60


class ExampleFiles:
    """The rows of a span, as `quality.Data` gives them.

    Attributes:
        splits: Names of the splits.
    """

    def __init__(
        self,
        files: Mapping[str, Sequence[str]],
        kinds: Mapping[str, Kind],
        batch_rows: int = BATCH_ROWS,
    ) -> None:
        """Takes files of serialized tf.Examples.

        Args:
            files: Of each split, in their order; compressed where a name ends in `.gz`.
            kinds: What the columns hold.
            batch_rows: Rows in a batch.
        """
        self.splits = tuple(files)
        self._files = files
        self._kinds = kinds
        self._batch_rows = batch_rows

    def batches(self, split: str, columns: Sequence[str]) -> Iterator[Rows]:
        """Yields the rows of a split in the order of its files.

        Args:
            split: Its name.
            columns: Those that will be asked for.
        """
        decoder = _Decoder(columns, self._kinds)
        start = 0
        for serialized in self._serialized(split):
            yield Rows(split, start, serialized, decoder.of(serialized))
            start += len(serialized)

    def rows(
        self, split: str, numbers: Collection[int], columns: Sequence[str]
    ) -> Mapping[int, Mapping[str, str]]:
        """Returns values of some rows for a reader: of the columns, or of the first few features.

        Args:
            split: The split.
            numbers: Of the rows, from 0.
            columns: May be empty.
        """
        wanted = self._records(split, set(numbers))
        if not columns:
            return {number: _features(record) for number, record in wanted.items()}
        get = _Decoder(columns, self._kinds).of(list(wanted.values()))
        return {
            number: {name: _shown(get, name, at) for name in columns}
            for at, number in enumerate(wanted)
        }

    def _records(self, split: str, numbers: set[int]) -> dict[int, bytes]:
        found: dict[int, bytes] = {}
        start = 0
        for serialized in self._serialized(split):
            end = start + len(serialized)
            found |= {n: serialized[n - start] for n in sorted(numbers) if start <= n < end}
            start = end
            if len(found) == len(numbers):
                break
        return found

    def _serialized(self, split: str) -> Iterator[list[bytes]]:
        for compression, files in (
            ("GZIP", [file for file in self._files[split] if file.endswith(".gz")]),
            ("", [file for file in self._files[split] if not file.endswith(".gz")]),
        ):
            if files:
                records = tf.data.TFRecordDataset(files, compression).batch(self._batch_rows)
                # One batch is unpacked while the one before is decoded.
                for batch in records.prefetch(1).as_numpy_iterator():
                    yield batch.tolist()


class _Decoder:
    """Decodes some columns of a batch when the first of them is asked for."""

    def __init__(self, names: Sequence[str], kinds: Mapping[str, Kind]) -> None:
        self._kinds = kinds
        self._names = [name for name in names if name in kinds]
        self._together = _coder({name: kinds[name] for name in self._names})

    def of(self, serialized: Sequence[bytes]) -> Callable[[str], Column]:
        decoded: dict[str, pa.Array | NotMeasurable] = {}

        def get(name: str) -> Column:
            if name not in self._kinds:
                raise NotMeasurable(_not_there(name, self._kinds))
            if not decoded:
                decoded.update(self._decode(serialized))
            values = decoded[name]
            if isinstance(values, NotMeasurable):
                raise values
            return column(values, self._kinds[name], name)

        return get

    def _decode(self, serialized: Sequence[bytes]) -> dict[str, pa.Array | NotMeasurable]:
        try:
            batch = self._together.DecodeBatch(serialized)
            return {name: batch.column(batch.schema.get_field_index(name)) for name in self._names}
        except RuntimeError:
            return {name: self._alone(name, serialized) for name in self._names}

    def _alone(self, name: str, serialized: Sequence[bytes]) -> pa.Array | NotMeasurable:
        kind = self._kinds[name]
        try:
            return _coder({name: kind}).DecodeBatch(serialized).column(0)
        except RuntimeError as error:
            return NotMeasurable(
                f"column {name!r} cannot be read as {kind.value}, which the schema says: {error}"
            )


def _coder(kinds: Mapping[str, Kind]) -> example_coder.ExamplesToRecordBatchDecoder:
    return example_coder.ExamplesToRecordBatchDecoder(schema_of(kinds).SerializeToString())


def _not_there(name: str, kinds: Mapping[str, Kind]) -> str:
    close = difflib.get_close_matches(name, kinds, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    return f"the schema has no column {name!r}{hint}"


def _shown(get: Callable[[str], Column], name: str, at: int) -> str:
    try:
        return _short(get(name).shown(at))
    except NotMeasurable:
        return "(not read)"


def _features(record: bytes) -> dict[str, str]:
    features = tf.train.Example.FromString(record).features.feature
    shown = {}
    for name in sorted(features)[:_FEATURES_SHOWN]:
        kind = features[name].WhichOneof("kind")
        values = list(getattr(features[name], kind).value) if kind else []
        texts = [v.decode("utf-8", "replace") if isinstance(v, bytes) else str(v) for v in values]
        shown[name] = _short(" ".join(texts) or "(missing)")
    return shown


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 3] + "..."
