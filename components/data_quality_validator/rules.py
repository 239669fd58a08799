"""Which rules there are, and what each of them asks of a span of examples.

A file of rules is TOML, a list of tables for each kind, under the side of data quality that it
belongs to. All rows of the span count together, in whatever split they are. A rule judges the rows
that have the values that it asks for, and tells how many it left out; that a value is there at all
is asked by `completeness.presence`.

    [[accuracy.range]]              how many rows have a value out of bounds
    name = "fares are plausible"
    column = "fare"
    max = 500
    max_share = 0.001

    [[accuracy.condition]]          how many rows break a condition (`expressions`)
    name = "a trip that covers miles takes time"
    holds = "trip_seconds > 0 or trip_miles == 0"
    max_share = 0.03

    [[completeness.presence]]       how many rows have a value, within each value of `by`
    name = "the weather is known at every airport"
    column = "weather_temp"
    by = "origin"
    min_share = 0.97

    [[consistency.duplicates]]      how many rows repeat an earlier one, by key or as a whole
    [[consistency.dependency]]      how many keys come with several values of a column
    [[consistency.leak]]            how many rows of the second split are in the first as well
    [[consistency.balance]]         by how much a share differs between two splits
    [[timeliness.age]]              how old the newest row is
    [[timeliness.gap]]              how long nothing happened

Each dataclass below is a kind, and its attributes are the keys of the table. Reading a file is for
`rules_file`; measuring for `accuracy`, `completeness`, `consistency`, `balance` and `timeliness`.
"""

from __future__ import annotations

import dataclasses
import datetime
from typing import Annotated, Literal

from components.data_quality_validator import expressions
from components.data_quality_validator.errors import RulesError
from components.data_quality_validator.expressions import Expression


@dataclasses.dataclass(frozen=True)
class Bounds:
    """Which numbers a key takes, ends included."""

    words: str
    low: float
    high: float


Share = Annotated[float, Bounds("a share from 0 to 1", 0, 1)]
Rate = Annotated[float, Bounds("a rate above 0, at most 0.5", 1e-9, 0.5)]
Count = Annotated[int, Bounds("a whole number of at least 1", 1, 2**53)]
Duration = Annotated[float, "duration"]  # seconds; written as "30s", "90m", "12h" or "7d"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rule:
    """What all kinds have.

    Attributes:
        name: What the data is expected to be, in words; no two rules have the same.
        severity: `error` stops a run, `warning` is told.
        optional: Whether it may stay unmeasured, such as where too few rows have a value.
    """

    name: str
    severity: Literal["error", "warning"] = "error"
    optional: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class Range(Rule):
    """Values lie within bounds; missing ones are left out.

    Attributes:
        column: Of numbers.
        min: The least value, itself allowed.
        max: The largest value, itself allowed.
        max_share: Share of the values that may lie outside.
        min_rows: With fewer values there is no answer.
    """

    column: str
    min: float | None = None
    max: float | None = None
    max_share: Share = 0.0
    min_rows: Count = 1

    def __post_init__(self) -> None:
        if self.min is None and self.max is None:
            raise RulesError("min: expected at least one of min and max, received neither")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise RulesError(f"min: expected at most max, {self.max:g}, received {self.min:g}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Condition(Rule):
    """Rows keep a condition; those of which it is unknown are left out, and counted.

    Attributes:
        holds: The condition, as `expressions` reads it.
        max_share: Share of the rows that may break it.
        min_rows: With fewer rows of which it is known there is no answer.
    """

    holds: Expression
    max_share: Share = 0.0
    min_rows: Count = 1


@dataclasses.dataclass(frozen=True, kw_only=True)
class Presence(Rule):
    """Rows have a value.

    Attributes:
        column: Any column.
        min_share: Share of the rows that have to have it, within each slice.
        by: Column whose values make the slices; without it, all rows are one.
        min_rows: Slices with fewer rows are not judged.
    """

    column: str
    min_share: Share
    by: str | None = None
    min_rows: Count = 1


@dataclasses.dataclass(frozen=True, kw_only=True)
class Duplicates(Rule):
    """Rows are distinct; those whose key is incomplete are left out.

    Attributes:
        key: Columns by which rows are the same; none for whole examples, byte by byte.
        max_share: Share of the rows that may repeat another one.
        min_rows: With fewer rows of a whole key there is no answer.
    """

    key: tuple[str, ...] = ()
    max_share: Share = 0.0
    min_rows: Count = 1


@dataclasses.dataclass(frozen=True, kw_only=True)
class Dependency(Rule):
    """A key decides a value; rows without the one or the other are left out.

    Attributes:
        key: Columns that name something.
        column: What is the same wherever that is named.
        max_share: Share of the keys that may come with several values.
        min_rows: With fewer rows that have both there is no answer.
    """

    key: tuple[str, ...]
    column: str
    max_share: Share = 0.0
    min_rows: Count = 1

    def __post_init__(self) -> None:
        if not self.key:
            raise RulesError("key: expected at least one column, received none")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Leak(Rule):
    """What is in one split is not in the other; rows whose key is incomplete are left out.

    Splits that are made by a hash of the whole row share no whole row, but may share a key.

    Attributes:
        key: Columns by which rows are the same; none for whole examples, byte by byte.
        splits: Names of two splits.
        max_share: Share of the second split's rows that may be in the first.
        min_rows: With fewer rows of a whole key in a split there is no answer.
    """

    key: tuple[str, ...] = ()
    splits: tuple[str, ...] = ("train", "eval")
    max_share: Share = 0.0
    min_rows: Count = 1

    def __post_init__(self) -> None:
        _two(self.splits)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Balance(Rule):
    """A condition, such as that of the label, is as common in one split as in the other.

    Attributes:
        holds: The condition.
        splits: Names of two splits.
        max_difference: By how much the two shares may differ.
        false_alarm_rate: Chance of an alarm where the true shares differ by no more than that.
        min_rows: With fewer known rows in a split there is no answer.
    """

    holds: Expression
    splits: tuple[str, ...] = ("train", "eval")
    max_difference: Share
    false_alarm_rate: Rate = 0.01
    min_rows: Count = 500

    def __post_init__(self) -> None:
        _two(self.splits)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Age(Rule):
    """The newest row is recent, and none is ahead of its time.

    Attributes:
        column: Time of a row, in seconds since 1970.
        max_age: How old the newest row may be.
        max_ahead: How far it may lie ahead.
        relative_to: What the age counts from: `now`, or the end of the `span`, for data of old.
        first_span: When span 1 begins; with `span`.
        span_length: How long each span is; with `span`.
        last: When the data ends, where that is within a span; with `span`.
    """

    column: str
    max_age: Duration
    max_ahead: Duration = 0.0
    relative_to: Literal["now", "span"] = "now"
    first_span: datetime.datetime | None = None
    span_length: Duration | None = None
    last: datetime.datetime | None = None

    def __post_init__(self) -> None:
        _of_spans(self)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Gap(Rule):
    """No two rows that follow one another in time are far apart.

    Attributes:
        column: Time of a row, in seconds since 1970.
        max_gap: How far they may be.
        relative_to: Where gaps are looked for: between the `rows` alone, or over the whole `span`
            too, from its start to the first row and from the last row to its end. Of several spans
            that is the start of the oldest and the end of the newest.
        first_span: When span 1 begins; with `span`.
        span_length: How long each span is; with `span`.
        last: When the data ends, where that is within a span; with `span`.
    """

    column: str
    max_gap: Duration
    relative_to: Literal["rows", "span"] = "rows"
    first_span: datetime.datetime | None = None
    span_length: Duration | None = None
    last: datetime.datetime | None = None

    def __post_init__(self) -> None:
        _of_spans(self)


KINDS: dict[str, dict[str, type[Rule]]] = {
    "accuracy": {"range": Range, "condition": Condition},
    "completeness": {"presence": Presence},
    "consistency": {
        "duplicates": Duplicates,
        "dependency": Dependency,
        "leak": Leak,
        "balance": Balance,
    },
    "timeliness": {"age": Age, "gap": Gap},
}
"""The kinds by side and by name."""

PLACES = {kind: (side, name) for side, kinds in KINDS.items() for name, kind in kinds.items()}
"""Side and name of each kind."""


def columns_of(rule: Rule) -> tuple[str, ...]:
    """Returns the columns that a rule looks at, each once; none where it takes whole rows."""
    holds: Expression | None = getattr(rule, "holds", None)
    names = [*getattr(rule, "key", ()), *(holds.columns if holds else ())]
    names += [name for key in ("by", "column") if (name := getattr(rule, key, None))]
    return tuple(dict.fromkeys(names))


def expression(text: str) -> Expression:
    """Returns a condition, for rules that are made in code."""
    return expressions.parse(text)


def _of_spans(rule: Age | Gap) -> None:
    keys = ("first_span", "span_length", "last")
    given = [key for key in keys if getattr(rule, key) is not None]
    if rule.relative_to != "span" and given:
        raise RulesError(f'{given[0]}: expected only with relative_to = "span"')
    if rule.relative_to == "span" and (rule.first_span is None or not rule.span_length):
        raise RulesError(
            'relative_to: "span" expects first_span and span_length too, received '
            + (" and ".join(given) or "neither")
        )


def _two(splits: tuple[str, ...]) -> None:
    if len(set(splits)) != 2 or len(splits) != 2:
        raise RulesError(f"splits: expected the names of two splits, received {list(splits)}")
