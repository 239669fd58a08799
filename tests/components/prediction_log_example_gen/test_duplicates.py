from __future__ import annotations

from components.prediction_log_example_gen.duplicates import first_rows
from components.prediction_log_example_gen.records import Made
from components.prediction_log_example_gen.tally import Tally, as_tree

FIRST = Made(b"m\0\0id", (10, "a", 0), ((0, b"first 0", b"x"), (1, b"first 1", b"y")))
RETRY = Made(b"m\0\0id", (11, "a", 50), ((0, b"again 0", b"x"), (1, b"again 1", b"other")))
LONGER = Made(b"m\0\0id", (12, "a", 90), ((2, b"third 2", b"z"),))


def kept(*made: Made) -> tuple[list[bytes], dict]:
    tally = Tally()
    return list(first_rows(made, tally)), as_tree(tally)


def test_what_came_first_is_kept_whatever_the_order() -> None:
    expected = (
        [b"first 0", b"first 1", b"again 1", b"third 2"],
        {
            "rows": {"written": 4, "duplicate": 1, "conflicting": 1},
            "examples": {"rows / conflicting": ["request 'id', row 1"]},
        },
    )
    assert kept(FIRST, RETRY, LONGER) == expected
    assert kept(LONGER, RETRY, FIRST) == expected


def test_records_of_one_second_are_ordered_by_their_place() -> None:
    earlier = Made(b"id", (10, "a", 0), ((0, b"earlier", b"x"),))
    later = Made(b"id", (10, "b", 0), ((0, b"later", b"x"),))
    assert kept(later, earlier)[0] == [b"earlier"]


def test_a_lone_record_is_written_whole() -> None:
    assert kept(FIRST) == ([b"first 0", b"first 1"], {"rows": {"written": 2}, "examples": {}})
