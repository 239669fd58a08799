"""Joins served rows with those that training computed for the same entity: the Beam pipeline.

    training ─► by entity ─┐
                           ├─► TFDV's feature skew detector ─► compare ─► result
    serving ──► by entity ─┘         (joins)

TFDV's detector joins. What differs is counted by `feature_mismatches`, because the detector
compares bytes, or floats after rounding, which parts neighbours, and gives the pairs of rows only
as a sample that one worker has to hold in memory. What it calls confusions, however, is every pair
of joined values of a feature. So each side's rows are first brought together by entity, and each
entity goes to the detector as one example that has, beside its identifier, one feature: its rows.
That also keeps entities with several rows, which the detector leaves out or multiplies.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import apache_beam as beam
from tensorflow.core.example import example_pb2
from tensorflow_data_validation.skew import feature_skew_detector as detector
from tfx.dsl.io import fileio

from components.skew_validator import entity_rows
from components.skew_validator.entity_rows import EntityRows
from components.skew_validator.feature_findings import counts_of, findings_of
from components.skew_validator.feature_mismatches import SERVING, TRAINING, Result, Tally

__all__ = ["Compare", "Join", "counts_of", "findings_of", "run"]

_ENTITY: Final = "entity"
_ROWS: Final = "rows"
_PAIR: Final = "pair"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Join:
    """How rows are joined and compared.

    Attributes:
        identifiers: Features that together name an entity.
        features: Features to compare; None for all. Identifiers and columns that were added to
            served rows are never compared.
        ignored: Features not to compare, such as the label.
        tolerance: Difference of two floats, relative to the larger, up to which they are the same.
        max_examples: How many examples of differing rows to keep of each feature.
    """

    identifiers: tuple[str, ...]
    features: tuple[str, ...] | None = None
    ignored: tuple[str, ...] = ()
    tolerance: float = 1e-6
    max_examples: int = 10

    def __post_init__(self) -> None:
        if not self.identifiers or len(set(self.identifiers)) < len(self.identifiers):
            raise ValueError(
                "identifiers: expected at least one feature, each named once; received "
                f"{self.identifiers!r}."
            )
        if not 0 <= self.tolerance < 1:
            raise ValueError(
                f"tolerance: expected a number from 0 to below 1, received {self.tolerance!r}."
            )
        if self.max_examples < 0:
            raise ValueError(f"max_examples: expected 0 or more, received {self.max_examples!r}.")


def run(
    make_pipeline: Callable[[], Any],
    training_paths: Sequence[str],
    serving_paths: Sequence[str],
    join: Join,
    *,
    result_path: str,
) -> Result:
    """Compares files row by row.

    Args:
        make_pipeline: Makes a Beam pipeline, as an executor's `_make_beam_pipeline` does.
        training_paths: Files of tf.Examples, or patterns of them, as TFRecords; compressed where
            their names end so.
        serving_paths: Likewise of served rows.
        join: How rows are joined and compared.
        result_path: Where workers write the result, as JSON.

    Returns:
        What was counted. A side without files has no rows.
    """
    with make_pipeline() as pipeline:
        sides = {
            side: pipeline
            | f"Files[{side}]" >> beam.Create(list(paths))
            | f"Read[{side}]" >> beam.io.ReadAllFromTFRecord()
            for side, paths in ((TRAINING, training_paths), (SERVING, serving_paths))
        }
        sides | "Compare" >> Compare(join) | "Write" >> beam.Map(_write, path=result_path)
    with fileio.open(result_path) as file:
        return Result.from_json(file.read())


class Compare(beam.PTransform):
    """Turns rows of both sides, `{TRAINING: …, SERVING: …}`, into one `Result` as JSON.

    Args:
        join: How rows are joined and compared.
    """

    def __init__(self, join: Join) -> None:
        super().__init__()
        self._join = join

    def expand(self, sides: Mapping[str, Any]) -> Any:
        """Adds the transforms."""
        limits = {TRAINING: entity_rows.TRAINING_LIMIT, SERVING: entity_rows.SERVING_LIMIT}
        entities = {side: self._by_entity(sides[side], side, limits[side]) for side in limits}
        # It is spared its own comparison; all that it sees of an entity is one feature.
        joined = (
            _wrapped(entities[TRAINING], TRAINING),
            _wrapped(entities[SERVING], SERVING),
        ) | "Join" >> detector.DetectFeatureSkewImpl(
            identifier_features=[_ENTITY],
            features_to_ignore=[_ROWS],
            confusion_configs=[detector.ConfusionConfig(_ROWS)],
        )
        pairs = joined[detector.CONFUSION_KEY] | "Pairs" >> beam.FlatMap(_pairs)
        counted = tuple(
            entities[side] | f"Sizes[{side}]" >> beam.Map(_size, side=side) for side in limits
        )
        return (*counted, pairs) | beam.Flatten() | beam.CombineGlobally(_Summary(self._join))

    def _by_entity(self, records: Any, side: str, limit: int) -> Any:
        return (
            records
            | f"Parse[{side}]"
            >> beam.Map(
                entity_rows.read,
                identifiers=self._join.identifiers,
                wanted=None if self._join.features is None else frozenset(self._join.features),
                ignored=frozenset(self._join.ignored),
            ).with_output_types(tuple[bytes, tuple[bytes, int]])
            | f"ByEntity[{side}]"
            >> beam.CombinePerKey(_RowsOfEntity(limit)).with_output_types(
                tuple[bytes, tuple[int, bytes]]
            )
        )


class _RowsOfEntity(beam.CombineFn):
    def __init__(self, limit: int) -> None:
        super().__init__()
        self._limit = limit

    def create_accumulator(self) -> EntityRows:
        return EntityRows(limit=self._limit)

    def add_input(self, accumulator: EntityRows, element: tuple[bytes, int]) -> EntityRows:
        return accumulator.add(*element)

    def merge_accumulators(self, accumulators: Iterable[EntityRows]) -> EntityRows:
        merged = self.create_accumulator()
        for accumulator in accumulators:
            merged.merge(accumulator)
        return merged

    def extract_output(self, accumulator: EntityRows) -> tuple[int, bytes]:
        return accumulator.total, entity_rows.encode(accumulator)


class _Summary(beam.CombineFn):
    def __init__(self, join: Join) -> None:
        super().__init__()
        self._join = join

    def create_accumulator(self) -> Tally:
        return Tally(
            identifiers=self._join.identifiers,
            tolerance=self._join.tolerance,
            max_examples=self._join.max_examples,
            features=self._join.features or (),
        )

    def add_input(self, accumulator: Tally, element: tuple[Any, ...]) -> Tally:
        what, one, other = element
        if what == _PAIR:
            accumulator.add_pair(entity_rows.decode(one), entity_rows.decode(other))
        else:
            accumulator.add_entity(what, rows=one, named=other)
        return accumulator

    def merge_accumulators(self, accumulators: Iterable[Tally]) -> Tally:
        merged = self.create_accumulator()
        for accumulator in accumulators:
            merged.merge(accumulator)
        return merged

    def extract_output(self, accumulator: Tally) -> str:
        return accumulator.result().to_json()


def _size(entity: tuple[bytes, tuple[int, bytes]], side: str) -> tuple[str, int, bool]:
    key, (rows, _) = entity
    return side, rows, bool(key)


def _pairs(found: Any) -> Iterable[tuple[str, bytes, bytes]]:
    # Entities of which only the numbers of rows were kept may look alike.
    return itertools.repeat((_PAIR, found.base.bytes_value, found.test.bytes_value), found.count)


def _wrapped(entities: Any, side: str) -> Any:
    return (
        entities
        | f"Named[{side}]" >> beam.Filter(lambda entity: bool(entity[0]))
        | f"Wrap[{side}]" >> beam.MapTuple(_wrap).with_output_types(example_pb2.Example)
    )


def _wrap(key: bytes, found: tuple[int, bytes]) -> example_pb2.Example:
    example = example_pb2.Example()
    example.features.feature[_ENTITY].bytes_list.value.append(key)
    example.features.feature[_ROWS].bytes_list.value.append(found[1])
    return example


def _write(text: str, path: str) -> None:
    with fileio.open(path, "w") as file:
        file.write(text)
