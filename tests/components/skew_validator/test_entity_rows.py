"""What is kept of an entity's rows."""

from __future__ import annotations

import itertools

import pytest
import skew_rows
from tensorflow.core.example import example_pb2

from components.skew_validator.entity_rows import NEVER, EntityRows, decode, earlier, encode, read


def rows_of(*rows: tuple[bytes, int], limit: int = 2) -> EntityRows:
    found = EntityRows(limit=limit)
    for row, served_sec in rows:
        found.add(row, served_sec)
    return found


def test_equal_rows_are_counted_and_the_first_time_is_kept() -> None:
    found = rows_of((b"a", 30), (b"a", 10), (b"b", NEVER))
    assert found.total == 3
    assert found.distinct == {b"a": (2, 10), b"b": (1, NEVER)}


def test_too_many_different_rows_are_only_counted() -> None:
    found = rows_of((b"a", 1), (b"b", 2), (b"c", 3), (b"a", 4))
    assert found.total == 4
    assert found.distinct is None


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_how_rows_were_spread_over_workers_changes_nothing(limit: int) -> None:
    rows = [(b"a", 5), (b"b", NEVER), (b"a", 3), (b"c", 7)]
    expected = rows_of(*rows, limit=limit)
    for order in itertools.permutations(rows):
        for cut in range(5):
            one, other = rows_of(*order[:cut], limit=limit), rows_of(*order[cut:], limit=limit)
            assert one.merge(other) == expected


@pytest.mark.parametrize(
    "found",
    [rows_of(), rows_of((b"a", 5), (b"b", NEVER)), rows_of((b"a", 1), (b"b", 1), (b"c", 1))],
)
def test_rows_arrive_as_they_left(found: EntityRows) -> None:
    arrived = decode(encode(found))
    assert (arrived.total, arrived.distinct) == (found.total, found.distinct)


@pytest.mark.parametrize(
    ("one", "other", "expected"), [(5, 3, 3), (NEVER, 3, 3), (3, NEVER, 3), (NEVER, NEVER, NEVER)]
)
def test_an_unknown_time_is_later_than_any(one: int, other: int, expected: int) -> None:
    assert earlier(one, other) == expected


def kept(record: bytes, features: frozenset[str] | None = None, ignored: str = "") -> list[str]:
    _, (row, _) = read(record, ["flight"], features, frozenset([ignored]))
    return sorted(example_pb2.Example.FromString(row).features.feature)


def test_a_row_keeps_what_is_compared() -> None:
    record = skew_rows.row(
        flight=7, temp=1.5, late=1, ringway_served_at=1000, ringway_prediction=0.5
    )
    assert kept(record) == ["flight", "late", "temp"]
    assert kept(record, ignored="late") == ["flight", "temp"]
    assert kept(record, features=frozenset(["temp", "gone"])) == ["flight", "temp"]


def test_a_row_tells_its_entity_and_when_it_was_served() -> None:
    record = skew_rows.row(flight=7, origin="EWR", ringway_served_at=1000)
    key, (_, served_sec) = read(record, ["flight", "origin"], None, frozenset())
    assert served_sec == 1000
    again, (_, never) = read(
        skew_rows.row(flight=7, origin="EWR", temp=2.0), ["flight", "origin"], None, frozenset()
    )
    assert again == key
    assert never == NEVER


@pytest.mark.parametrize("origin", [None, []])
def test_a_row_without_an_identifier_names_no_entity(origin: list[str] | None) -> None:
    key, _ = read(skew_rows.row(flight=7, origin=origin), ["flight", "origin"], None, frozenset())
    assert key == b""
