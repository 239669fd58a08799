"""Which label counts, as a table."""

from __future__ import annotations

import itertools

import pytest

from components.feedback_join.matching import Choice, Known, choose

SERVED = 1000.0
MAX_DELAY = 100.0


def known(value: int, after: float = 0.0) -> Known:
    return Known(SERVED + after, (value,))


TABLE = {
    "none": ([], Choice()),
    "one": ([known(1, 5)], Choice(known(1, 5))),
    "at the last moment": ([known(1, 100)], Choice(known(1, 100))),
    "a moment later": ([known(1, 100.5)], Choice(late=1)),
    "a little before, as clocks differ": ([known(1, -60)], Choice(known(1, -60))),
    "before": ([known(1, -60.5)], Choice(early=1)),
    "said again": ([known(1, 5), known(1, 9), known(1, 7)], Choice(known(1, 5), duplicate=2)),
    "said again, too late": ([known(1, 5), known(1, 200)], Choice(known(1, 5), late=1)),
    "another, too late": ([known(1, 5), known(2, 200)], Choice(known(1, 5), late=1)),
    "the newest of two": ([known(1, 5), known(2, 9)], Choice(known(2, 9), contradictory=True)),
    "the older one, said again": (
        [known(2, 3), known(1, 5), known(2, 9)],
        Choice(known(1, 5), duplicate=1, contradictory=True),
    ),
    "two at once": (
        [known(1, 9), known(2, 9), known(2, 10)],
        Choice(duplicate=1, contradictory=True),
    ),
}


@pytest.mark.parametrize(("labels", "choice"), TABLE.values(), ids=TABLE)
def test_the_choice_is_the_same_in_any_order(labels: list[Known], choice: Choice) -> None:
    for order in itertools.permutations(labels):
        found = choose(order, SERVED, max_delay_sec=MAX_DELAY, contradictions="latest")
        assert found == choice


def test_of_contradictory_labels_none_may_count() -> None:
    two = [known(1, 5), known(2, 9)]
    found = choose(two, SERVED, max_delay_sec=MAX_DELAY, contradictions="drop")
    assert found == Choice(contradictory=True)
    same = [known(1, 5), known(1, 9)]
    found = choose(same, SERVED, max_delay_sec=MAX_DELAY, contradictions="drop")
    assert found == Choice(known(1, 5), duplicate=1)


@pytest.mark.parametrize(
    ("choice", "reason"),
    [
        (Choice(known(1)), ""),
        (Choice(), "no_label"),
        (Choice(late=1), "late"),
        (Choice(late=1, contradictory=True), "contradictory"),
        (Choice(early=2), "early"),
    ],
)
def test_it_says_why_there_is_no_label(choice: Choice, reason: str) -> None:
    assert choice.reason == reason


def test_no_values_are_values_too() -> None:
    some, none = Known(SERVED, (1, None)), Known(SERVED + 1, (None, 1))
    found = choose([some, none], SERVED, max_delay_sec=MAX_DELAY, contradictions="latest")
    assert found.label == none
