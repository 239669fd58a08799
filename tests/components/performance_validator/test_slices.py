"""Rows in cells, cells in slices."""

from __future__ import annotations

import numpy as np
import pytest

from components.performance_validator.slices import Coded, Slices, Spec, cut, name_of

COLUMNS = {
    "version": Coded(codes=np.array([0, 0, 1, 1, 0]), values=(7, 8)),
    "origin": Coded(codes=np.array([0, 1, 0, -1, 0]), values=("EWR", "JFK")),
}
SPECS = (Spec(columns=("version",)), Spec(columns=("version", "origin")))


def rows(slices: Slices) -> dict[str, list[int]]:
    return {name_of(key): np.flatnonzero(slices.rows(key)).tolist() for key in slices.cells}


def test_each_combination_is_a_slice_and_a_missing_value_in_none():
    assert rows(cut(COLUMNS, SPECS, 5)) == {
        "version=7": [0, 1, 4],
        "version=8": [2, 3],
        "origin=EWR and version=7": [0, 4],
        "origin=JFK and version=7": [1],
        "origin=EWR and version=8": [2],
    }


def test_keys_are_sorted_by_column_as_those_of_tfma():
    keys = set(cut(COLUMNS, SPECS, 5).cells)
    assert (("origin", "EWR"), ("version", 7)) in keys


def test_only_a_value_that_is_asked_for():
    spec = Spec(columns=("version",), only={"origin": "EWR"})
    assert rows(cut(COLUMNS, [spec], 5)) == {
        "origin=EWR and version=7": [0, 4],
        "origin=EWR and version=8": [2],
    }


def test_the_whole_and_columns_that_are_not_there():
    specs = [Spec(), Spec(columns=("carrier",))]
    assert rows(cut(COLUMNS, specs, 5)) == {"overall": [0, 1, 2, 3, 4]}
    assert rows(cut(COLUMNS, SPECS, 0)) == {}


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ((("b", 1), ("a", "x")), "a=x and b=1"),
        ((("version", 7),), "overall"),
        ((), "overall"),
    ],
)
def test_names(key, name):
    assert name_of(key, without=("version",)) == name
