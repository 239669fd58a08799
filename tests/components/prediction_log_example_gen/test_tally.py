from __future__ import annotations

import itertools

from components.prediction_log_example_gen.tally import Tally, as_tree, merged


def tally(*examples: str) -> Tally:
    made = Tally()
    for example in examples:
        made.count("rows", "bad", example=example)
    made.count("rows", "good", times=2)
    return made


def test_tallies_add_up_in_any_order() -> None:
    parts = [tally("d", "b"), tally("a", "c"), tally()]
    expected = {
        "rows": {"bad": 4, "good": 6},
        "examples": {"rows / bad": ["a", "b", "c"]},
    }
    for order in itertools.permutations(parts):
        assert as_tree(merged(order)) == expected


def test_adding_leaves_what_is_added_as_it_was() -> None:
    part = tally("b")
    merged([part, tally("a")])
    assert as_tree(part) == {"rows": {"bad": 1, "good": 2}, "examples": {"rows / bad": ["b"]}}


def test_long_examples_are_cut() -> None:
    [example] = tally("x" * 1000).examples["rows", "bad"]
    assert example == "x" * 300


def test_names_of_one_path_stand_together() -> None:
    made = Tally()
    made.count("cast", "fare", "INT to FLOAT")
    made.count("cast", "area", "FLOAT to INT", times=3)
    assert as_tree(made) == {
        "cast": {"area": {"FLOAT to INT": 3}, "fare": {"INT to FLOAT": 1}},
        "examples": {},
    }
