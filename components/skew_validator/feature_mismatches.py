"""Counts in how many joined rows the two sides of a feature differ, with examples.

    tally = Tally(identifiers=("flight",), tolerance=1e-6, max_examples=10)
    tally.add_entity(TRAINING, rows=1, named=True)
    tally.add_entity(SERVING, rows=2, named=True)
    tally.add_pair(training_rows, serving_rows)       # an entity that both sides know
    tally.result().features["temp"].mismatched        # of 2 joined rows

Every row is counted once: it lacks an identifier, or its entity is unknown to the other side, or it
cannot be told which rows of its entity belong together, or it was joined. A tally is an accumulator
that workers fill and merge; the order of rows changes nothing. How rows come together is left to
`feature_skew`, what follows from the counts to `feature_findings`.
"""

from __future__ import annotations

import collections
import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from tensorflow.core.example import example_pb2

from components.skew_validator import feature_values
from components.skew_validator.entity_rows import NEVER, EntityRows, earlier
from components.skew_validator.feature_values import Values

TRAINING: Final = "training"
SERVING: Final = "serving"


@dataclasses.dataclass(frozen=True, kw_only=True)
class SideRows:
    """Where the rows of one side went.

    Attributes:
        rows: All of them.
        unnamed: Those that lack an identifier.
        ambiguous: Those of an entity whose training rows differ, or which was served with more
            different rows than are kept.
        joined: Those that were compared.
    """

    rows: int = 0
    unnamed: int = 0
    ambiguous: int = 0
    joined: int = 0

    @property
    def alone(self) -> int:
        """Rows whose entity the other side does not know."""
        return self.rows - self.unnamed - self.ambiguous - self.joined


@dataclasses.dataclass(frozen=True, kw_only=True, order=True)
class Example:
    """A served row in which a feature differs.

    Attributes:
        served_sec: When it was served, in seconds since 1970; `NEVER` where it does not say so.
        entity: Names and values of the identifiers.
        training: The value that training computed.
        serving: The value that was served.
    """

    served_sec: int
    entity: str
    training: str
    serving: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Feature:
    """How the two sides of a feature compare. All numbers are of served rows that were joined.

    Attributes:
        filled: Those in which a side has a value.
        differing: Those in which both have one, and they differ.
        only_training: Those in which serving lacks it.
        only_serving: Those in which training lacks it.
        kinds: Those in which the sides' types differ: the type in training, in serving, rows.
        first_served_sec: When the first row that differs was served; `NEVER` where that is unknown.
        examples: The first rows that differ, in time and then by name of the entity.
    """

    filled: int = 0
    differing: int = 0
    only_training: int = 0
    only_serving: int = 0
    kinds: tuple[tuple[str, str, int], ...] = ()
    first_served_sec: int = NEVER
    examples: tuple[Example, ...] = ()

    @property
    def mismatched(self) -> int:
        """Rows in which the sides don't mean the same."""
        return self.differing + self.only_training + self.only_serving


@dataclasses.dataclass(frozen=True, kw_only=True)
class Result:
    """What a comparison row by row counted.

    Attributes:
        identifiers: Features that name an entity.
        training: Where the rows of training went.
        serving: Where the served rows went.
        features: By name, every feature that a joined row has, or that was asked for.
    """

    identifiers: tuple[str, ...]
    training: SideRows
    serving: SideRows
    features: Mapping[str, Feature]

    def to_json(self) -> str:
        """Returns it as JSON."""
        return json.dumps(dataclasses.asdict(self), indent=1, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Result:
        """Returns what `to_json` was given."""
        read = json.loads(text)
        return cls(
            identifiers=tuple(read["identifiers"]),
            training=SideRows(**read["training"]),
            serving=SideRows(**read["serving"]),
            features={name: _feature(item) for name, item in read["features"].items()},
        )


class Tally:
    """Counts, which workers fill and merge.

    Args:
        identifiers: Features that name an entity; they are not compared.
        tolerance: Relative difference up to which two floats are the same.
        max_examples: How many examples to keep of a feature.
        features: Features to tell of even if no row has them.
    """

    def __init__(
        self,
        *,
        identifiers: Sequence[str],
        tolerance: float,
        max_examples: int,
        features: Sequence[str] = (),
    ) -> None:
        self._identifiers = tuple(identifiers)
        self._tolerance = tolerance
        self._max_examples = max_examples
        self._rows: collections.Counter[tuple[str, str]] = collections.Counter()
        compared = (name for name in features if name not in self._identifiers)
        self._features = {name: _Counts() for name in compared}

    def add_entity(self, side: str, *, rows: int, named: bool) -> None:
        """Counts the rows of an entity on one side, or rows that name none.

        Args:
            side: `TRAINING` or `SERVING`.
            rows: How many there are.
            named: Whether they have all identifiers.
        """
        self._rows[side, "rows"] += rows
        if not named:
            self._rows[side, "unnamed"] += rows

    def add_pair(self, training: EntityRows, serving: EntityRows) -> None:
        """Compares the rows of an entity that both sides know; `add_entity` counted them."""
        if not (training.distinct and serving.distinct):
            self._rows[TRAINING, "ambiguous"] += training.total
            self._rows[SERVING, "ambiguous"] += serving.total
            return
        self._rows[TRAINING, "joined"] += training.total
        self._rows[SERVING, "joined"] += serving.total
        (expected,) = training.distinct
        held = _values(expected)
        for received, (rows, served_sec) in serving.distinct.items():
            if received == expected:
                self._add_equal(held, rows)
            else:
                self._add_row(held, _values(received), rows, served_sec)

    def merge(self, other: Tally) -> Tally:
        """Takes the counts of another."""
        self._rows.update(other._rows)
        for name, counts in other._features.items():
            self._counts(name).merge(counts, self._max_examples)
        return self

    def result(self) -> Result:
        """Returns what was counted."""
        sides = {
            side: SideRows(**{kind: n for (of, kind), n in self._rows.items() if of == side})
            for side in (TRAINING, SERVING)
        }
        return Result(
            identifiers=self._identifiers,
            training=sides[TRAINING],
            serving=sides[SERVING],
            features={name: self._features[name].frozen() for name in sorted(self._features)},
        )

    def _counts(self, name: str) -> _Counts:
        return self._features.setdefault(name, _Counts())

    def _add_equal(self, values: Mapping[str, Values], rows: int) -> None:
        for name, held in values.items():
            if name not in self._identifiers:
                self._counts(name).filled += rows if held.values else 0

    def _add_row(
        self,
        training: Mapping[str, Values],
        serving: Mapping[str, Values],
        rows: int,
        served_sec: int,
    ) -> None:
        absent = feature_values.ABSENT
        for name in training.keys() | serving.keys():
            if name in self._identifiers:
                continue
            expected, received = training.get(name, absent), serving.get(name, absent)
            counts = self._counts(name)
            counts.look(expected, received, rows)
            if not feature_values.same(expected, received, self._tolerance):
                counts.differ(expected, received, rows, served_sec)
                if counts.wants(served_sec, self._max_examples):
                    example = Example(
                        served_sec=served_sec,
                        entity=self._entity(serving),
                        training=feature_values.shown(expected),
                        serving=feature_values.shown(received),
                    )
                    counts.keep([example], self._max_examples)

    def _entity(self, row: Mapping[str, Values]) -> str:
        return ", ".join(f"{name}={feature_values.shown(row[name])}" for name in self._identifiers)


@dataclasses.dataclass
class _Counts:
    """The accumulator of a `Feature`."""

    filled: int = 0
    differing: int = 0
    only_training: int = 0
    only_serving: int = 0
    kinds: collections.Counter[tuple[str, str]] = dataclasses.field(
        default_factory=collections.Counter
    )
    first_served_sec: int = NEVER
    examples: list[Example] = dataclasses.field(default_factory=list)

    def look(self, training: Values, serving: Values, rows: int) -> None:
        if training.values or serving.values:
            self.filled += rows
        if training.values and serving.values and training.kind != serving.kind:
            self.kinds[training.kind, serving.kind] += rows

    def differ(self, training: Values, serving: Values, rows: int, served_sec: int) -> None:
        if not serving.values:
            self.only_training += rows
        elif not training.values:
            self.only_serving += rows
        else:
            self.differing += rows
        self.first_served_sec = earlier(self.first_served_sec, served_sec)

    def wants(self, served_sec: int, most: int) -> bool:
        # Looked at before an example's texts are made, as all rows may differ.
        return len(self.examples) < most or (
            most > 0 and _time(served_sec) <= _time(self.examples[-1].served_sec)
        )

    def keep(self, examples: Sequence[Example], most: int) -> None:
        ranked = sorted({*self.examples, *examples}, key=lambda one: (_time(one.served_sec), one))
        self.examples = ranked[:most]

    def merge(self, other: _Counts, most: int) -> None:
        self.filled += other.filled
        self.differing += other.differing
        self.only_training += other.only_training
        self.only_serving += other.only_serving
        self.kinds.update(other.kinds)
        self.first_served_sec = earlier(self.first_served_sec, other.first_served_sec)
        self.keep(other.examples, most)

    def frozen(self) -> Feature:
        return Feature(
            filled=self.filled,
            differing=self.differing,
            only_training=self.only_training,
            only_serving=self.only_serving,
            kinds=tuple((*kinds, rows) for kinds, rows in sorted(self.kinds.items())),
            first_served_sec=self.first_served_sec,
            examples=tuple(self.examples),
        )


def _time(served_sec: int) -> float:
    return float("inf") if served_sec == NEVER else served_sec


def _values(row: bytes) -> dict[str, Values]:
    features = example_pb2.Example.FromString(row).features.feature
    return {name: feature_values.values_of(feature) for name, feature in features.items()}


def _feature(read: dict[str, Any]) -> Feature:
    return Feature(
        kinds=tuple((one, other, rows) for one, other, rows in read.pop("kinds")),
        examples=tuple(Example(**item) for item in read.pop("examples")),
        **read,
    )
