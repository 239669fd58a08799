"""The newest moment that a cron expression names, in a time zone that changes its clocks.

An expression is read by croniter, on the wall clock. From there to moments, as cron itself does:

    a wall time that is skipped     comes at the moment of the skip, unless the hour is `*`
    a wall time that comes twice    counts the first time, unless the hour is `*`: then both times

A worked example, `30 2 * * *` in Europe/Berlin: on 2013-03-31, when clocks went from 2:00 to 3:00,
it fires at 3:00 summer time (01:00 UTC); on 2013-10-27, when they went back from 3:00 to 2:00, at
2:30 summer time (00:30 UTC) and not again an hour later.
"""

from __future__ import annotations

import datetime
import functools
import zoneinfo
from collections.abc import Iterator

from croniter import CroniterBadDateError, CroniterError, croniter  # type: ignore[import-untyped]

_FIELDS = ("minute", "hour", "day of the month", "month", "day of the week")
_SECOND = datetime.timedelta(seconds=1)
_ANY_DAY = datetime.datetime(2000, 1, 1)  # noqa: DTZ001 (a wall clock)
# No zone goes back or skips by more than this where both times lie on one calendar.
_LONGEST_CHANGE = datetime.timedelta(hours=3)


def why_bad_expression(expression: str) -> str:
    """Returns what is wrong with a cron expression; empty when nothing is."""
    fields = expression.split()
    if len(fields) != len(_FIELDS):
        return (
            f"expected five fields ({', '.join(_FIELDS)}), received {len(fields)}: {expression!r}"
        )
    try:
        # Answers "30 February", which reads well and never comes.
        croniter(expression, _ANY_DAY).get_prev(datetime.datetime)
    except CroniterBadDateError:
        return f"expected a day that comes, received {expression!r}"
    except (CroniterError, ValueError, KeyError) as error:
        return f"expected a cron expression, received {expression!r}: {error}"
    return ""


def why_bad_zone(name: str) -> str:
    """Returns what is wrong with the name of a time zone; empty when nothing is."""
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return f"expected the name of a time zone, received {name!r}"
    return ""


@functools.lru_cache(maxsize=64)
def newest(expression: str, zone_name: str, now_minute: int) -> float:
    """Returns the newest moment up to now that the expression names.

    Args:
        expression: Five fields, as `why_bad_expression` accepts them.
        zone_name: IANA name of the time zone.
        now_minute: Whole minutes since the epoch; cron knows nothing finer.

    Returns:
        Seconds since the epoch.
    """
    zone = zoneinfo.ZoneInfo(zone_name)
    now = datetime.datetime.fromtimestamp(now_minute * 60, tz=zone)
    wall = now.replace(tzinfo=None)
    # While a wall time comes for the second time, later ones have been there already.
    latest = wall.replace(fold=0) + (_LONGEST_CHANGE if now.fold else datetime.timedelta())
    hourly = expression.split()[1].startswith("*")
    best = float("-inf")
    for candidate in _backwards(expression, latest):
        if best > float("-inf") and candidate < wall - _LONGEST_CHANGE:
            break
        reached = [m for m in _moments(candidate, zone, hourly) if m <= now.timestamp()]
        best = max([best, *reached])
        if best > float("-inf") and not now.fold:
            break
    return best


def _backwards(expression: str, start: datetime.datetime) -> Iterator[datetime.datetime]:
    """Yields the wall times that an expression names, from `start` on, which may be the first."""
    times = croniter(expression, start + _SECOND)
    while True:
        yield times.get_prev(datetime.datetime)


def _moments(wall: datetime.datetime, zone: zoneinfo.ZoneInfo, hourly: bool) -> tuple[float, ...]:
    """Returns when a wall time comes: once, twice, or never; seconds since the epoch."""
    first = wall.replace(tzinfo=zone)
    second = first.replace(fold=1)
    # Positive where the clock went back, negative where it skipped.
    repeated_sec = second.timestamp() - first.timestamp()
    if repeated_sec == 0:
        return (first.timestamp(),)
    if repeated_sec > 0:
        return (first.timestamp(), second.timestamp()) if hourly else (first.timestamp(),)
    return () if hourly else (_change(zone, second.timestamp(), first.timestamp()),)


def _change(zone: zoneinfo.ZoneInfo, before_sec: float, after_sec: float) -> float:
    """Returns the second at which the clock changes, between one before and one not before it."""

    def offset(moment_sec: float) -> datetime.timedelta | None:
        return datetime.datetime.fromtimestamp(moment_sec, tz=zone).utcoffset()

    low, high, old = int(before_sec), int(after_sec), offset(before_sec)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if offset(middle) == old else (low, middle)
    return float(high)
