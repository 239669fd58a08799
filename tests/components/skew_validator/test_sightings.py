from __future__ import annotations

import numpy as np
import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from components.skew_validator.rows import Column, Rows
from components.skew_validator.sightings import earliest, first_change, first_offence, iso, latest

SCHEMA = text_format.Parse(
    """
    feature { name: "fare" type: FLOAT float_domain { min: 0 max: 100 disallow_nan: true } }
    feature { name: "hour" type: INT int_domain { max: 23 } }
    feature { name: "payment" type: BYTES domain: "payment" }
    string_domain { name: "payment" value: "Cash" }
    """,
    schema_pb2.Schema(),
)


def column(*values: float | None) -> Column:
    present = np.array([value is not None for value in values])
    return Column(values=np.array([value or 0 for value in values]), present=present)


def rows(**columns: Column) -> Rows:
    """Returns rows that were served a minute after each other, the last one first."""
    count = next(iter(columns.values())).present.size
    times = column(*(60 * (count - place) for place in range(count)))
    return Rows(columns={"ringway_served_at": times, **columns}, count=count, seen=count)


def test_times_are_told_in_utc() -> None:
    assert iso(1_795_000_000) == "2026-11-18T11:06:40Z"
    assert iso(10**18) == ""


def test_the_first_and_the_last_row() -> None:
    some = rows(x=column(1, 2, 3))
    assert (earliest(some), latest(some)) == ("1970-01-01T00:01:00Z", "1970-01-01T00:03:00Z")
    assert earliest(some, np.array([True, True, False])) == "1970-01-01T00:02:00Z"
    assert earliest(some, np.zeros(3, bool)) == ""
    untimed = Rows(columns={"x": column(1)}, count=1, seen=1)
    assert (earliest(untimed), latest(untimed)) == ("", "")
    assert first_change(untimed, np.any) == ""


@pytest.mark.parametrize(
    ("name", "values", "minute"),
    [
        ("fare", column(1, 101, 2), 2),
        ("fare", column(-1, 1, 2), 3),
        ("fare", column(1, float("nan"), 2), 2),
        ("hour", column(24, 24, 2), 2),
        ("hour", column(24, None, 2), 3),
        # Nothing is out of its domain: what lacks is.
        ("hour", column(2, None, 2), 2),
        ("hour", column(2, 2, 2), 1),
        ("unknown", column(2, None, None), 3),
    ],
)
def test_a_row_that_breaks_the_schema_is_dated(name: str, values: Column, minute: int) -> None:
    assert first_offence(rows(**{name: values}), SCHEMA, name) == f"1970-01-01T00:0{minute}:00Z"


def test_a_text_out_of_its_domain_is_dated() -> None:
    texts = Column(values=np.array([1, 1, 0]), present=np.ones(3, bool), names=(b"Cash", b"Barter"))
    assert first_offence(rows(payment=texts), SCHEMA, "payment") == "1970-01-01T00:02:00Z"


def test_a_column_that_is_gone_lacked_from_the_start() -> None:
    assert first_offence(rows(x=column(1, 2)), SCHEMA, "fare") == "1970-01-01T00:01:00Z"


def test_the_first_part_that_differs_dates_a_change() -> None:
    some = rows(x=column(*range(80)))
    # The rows of x below 40 were served from the 41st minute on.
    found = first_change(some, lambda which: bool((some.columns["x"].values[which] < 40).all()))
    assert found == "1970-01-01T00:41:00Z"
    assert first_change(some, lambda _: False) == "1970-01-01T00:01:00Z"
