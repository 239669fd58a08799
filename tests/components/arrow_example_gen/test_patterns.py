"""Patterns with spans, versions and dates: what they find, and what they are filled to."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.arrow_example_gen import patterns
from components.arrow_example_gen.errors import InputError
from components.arrow_example_gen.patterns import Span

DAY = (datetime.date(2026, 11, 21) - datetime.date(1970, 1, 1)).days  # 20778
FIXED = ["*", "*.csv", "data/2026/*", "a{b}c"]


@pytest.mark.parametrize(
    ("pattern", "paths", "expected"),
    [
        ("span-{SPAN}/*", ["span-2/a.csv", "span-1/a.csv", "span-1/b.csv"], {1: None, 2: None}),
        ("span-{SPAN}/*", ["span-1/old/a.csv", "other-1/a.csv", "span-x/a.csv", "span-/a"], {}),
        ("{SPAN:2}.csv", ["07.csv", "123.csv", "8.csv"], {7: None}),
        (
            "span-{SPAN}/v{VERSION}/*",
            ["span-1/v2/a", "span-1/v10/a", "span-1/v9/a", "span-3/v0/a"],
            {1: 10, 3: 0},
        ),
        ("v{VERSION:3}-{SPAN}.csv", ["v001-4.csv", "v002-4.csv"], {4: 2}),
        ("day-{YYYY}{MM}{DD}/*", ["day-20261121/a", "day-19700102/a"], {1: None, DAY: None}),
        ("{DD}.{MM}.{YYYY}/v{VERSION}", ["21.11.2026/v1", "21.11.2026/v3"], {DAY: 3}),
        ("[ab]?-{SPAN}.csv", ["a1-5.csv", "c1-6.csv", "b-7.csv", "bx-8.csv"], {5: None, 8: None}),
        ("[!ab]{SPAN}", ["a1", "c2", "^3"], {2: None, 3: None}),
        ("a+b (1)/{SPAN}", ["a+b (1)/5", "aab (1)/6"], {5: None}),
    ],
)
def test_spans_are_found_with_their_newest_version(
    pattern: str, paths: list[str], expected: dict[int, int | None]
) -> None:
    assert patterns.has_spans(pattern)
    assert patterns.find(pattern, paths) == expected


@pytest.mark.parametrize("pattern", FIXED)
def test_a_pattern_without_fields_stays_as_it_is(pattern: str) -> None:
    assert not patterns.has_spans(pattern)
    assert patterns.wildcard(pattern) == pattern
    assert patterns.filled(pattern, Span(3)) == pattern


@pytest.mark.parametrize(
    ("pattern", "span", "expected"),
    [
        ("span-{SPAN}/v{VERSION}/*", Span(12, 3), "span-12/v3/*"),
        ("{SPAN:3}.csv", Span(12), "012.csv"),
        ("day-{YYYY}{MM}{DD}/*", Span(1), "day-19700102/*"),
        ("{DD}.{MM}.{YYYY}/v{VERSION:2}", Span(DAY, 7), "21.11.2026/v07"),
    ],
)
def test_a_span_fills_the_fields(pattern: str, span: Span, expected: str) -> None:
    assert patterns.filled(pattern, span) == expected
    found = patterns.find(pattern, [expected.replace("*", "a")])
    assert found == {span.number: span.version}


def test_a_wildcard_takes_the_place_of_each_field() -> None:
    assert patterns.wildcard("s-{SPAN:2}/v{VERSION}/{YYYY}*") == "s-*/v*/*"


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("{SPAN}/{SPAN}", "each of its fields once"),
        ("{VERSION}/*", "expected {SPAN} as well"),
        ("{SPAN}-{YYYY}{MM}{DD}", "either {SPAN}, or all of"),
        ("{YYYY}{MM}", "either {SPAN}, or all of"),
        ("{SPAN:two}", "expected a number of digits such as {SPAN:3}, received 'two'"),
        ("{SPAN:0}", "received '0'"),
        ("{SPAN}/[z-a]", "expected a pattern of paths (bad character range z-a"),
        ("{SPAN:9999999999}", "expected a pattern of paths (the repetition number is too large)"),
    ],
)
def test_patterns_without_sense_are_refused(pattern: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        patterns.find(pattern, [])
    assert said in str(caught.value)


def test_leading_zeros_want_a_width() -> None:
    with pytest.raises(InputError, match=r"span-08/a.*such as span-8/\*.*write.*\{SPAN:2\}"):
        patterns.find("span-{SPAN}/*", ["span-08/a"])


def test_a_number_without_a_place_is_refused() -> None:
    with pytest.raises(InputError, match=r"\{SPAN:2\} in \{SPAN:2\}/\* has no place for 100"):
        patterns.filled("{SPAN:2}/*", Span(100))


def test_a_number_past_32_bits_is_named() -> None:
    largest = "span-2147483647/a"
    assert patterns.find("span-{SPAN}/*", [largest]) == {2147483647: None}
    with pytest.raises(InputError, match="span-2147483648/a: expected a span up to 2147483647"):
        patterns.find("span-{SPAN}/*", [largest, "span-2147483648/a"])


def test_a_date_that_is_none_is_named() -> None:
    with pytest.raises(InputError, match="day-20260230/a: expected a date"):
        patterns.find("day-{YYYY}{MM}{DD}/*", ["day-20260230/a"])


@given(st.integers(0, 9999), st.integers(0, 99))
def test_what_a_span_fills_finds_the_span(number: int, version: int) -> None:
    for pattern in ("a-{SPAN}/v{VERSION}.csv", "{VERSION:2}-{SPAN:4}"):
        path = patterns.filled(pattern, Span(number, version))
        assert patterns.find(pattern, [path]) == {number: version}
