"""Counts and examples of rows that differ; all numbers by hand."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
import skew_rows

from components.skew_validator.entity_rows import NEVER, EntityRows
from components.skew_validator.feature_mismatches import (
    SERVING,
    TRAINING,
    Example,
    Feature,
    Result,
    SideRows,
    Tally,
)

Row = dict[str, Any]


def rows_of(rows: list[Row], limit: int) -> EntityRows:
    found = EntityRows(limit=limit)
    for row in rows:
        served_sec = row.get("at", NEVER)
        found.add(skew_rows.row(**{"id": 1} | row | {"at": None}), served_sec)
    return found


def tally_of(*entities: tuple[list[Row], list[Row]], features: tuple[str, ...] = ()) -> Tally:
    """Returns the counts of entities, each with its rows in training and in serving."""
    tally = Tally(identifiers=("id",), tolerance=1e-6, max_examples=2, features=features)
    for training, serving in entities:
        for side, rows in ((TRAINING, training), (SERVING, serving)):
            tally.add_entity(side, rows=len(rows), named=True)
        if training and serving:
            tally.add_pair(rows_of(training, 1), rows_of(serving, 3))
    return tally


def test_every_row_is_counted_once() -> None:
    tally = tally_of(
        ([{"x": 1}], [{"x": 1}, {"x": 2}]),  # joined: 1 and 2
        ([{"x": 1}, {"x": 1}], [{"x": 1}]),  # training repeats itself: joined, 2 and 1
        ([{"x": 1}, {"x": 2}], [{"x": 1}]),  # training differs: ambiguous, 2 and 1
        ([{"x": 1}], [{"x": n} for n in range(4)]),  # served with too many: ambiguous, 1 and 4
        ([{"x": 1}], []),
        ([], [{"x": 1}] * 5),
    )
    tally.add_entity(SERVING, rows=7, named=False)
    result = tally.result()
    assert result.training == SideRows(rows=7, ambiguous=3, joined=3)
    assert result.serving == SideRows(rows=20, unnamed=7, ambiguous=5, joined=3)
    assert (result.training.alone, result.serving.alone) == (1, 5)
    assert result.features["x"].mismatched == 1


@pytest.mark.parametrize(
    ("training", "serving", "expected"),
    [
        ({"x": 1}, {"x": 1}, Feature(filled=1)),
        ({"x": 1, "y": 1}, {"x": 1, "y": 2}, Feature(filled=1)),
        ({"x": None, "y": 1}, {"x": [], "y": 2}, Feature()),
        ({"x": [], "y": 1}, {"x": None, "y": 1}, Feature()),
        ({"x": 1.0}, {"x": 1}, Feature(filled=1, kinds=(("float", "integer", 1),))),
        ({"x": math.nan, "y": 1}, {"x": math.nan, "y": 2}, Feature(filled=1)),
    ],
)
def test_equal_values_are_counted(training: Row, serving: Row, expected: Feature) -> None:
    assert tally_of(([training], [serving])).result().features["x"] == expected


@pytest.mark.parametrize(
    ("training", "serving", "expected"),
    [
        ({"x": 1}, {"x": 2}, {"differing": 1}),
        ({"x": 1}, {}, {"only_training": 1}),
        ({}, {"x": 2}, {"only_serving": 1}),
        ({"x": 1}, {"x": []}, {"only_training": 1}),
        ({"x": "5"}, {"x": 5}, {"differing": 1, "kinds": (("text", "integer", 1),)}),
    ],
)
def test_other_values_are_counted_by_what_differs(
    training: Row, serving: Row, expected: dict[str, Any]
) -> None:
    found = tally_of(([training], [serving])).result().features["x"]
    (example,) = found.examples
    assert example.entity == "id=1"
    assert found == Feature(filled=1, examples=(example,), **expected)


def test_a_row_served_again_counts_again() -> None:
    served = [{"x": 2, "at": 50}, {"x": 2, "at": 40}, {"x": 1, "at": 10}]
    found = tally_of(([{"x": 1}], served)).result().features["x"]
    assert (found.filled, found.mismatched, found.first_served_sec) == (3, 2, 40)
    assert found.examples == (Example(served_sec=40, entity="id=1", training="1", serving="2"),)


def test_the_first_rows_that_differ_are_kept_whatever_their_order() -> None:
    entities = [
        ([{"id": n, "x": 0}], [{"id": n, "x": n, "at": second}])
        for n, second in ((1, 30), (2, 20), (3, 10), (4, NEVER))
    ]
    for order in itertools.permutations(entities):
        halves = tally_of(*order[:2]).merge(tally_of(*order[2:]))
        assert halves.result() == tally_of(*entities).result()
    kept = tally_of(*entities).result().features["x"].examples
    assert [(one.entity, one.served_sec) for one in kept] == [("id=3", 10), ("id=2", 20)]


def test_a_feature_asked_for_is_told_of_even_if_no_row_has_it() -> None:
    result = tally_of(([{"x": 1}], [{"x": 1}]), features=("gone", "id")).result()
    assert result.features == {"gone": Feature(), "x": Feature(filled=1)}


def test_a_result_survives_json() -> None:
    result = tally_of(
        ([{"x": "<ü>"}], [{"x": 5, "at": 7}]), ([{"x": 1}, {"x": 2}], [{"x": 1}])
    ).result()
    assert result.features["x"].kinds
    assert Result.from_json(result.to_json()) == result
