"""Which days a replay goes through."""

from __future__ import annotations

import datetime
import itertools

import pytest

from pipelines.errors import UsageError
from pipelines.replay.days import BEGINS_SEC, DAY_SEC, Day, period, slice_bounds


def test_the_year_begins_at_midnight_in_new_york() -> None:
    begins = datetime.datetime.fromtimestamp(BEGINS_SEC, datetime.UTC)
    assert begins.isoformat() == "2013-01-01T05:00:00+00:00"


def test_january_alone_is_known_at_first() -> None:
    found = period("2013-01", "2013-12")
    assert found.known_spans == (1, 2, 3, 4)
    assert found.days[0].date == "2013-01-29"
    assert found.days[0].span == 5
    assert found.days[-1].date == "2013-12-31"
    assert found.days[-1].span == 53
    assert len(found.days) == 365 - 28


def test_a_later_month_begins_with_its_whole_weeks() -> None:
    found = period("2013-03", "2013-04")
    # March begins on day 59 of the year; week 10 is that of days 63 to 69.
    assert found.known_spans == (10, 11, 12)
    assert found.days[0].date == "2013-03-26"
    assert found.days[-1].date == "2013-04-30"


def test_days_end_where_they_are_told_to() -> None:
    assert [day.number for day in period("2013-01", "2013-12", days=3).days] == [28, 29, 30]


@pytest.mark.parametrize(
    ("first", "last", "word"),
    [
        ("2012-12", "2013-02", "--from"),
        ("2013-1", "2013-02", "--from"),
        ("2013-01", "2013-13", "--to"),
        ("2013-05", "2013-03", "--to"),
    ],
)
def test_months_that_make_no_replay_are_refused(first: str, last: str, word: str) -> None:
    with pytest.raises(UsageError, match=word):
        period(first, last)


def test_weeks_end_with_their_seventh_day() -> None:
    assert [Day(number).ends_span for number in range(27, 36)] == [
        True, False, False, False, False, False, False, True, False,
    ]  # fmt: skip


def test_slices_cover_a_day_without_gaps() -> None:
    bounds = slice_bounds(Day(1), 6)
    assert bounds[0] == (BEGINS_SEC + DAY_SEC, BEGINS_SEC + DAY_SEC + 4 * 3600)
    assert bounds[-1][1] == BEGINS_SEC + 2 * DAY_SEC
    assert all(one[1] == other[0] for one, other in itertools.pairwise(bounds))
