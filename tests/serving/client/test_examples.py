"""Rows as tf.Examples; expected bytes are written out by hand from the format."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from serving.client import InvalidRequest
from serving.client.examples import serialize, to_example
from serving.wire.messages import Example


def features(row: Any) -> dict[str, tuple[str, list[Any]]]:
    return {
        name: (kind := feature.WhichOneof("kind"), list(getattr(feature, kind).value))
        for name, feature in to_example(row).features.feature.items()
    }


@pytest.mark.parametrize(
    ("value", "kind", "values"),
    [
        (3, "int64_list", [3]),
        (True, "int64_list", [1]),
        (np.int32(3), "int64_list", [3]),
        (np.bool_(True), "int64_list", [1]),
        (-(2**63), "int64_list", [-(2**63)]),
        (2.5, "float_list", [2.5]),
        (np.float32(2.5), "float_list", [2.5]),
        ([1, 2.5], "float_list", [1.0, 2.5]),
        ("ä", "bytes_list", [b"\xc3\xa4"]),
        (b"\xff\x00", "bytes_list", [b"\xff\x00"]),
        (["a", b"b"], "bytes_list", [b"a", b"b"]),
        ((1, 2), "int64_list", [1, 2]),
        (np.array([1.5, 2.5]), "float_list", [1.5, 2.5]),
        (np.array([[1, 2], [3, 4]]), "int64_list", [1, 2, 3, 4]),
        (np.array("a"), "bytes_list", [b"a"]),
        ([np.float64(0.5)], "float_list", [0.5]),
    ],
)
def test_the_type_of_a_value_says_which_list_it_goes_to(
    value: Any, kind: str, values: list[Any]
) -> None:
    assert features({"f": value}) == {"f": (kind, values)}


def test_what_has_no_value_is_absent() -> None:
    assert features({"a": None, "b": [], "c": (), "d": np.array([]), "e": 0, "f": ""}) == {
        "e": ("int64_list", [0]),
        "f": ("bytes_list", [b""]),
    }


@pytest.mark.parametrize("value", [object(), {}, [None], ["a", 1], 1j, 2**63, [1, "a"], {1}])
def test_other_values_are_refused_by_row_and_name(value: Any) -> None:
    with pytest.raises(InvalidRequest, match="Example 1, 'f': expected"):
        serialize([{}, {"f": value}])


def test_bytes_are_passed_on() -> None:
    # features { feature { key: "f" value { int64_list { value: 3 } } } }
    by_hand = bytes.fromhex("0a0c 0a0a 0a0166 1205 1a03 0a0103")
    assert serialize([by_hand, {"f": 3}]) == [by_hand, by_hand]
    assert to_example(by_hand) == to_example({"f": 3})
    assert Example.FromString(by_hand).features.feature["f"].int64_list.value == [3]


def test_bytes_that_are_no_example_are_refused_where_they_have_to_be_read() -> None:
    with pytest.raises(InvalidRequest, match=r"Example 4: expected the bytes of a tf\.Example"):
        to_example(b"\xff", 4)


@pytest.mark.parametrize("rows", [{"a": 1}, b"abc", "abc", 5])
def test_one_row_is_no_list_of_rows(rows: Any) -> None:
    with pytest.raises(InvalidRequest, match="Expected a list of examples"):
        serialize(rows)


@pytest.mark.parametrize("row", ["text", 5, None, {1: 2}])
def test_a_row_is_a_mapping_or_bytes(row: Any) -> None:
    with pytest.raises(InvalidRequest, match="Example 0: expected"):
        serialize([row])
