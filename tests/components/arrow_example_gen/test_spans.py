"""Which spans are read, and how they are written down."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.arrow_example_gen import spans
from components.arrow_example_gen.errors import InputError
from components.arrow_example_gen.patterns import Span
from components.arrow_example_gen.spans import Fixed, Latest, Wanted

GAPS = dict.fromkeys([1, 2, 4, 5, 9])


@pytest.mark.parametrize(
    ("text", "expected"),
    [("8", Latest(8)), ("5:12", Fixed(5, 12)), ("0:0", Fixed(0, 0)), ("07:08", Fixed(7, 8))],
)
def test_a_text_asks_for_spans(text: str, expected: Wanted) -> None:
    assert spans.wanted(text) == expected


@pytest.mark.parametrize("text", ["", "0", "-3", "5:", ":5", "5-12", "12:5", "eight", "5:12:3"])
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="Expected a number of spans such as 8"):
        spans.wanted(text)


@pytest.mark.parametrize(
    "text", ["2147483648", "3000000000", "1:9999999999", "9999999999:1", "9" * 5000]
)
def test_numbers_past_32_bits_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="Expected numbers up to 2147483647, received") as caught:
        spans.wanted(text)
    assert len(str(caught.value)) < 120


def test_the_largest_numbers_are_taken() -> None:
    assert spans.wanted("2147483647") == Latest(2147483647)
    assert spans.wanted(f"0:{'0' * 5000}2147483647") == Fixed(0, 2147483647)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Latest(1), [9]),
        (Latest(4), [9]),  # 6 to 9, of which one exists
        (Latest(6), [4, 5, 9]),
        (Latest(99), [1, 2, 4, 5, 9]),
        (Latest(99, not_before=4), [4, 5, 9]),
        (Fixed(1, 2), [1, 2]),
        (Fixed(4, 4), [4]),
    ],
)
def test_spans_are_chosen_oldest_first(wanted: Wanted, expected: list[int]) -> None:
    assert spans.select([GAPS], wanted) == tuple(Span(number) for number in expected)


def test_each_span_keeps_its_newest_version() -> None:
    assert spans.select([{1: 4, 2: 0}], Latest(2)) == (Span(1, 4), Span(2, 0))


@pytest.mark.parametrize(
    ("found", "wanted", "said"),
    [
        ([{}], Latest(8), "Expected at least one span, found none"),
        (
            [GAPS],
            Fixed(1, 5),
            "Expected spans 1 to 5, but span 3 is missing; spans 1 to 2, 4 to 5 and 9 are there",
        ),
        ([GAPS], Fixed(3, 8), "but spans 3 and 6 to 8 are missing"),
        (
            [GAPS],
            Fixed(0, 2147483647),
            "Expected spans 0 to 2147483647, but spans 0, 3, 6 to 8 and 10 to 2147483647 are "
            "missing",
        ),
        ([{7: None}], Fixed(8, 8), "Expected span 8, but span 8 is missing; span 7 is there"),
        ([GAPS], Latest(3, not_before=10), "Expected a span from 10 on; the newest is 9"),
        ([{1: 1, 2: 3}, {1: 1, 2: 2}], Latest(2), "Span 2: expected it in every input split"),
        ([{1: 1}, {2: 1}], Latest(2), "received version 1, none"),
    ],
)
def test_missing_spans_are_named(
    found: list[dict[int, int | None]], wanted: Wanted, said: str
) -> None:
    with pytest.raises(InputError) as caught:
        spans.select(found, wanted)
    assert said in str(caught.value)


def test_a_shortfall_is_told_of_rolling_ranges_only() -> None:
    chosen = spans.select([GAPS], Latest(6))
    told = "6 spans are asked for; of these, spans 4 to 5 and 9 exist."
    assert spans.shortfall(chosen, Latest(6)) == told
    assert spans.shortfall(chosen[:1], Latest(2)).endswith("of these, span 4 exists.")
    assert not spans.shortfall(chosen, Latest(3))
    assert not spans.shortfall(chosen, Fixed(4, 9))


def test_numbers_are_written_as_runs_and_in_words() -> None:
    assert spans.listed([7, 5, 6, 9, 11, 12]) == "5-7,9,11-12"
    assert spans.named([5]) == "span 5"
    assert spans.named([5, 7]) == "spans 5 and 7"
    assert spans.named([5, 6, 7, 8, 9, 10, 11, 12]) == "spans 5 to 12"
    assert spans.restored("5-7,9", "1,1,2,1")[2:] == (Span(7, 2), Span(9, 1))


@pytest.mark.parametrize("texts", [("",), ("5-x",), ("5-7", "1,2"), ("5", "1,2"), ("5", "one")])
def test_other_texts_are_not_restored(texts: tuple[str, ...]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  (several, all of this kind)
        spans.restored(*texts)


@given(st.sets(st.integers(0, 300), min_size=1))
def test_what_is_listed_is_restored(numbers: set[int]) -> None:
    assert [span.number for span in spans.restored(spans.listed(numbers))] == sorted(numbers)


def test_spans_are_had_without_anything_heavy() -> None:
    code = (
        "import sys; from components.arrow_example_gen import formats, patterns, spans;"
        "print([m for m in ('tensorflow', 'tfx', 'apache_beam', 'pyarrow') if m in sys.modules])"
    )
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root
    )
    assert done.stdout.strip() == "[]"
