from __future__ import annotations

import log_gen_records as logs

from components.prediction_log_example_gen.tally import Tally, as_tree
from components.prediction_log_example_gen.untyped import mixed_columns, unified


def tally_of(**types: list[str]) -> Tally:
    tally = Tally()
    for column, kinds in types.items():
        for kind in kinds:
            tally.count("unknown_columns", column, kind)
    return tally


def test_columns_of_one_type_are_not_mixed() -> None:
    assert mixed_columns(tally_of(a=["INT"], b=["BYTES", "no value"], c=["no value"])) == {}


def test_columns_of_several_types_are_mixed() -> None:
    tally = tally_of(a=["INT", "FLOAT"], b=["INT", "BYTES"])
    tally.count("outputs", "ringway_prediction", "FLOAT")
    tally.count("outputs", "ringway_prediction", "BYTES")
    tally.count("cast", "fare", "INT to FLOAT")
    assert mixed_columns(tally) == {"a": True, "b": False, "ringway_prediction": False}


def test_mixed_numbers_become_floats_and_other_mixtures_lose_their_values() -> None:
    tally = Tally()
    mixed = {"a": True, "b": False, "c": True}
    whole = logs.example(a=[1, 2], b=3, kept=b"x").SerializeToString()
    part = logs.example(a=1.5, b=b"y").SerializeToString()
    assert logs.values(unified(whole, mixed, tally)) == {"a": [1.0, 2.0], "b": None, "kept": [b"x"]}
    assert logs.values(unified(part, mixed, tally)) == {"a": [1.5], "b": None}
    assert as_tree(tally)["mixed_columns"] == {"a": {"INT to FLOAT": 1}, "b": {"left out": 2}}


def test_without_mixed_columns_nothing_changes() -> None:
    assert unified(b"not even an example", {}, Tally()) == b"not even an example"
