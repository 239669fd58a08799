"""Which days a replay goes through: pure functions of months.

All of 2013 is cut into days from midnight to midnight in New York's winter time, so that every day
has 24 hours, and into weeks of seven of them, as `pipelines.flights.source` cuts its spans:

    span    1       2             5       6            52         53
    days    0..6    7..13   ...   28..34  35..41  ...  357..363   364

The weeks that lie within the first month as a whole are there when the replay begins; what follows
them comes day by day, up to the end of the last month.
"""

from __future__ import annotations

import calendar
import dataclasses
import datetime
import itertools
import re
from typing import Final

from pipelines.errors import UsageError

YEAR: Final = 2013
DAY_SEC: Final = 86_400
DAYS_PER_SPAN: Final = 7
DAYS_OF_YEAR: Final = 365
# Midnight in New York, five hours behind UTC. Summer time is left aside: a day of 23 hours would
# shift every window that follows it.
BEGINS_SEC: Final = int(datetime.datetime(YEAR, 1, 1, 5, tzinfo=datetime.UTC).timestamp())

_MONTH = re.compile(r"(\d{4})-(\d{2})")


@dataclasses.dataclass(frozen=True, order=True)
class Day:
    """A day of the year.

    Attributes:
        number: From 0 for the first of January.
    """

    number: int

    @property
    def begins_sec(self) -> int:
        """Its midnight, in seconds since 1970."""
        return BEGINS_SEC + self.number * DAY_SEC

    @property
    def ends_sec(self) -> int:
        """The midnight after it."""
        return self.begins_sec + DAY_SEC

    @property
    def span(self) -> int:
        """The week in which it lies, from 1."""
        return self.number // DAYS_PER_SPAN + 1

    @property
    def date(self) -> str:
        """The day as 2013-02-05."""
        return str(datetime.date(YEAR, 1, 1) + datetime.timedelta(days=self.number))

    @property
    def ends_span(self) -> bool:
        """Whether its week is over with it."""
        return (self.number + 1) % DAYS_PER_SPAN == 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Period:
    """What a replay goes through.

    Attributes:
        known_spans: The weeks that are there when it begins.
        days: The days that come.
    """

    known_spans: tuple[int, ...]
    days: tuple[Day, ...]


def period(first_month: str, last_month: str, days: int | None = None) -> Period:
    """Returns what a replay of some months goes through.

    Args:
        first_month: As 2013-01; its whole weeks are there when the replay begins.
        last_month: As 2013-12; it comes up to its last day.
        days: How many days come at most; None for all.

    Raises:
        UsageError: A month is not of 2013, or no day is left.
    """
    first = Day(_day_of(first_month, "--from"))
    after = Day(_day_of(last_month, "--to") + _length(last_month))
    known = _whole_spans(first.number, first.number + _length(first_month))
    begins = known[-1] * DAYS_PER_SPAN
    coming = tuple(Day(number) for number in range(begins, after.number))
    if not coming:
        raise UsageError(
            f"--to {last_month}: expected a month after --from {first_month}, whose whole weeks "
            "are what is known at first",
            remedy="Name a later month.",
        )
    return Period(known_spans=known, days=coming[:days])


def week_of(at_sec: float) -> int:
    """Returns the week in which a moment lies, from 1; seconds since 1970."""
    return int((at_sec - BEGINS_SEC) // (DAYS_PER_SPAN * DAY_SEC)) + 1


def slice_bounds(day: Day, slices: int) -> tuple[tuple[int, int], ...]:
    """Returns begin and end of equal parts of a day, in seconds since 1970."""
    edges = [day.begins_sec + DAY_SEC * part // slices for part in range(slices + 1)]
    return tuple(itertools.pairwise(edges))


def _day_of(month: str, option: str) -> int:
    found = _MONTH.fullmatch(month)
    if found is None or int(found[1]) != YEAR or not 1 <= int(found[2]) <= 12:
        raise UsageError(
            f"{option}: expected a month of {YEAR}, such as {YEAR}-01, received {month!r}"
        )
    return datetime.date(YEAR, int(found[2]), 1).timetuple().tm_yday - 1


def _length(month: str) -> int:
    return calendar.monthrange(YEAR, int(month[-2:]))[1]


def _whole_spans(first_day: int, after_day: int) -> tuple[int, ...]:
    begin = -(-first_day // DAYS_PER_SPAN)
    return tuple(range(begin + 1, after_day // DAYS_PER_SPAN + 1))
