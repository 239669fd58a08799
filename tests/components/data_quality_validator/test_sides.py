"""Each kind of rule on rows at hand: kept, broken, and not measurable, with numbers by hand."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from quality_rows import measured, table

from components.data_quality_validator.balance import exceeds


def rows(**columns: list[Any]) -> list[dict[str, Any]]:
    names = list(columns)
    return [dict(zip(names, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]


def places(found: Any) -> list[tuple[str, int]]:
    return [(example.split, example.row) for example in found.examples]


@pytest.mark.parametrize("batch", [1, 2, 100])
def test_a_range_counts_what_lies_outside(batch: int) -> None:
    data = rows(x=[0.1, 0.7, 0.8, None, math.nan, 5.0, -1.0])
    kept = measured(table("accuracy.range", column="x", min=0.1, max=0.7, max_share=0.6),
                    batch=batch, train=data)  # fmt: skip
    assert kept.verdict == "OK"
    assert kept.finding is not None
    assert (kept.finding.measured, kept.finding.judged, kept.finding.left_out) == (0.6, 5, 2)
    assert kept.examples == ()
    broken = measured(table("accuracy.range", column="x", min=0.1, max=0.7, max_share=0.59),
                      batch=batch, train=data)  # fmt: skip
    assert broken.verdict == "BROKEN"
    assert places(broken) == [("train", 2), ("train", 5), ("train", 6)]
    assert str(broken.examples[0]) == "train row 2: x = 0.8"
    assert "3 of 5 rows (60 %) have a 'x' below 0.1 or above 0.7" in broken.told


def test_a_condition_counts_what_breaks_it_and_what_is_unknown() -> None:
    data = rows(n=[0, 0, 5, None, None], m=[3, 0, 1, 0, 7])
    found = measured(table("accuracy.condition", holds="n > 0 or m == 0"), train=data)
    assert found.verdict == "BROKEN"
    assert found.finding is not None
    assert (found.finding.measured, found.finding.left_out) == (0.25, 1)
    assert found.sentence == (
        "1 of 4 rows (25 %) break 'n > 0 or m == 0'; none may, 1 left out for missing values. "
        "For example train row 0: n = 0, m = 3."
    )


def test_presence_is_that_of_the_worst_slice() -> None:
    data = rows(s=[b"a"] * 4 + [b"b"] * 2 + [None], x=[1, 1, 1, None, 1, None, None])
    rule = table("completeness.presence", column="x", by="s", min_share=0.6, min_rows=2)
    found = measured(rule, train=data[:3], eval=data[3:])
    assert found.verdict == "BROKEN"
    assert found.finding is not None
    assert (found.finding.measured, found.finding.judged, found.finding.left_out) == (0.5, 2, 1)
    assert "where s is 'b'" in found.told
    assert places(found) == [("eval", 2)]
    assert measured(rule.replace("0.6", "0.5"), train=data).verdict == "OK"


def test_presence_over_all_rows_needs_no_slices() -> None:
    found = measured(
        table("completeness.presence", column="s", min_share=1),
        train=rows(s=[b"", b"a"]),
        eval=rows(s=[None, b"c"]),
    )
    assert found.finding is not None
    assert found.finding.measured == 0.75  # an empty text is a value
    assert places(found) == [("eval", 0)]


def test_slices_by_number_are_named_by_it() -> None:
    data = rows(n=[7, 7, 8], x=[None, 1, 1])
    found = measured(table("completeness.presence", column="x", by="n", min_share=1), train=data)
    assert "where n is 7" in found.told


def test_duplicates_are_found_by_key_across_splits() -> None:
    train = rows(s=[b"a", b"b", None], n=[1, 1, 1])
    other = rows(s=[b"a", b"a", None], n=[1, 2, 1])
    rule = table("consistency.duplicates", key=["s", "n"])
    found = measured(rule, train=train, eval=other)
    assert found.finding is not None
    assert (found.finding.measured, found.finding.left_out) == (0.25, 2)
    assert places(found) == [("train", 0), ("eval", 0)]
    assert measured(rule + "max_share = 0.25", train=train, eval=other).verdict == "OK"


def test_duplicates_of_whole_rows() -> None:
    data = rows(s=[b"a", b"b", b"a", b"a"], n=[1, 1, 1, 1])
    found = measured(table("consistency.duplicates"), train=data)
    assert found.finding is not None
    assert found.finding.measured == 0.5
    assert places(found) == [("train", 0), ("train", 2), ("train", 3)]


def test_key_order_and_zero_signs() -> None:
    swapped = rows(n=[1, 2], m=[2, 1])
    assert measured(table("consistency.duplicates", key=["n", "m"]), train=swapped).verdict == "OK"
    zeros = rows(x=[0.0, -0.0])
    assert measured(table("consistency.duplicates", key=["x"]), train=zeros).verdict == "BROKEN"


def test_a_dependency_counts_keys_with_several_values() -> None:
    data = rows(
        s=[b"a", b"b", b"a", b"c", b"b", b"c", None, b"d"],
        n=[1, 5, 1, 3, 6, None, 9, 1],
    )
    found = measured(table("consistency.dependency", key=["s"], column="n"), train=data)
    assert found.finding is not None
    assert (found.finding.measured, found.finding.judged, found.finding.left_out) == (0.25, 4, 2)
    assert places(found) == [("train", 1), ("train", 4)]
    assert "1 of 4 values of s (25 %) come with several values of 'n'" in found.told


def test_a_leak_is_the_share_of_the_second_split() -> None:
    train, other = rows(s=[b"a", b"b", b"c"]), rows(s=[b"c", b"d", b"c", None])
    found = measured(table("consistency.leak", key=["s"]), train=train, eval=other)
    assert found.finding is not None
    assert found.finding.measured == pytest.approx(2 / 3)
    assert places(found) == [("eval", 0), ("train", 2)]
    whole = measured(table("consistency.leak"), train=train, eval=other)
    assert whole.verdict == "BROKEN"
    clean = measured(table("consistency.leak", key=["s"]), train=train, eval=other[1:2])
    assert clean.verdict == "OK"


def share(yes: int, no: int) -> list[dict[str, Any]]:
    return rows(n=[1] * yes + [0] * no)


def test_balance_is_compared_beyond_chance() -> None:
    rule = table("consistency.balance", holds="n > 0", max_difference=0.05, min_rows=100)
    same = measured(rule, batch=500, train=share(300, 700), eval=share(150, 350))
    assert (same.verdict, same.finding and same.finding.measured) == ("OK", 0.0)
    # 36 % of 100 rows beside 30 %: chance, as far as one can tell.
    small = measured(rule, batch=500, train=share(300, 700), eval=share(36, 64))
    assert small.verdict == "OK"
    assert "chance" in small.told
    broken = measured(rule, batch=500, train=share(300, 700), eval=share(250, 250))
    assert broken.verdict == "BROKEN"
    assert "30 % of 'train' and 50 % of 'eval'" in broken.told
    few = measured(rule, batch=500, train=share(300, 700), eval=share(99, 0))
    assert (few.verdict, few.counts) == ("NOT_MEASURED", True)
    assert "expected 100 or more" in few.told


@pytest.mark.parametrize("true_share", [0.01, 0.1, 0.3, 0.5])
@pytest.mark.parametrize(("sizes", "bound"), [((60, 40), 0.0), ((80, 80), 0.05), ((30, 90), 0.1)])
def test_chance_alarms_no_oftener_than_stated(
    true_share: float, sizes: tuple[int, int], bound: float
) -> None:
    # The true shares are as far apart as they may be; every outcome is weighed by how likely it is.
    def chances(size: int, share: float) -> list[float]:
        return [math.comb(size, k) * share**k * (1 - share) ** (size - k) for k in range(size + 1)]

    first, second = chances(sizes[0], true_share), chances(sizes[1], true_share + bound)
    alarm = sum(
        p * q
        for (a, p), (b, q) in itertools.product(enumerate(first), enumerate(second))
        if exceeds((a, sizes[0] - a), (b, sizes[1] - b), bound, 0.05)
    )
    # The normal approximation may pass the rate of 5 % by a little in splits as small as these.
    assert alarm <= 0.0525


HOUR = 3600


def test_the_age_of_the_newest_row_counts_from_now() -> None:
    data = rows(time=[10 * HOUR, None, 20 * HOUR, 15 * HOUR])
    rule = table("timeliness.age", column="time", max_age="2h")
    kept = measured(rule, now_sec=22.0 * HOUR, train=data)
    assert (kept.verdict, kept.finding and kept.finding.measured) == ("OK", 2.0 * HOUR)
    stale = measured(rule, now_sec=22.5 * HOUR, train=data)
    assert (stale.verdict, places(stale)) == ("BROKEN", [("train", 2)])
    assert "2.5 h before now" in stale.told
    ahead = measured(rule, now_sec=19.0 * HOUR, train=data)
    assert (ahead.verdict, ahead.finding and ahead.finding.measured) == ("BROKEN", -1.0 * HOUR)
    assert "1.0 h after now" in ahead.told
    allowed = measured(rule + 'max_ahead = "1h"', now_sec=19.0 * HOUR, train=data)
    assert allowed.verdict == "OK"
    assert measured(rule, train=data).verdict == "NOT_MEASURED"


def test_the_age_of_old_data_counts_from_the_end_of_its_span() -> None:
    rule = table("timeliness.age", column="time", max_age="1h", relative_to="span",
                 span_length="1d") + "first_span = 1970-01-01T06:00:00Z\n"  # fmt: skip
    # Span 2 goes from the 31st to the 54th hour.
    data = rows(time=[53 * HOUR])
    assert measured(rule, span=2, train=data).verdict == "OK"
    assert measured(rule, span=3, train=data).verdict == "BROKEN"
    assert measured(rule, span=1, train=data).verdict == "BROKEN"  # a row of a later span
    ended = rule + "last = 1970-01-03T05:00:00Z\n"
    assert measured(ended, span=3, train=data).verdict == "OK"


def test_a_rule_without_spans_is_not_measured_over_them() -> None:
    keys = {"column": "time", "relative_to": "span", "span_length": "1d"}
    first = "first_span = 1970-01-01T00:00:00Z\n"
    for kind, bound in (("age", "max_age"), ("gap", "max_gap")):
        rule = table(f"timeliness.{kind}", **keys, **{bound: "1h"}) + first
        found = measured(rule, span=None, train=rows(time=[0]))
        assert found.told == "not measured: the data is not cut into spans"


def test_enough_rows_in_one_split_are_not_enough_for_a_leak() -> None:
    train, other = rows(s=[b"a", b"b", b"c"]), rows(s=[b"d", None])
    rule = table("consistency.leak", key=["s"], min_rows=2)
    found = measured(rule, train=train, eval=other)
    assert "expected 2 rows or more, received 1; each is of split 'eval' and has s" in found.told
    kept = measured(rule, train=[*train, {}], eval=[*other, *rows(s=[b"e"])])
    assert (kept.verdict, kept.left_out) == ("OK", 2)


def test_an_expression_that_could_not_be_checked_is_not_measured() -> None:
    rule = table("accuracy.condition", holds="s > 1 or gone > 1")
    found = measured(rule, checked=False, train=rows(s=[b"a"]))
    assert found.told == "not measured: character 1: compares a text with a number"
    rule = table("accuracy.condition", holds="gone > 1")
    assert "no column 'gone'" in measured(rule, checked=False, train=rows(s=[b"a"])).told


DAYS = (
    table("timeliness.gap", column="time", max_gap="6h", relative_to="span", span_length="1d")
    + "first_span = 1970-01-01T06:00:00Z\n"
)


@pytest.mark.parametrize(
    ("hours", "spans", "gap", "told"),
    [
        # Span 2 goes from the 30th to the 54th hour.
        ([31, 36, 42, 48, 53], (2, 2), 6.0, ""),
        ([53], (2, 2), 23.0, "from 1970-01-02T06:00:00Z (the span's start) to 1970-01-03T05:00"),
        ([31], (2, 2), 23.0, "from 1970-01-02T07:00:00Z to 1970-01-03T06:00:00Z (the span's end)"),
        ([42], (2, 2), 12.0, "(1 more gaps are too long)"),
        # Of spans 1 to 2, the start is the 6th hour.
        ([31, 36, 42, 48, 53], (1, 2), 25.0, "from 1970-01-01T06:00:00Z (the span's start)"),
        # A row outside of the span leaves nothing open at its end.
        ([24, 30, 36, 42, 48, 54, 60], (2, 2), 6.0, ""),
        ([0, 36, 42, 48, 53], (2, 2), 36.0, "from 1970-01-01T00:00:00Z to 1970-01-02T12"),
    ],
)
def test_over_a_span_its_start_and_end_count_too(
    hours: list[int], spans: tuple[int, int], gap: float, told: str
) -> None:
    data = rows(time=[hour * HOUR for hour in hours])
    found = measured(DAYS, first_span=spans[0], span=spans[1], train=data)
    assert found.finding is not None
    assert found.finding.measured == gap * HOUR
    assert found.verdict == ("OK" if gap <= 6 else "BROKEN")
    assert told in found.told


def test_over_a_span_that_the_data_ends_in_the_rest_is_no_gap() -> None:
    data = rows(time=[hour * HOUR for hour in (31, 36)])
    ended = DAYS + "last = 1970-01-02T13:00:00Z\n"
    assert measured(ended, span=2, train=data).verdict == "OK"


@pytest.mark.parametrize("batch", [1, 2, 100])
def test_the_longest_gap_is_found_across_splits(batch: int) -> None:
    train, other = rows(time=[0, 9 * HOUR, None]), rows(time=[5 * HOUR, 6 * HOUR, 16 * HOUR])
    rule = table("timeliness.gap", column="time", max_gap="6h")
    found = measured(rule, batch=batch, train=train, eval=other)
    assert (found.verdict, found.finding and found.finding.measured) == ("BROKEN", 7.0 * HOUR)
    assert "nothing from 1970-01-01T09:00:00Z to 1970-01-01T16:00:00Z, 7.0 h" in found.told
    assert measured(rule.replace("6h", "7h"), train=train, eval=other).verdict == "OK"


def test_times_that_are_none_are_told_as_they_are() -> None:
    data = rows(time=[1363683600000, 1363683600000 * 10**5])
    found = measured(table("timeliness.gap", column="time", max_gap="6h"), train=data)
    assert "s since 1970" in found.told


@pytest.mark.parametrize(
    ("rule", "data", "reason"),
    [
        (table("accuracy.range", column="x", max=1), rows(x=[None]), "no row has a value"),
        (table("accuracy.range", column="s", max=1), rows(s=[b"a"]), "holds texts"),
        (table("accuracy.condition", holds="n > m"), rows(n=[1], m=[None]), "no row has the val"),
        (table("completeness.presence", column="x", by="s", min_share=1, min_rows=3),
         rows(x=[1], s=[b"a"]), "expected 3 rows or more, received 1 in 2 slices"),
        (table("consistency.duplicates", key=["s"]), rows(s=[None]), "no row has s"),
        (table("consistency.dependency", key=["s"], column="n"), rows(s=[b"a"], n=[None]),
         "no row has both s and 'n'"),
        (table("consistency.leak", key=["s"]), rows(s=[b"a"]), "split 'eval': no row has s"),
        (table("timeliness.age", column="time", max_age="1h"), rows(time=[None]), "no row has"),
        (table("timeliness.age", column="s", max_age="1h"), rows(s=[b"a"]), "holds texts"),
        (table("timeliness.gap", column="time", max_gap="1h"), rows(time=[1, 1]), "two times"),
        (table("timeliness.gap", column="time", max_gap="1h", relative_to="span",
               span_length="1d") + "first_span = 1970-01-01T00:00:00Z\n",
         rows(time=[None]), "expected a time, received 0"),
        (table("accuracy.range", column="x", max=1, min_rows=3), rows(x=[1, None, 2]),
         "expected 3 rows or more, received 2; each has a value of column 'x'"),
        (table("accuracy.condition", holds="n > m", min_rows=2), rows(n=[1, 1], m=[None, 0]),
         "expected 2 rows or more, received 1; each has the values that 'n > m' asks for"),
        (table("consistency.duplicates", key=["s"], min_rows=2), rows(s=[b"a", None]),
         "expected 2 rows or more, received 1; each has s"),
        (table("consistency.duplicates", min_rows=2), rows(s=[b"a"]), "each is a whole example"),
        (table("consistency.dependency", key=["s"], column="n", min_rows=3),
         rows(s=[b"a", b"a", b"b"], n=[1, 2, None]),
         "expected 3 rows or more, received 2; each has both s and 'n'"),
        (table("accuracy.range", column="x", max=1), [], "there are no rows"),
        (table("consistency.duplicates"), [], "there are no rows"),
    ],
)  # fmt: skip
def test_what_cannot_be_measured_is_told_and_counts(
    rule: str, data: list[dict[str, Any]], reason: str
) -> None:
    found = measured(rule, now_sec=0.0, train=data)
    assert (found.verdict, found.stops) == ("NOT_MEASURED", True)
    assert found.told.startswith("not measured: ")
    assert reason in found.told
    optional = measured(rule + "optional = true", now_sec=0.0, train=data)
    assert (optional.verdict, optional.counts) == ("NOT_MEASURED", False)


KEYS = st.lists(
    st.fixed_dictionaries(
        {"s": st.sampled_from([b"a", b"b", b"c", None]), "n": st.none() | st.integers(0, 2)}
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=100, deadline=None)
@given(KEYS, KEYS, st.integers(1, 5))
def test_keys_are_counted_as_sets_count_them(train: Any, other: Any, batch: int) -> None:
    def number(rule: str) -> float | None:
        found = measured(rule, batch=batch, train=train, eval=other).finding
        return None if found is None else found.measured

    whole = [row["s"] for row in [*train, *other] if row["s"] is not None]
    expected = (len(whole) - len(set(whole))) / len(whole) if whole else None
    assert number(table("consistency.duplicates", key=["s"])) == expected

    values: dict[bytes, set[int]] = {}
    for row in [*train, *other]:
        if row["s"] is not None and row["n"] is not None:
            values.setdefault(row["s"], set()).add(row["n"])
    torn = sum(len(found) > 1 for found in values.values())
    expected = torn / len(values) if values else None
    assert number(table("consistency.dependency", key=["s"], column="n")) == expected

    known = {row["s"] for row in train} - {None}
    judged = [row["s"] for row in other if row["s"] is not None]
    expected = sum(key in known for key in judged) / len(judged) if known and judged else None
    assert number(table("consistency.leak", key=["s"])) == expected
