import datetime
import itertools
import math

import pytest

from pipelines.continuous import cron

BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"


def at(text: str) -> float:
    return datetime.datetime.fromisoformat(text).timestamp()


# Berlin skips 2:00 to 3:00 on 2013-03-31 (at 01:00 UTC), and has 2:00 to 3:00 twice on 2013-10-27
# (00:00 to 01:00 UTC in summer time, 01:00 to 02:00 UTC in winter time). All moments in UTC.
@pytest.mark.parametrize(
    ("expression", "zone", "now", "expected"),
    [
        # An ordinary day; the moment itself counts.
        ("30 2 * * *", "UTC", "2013-03-04T02:30", "2013-03-04T02:30"),
        ("30 2 * * *", "UTC", "2013-03-04T02:29", "2013-03-03T02:30"),
        ("0 2 * * 1", "UTC", "2013-03-10T23:00", "2013-03-04T02:00"),
        ("0 0 1 * *", "UTC", "2013-03-31T23:59", "2013-03-01T00:00"),
        # Both days are named: either makes it fire, as in cron.
        ("0 0 13 * 5", "UTC", "2013-03-14T12:00", "2013-03-13T00:00"),
        ("0 0 13 * 5", "UTC", "2013-03-15T12:00", "2013-03-15T00:00"),
        # The zone decides: 2:30 in New York is 7:30 in winter and 6:30 in summer.
        ("30 2 * * *", NEW_YORK, "2013-01-15T12:00", "2013-01-15T07:30"),
        ("30 2 * * *", NEW_YORK, "2013-07-15T12:00", "2013-07-15T06:30"),
        # Spring: 2:30 is skipped and comes at the skip; the day before and after are as always.
        ("30 2 * * *", BERLIN, "2013-03-30T12:00", "2013-03-30T01:30"),
        ("30 2 * * *", BERLIN, "2013-03-31T00:59", "2013-03-30T01:30"),
        ("30 2 * * *", BERLIN, "2013-03-31T01:00", "2013-03-31T01:00"),
        ("30 2 * * *", BERLIN, "2013-03-31T12:00", "2013-03-31T01:00"),
        ("30 2 * * *", BERLIN, "2013-04-01T12:00", "2013-04-01T00:30"),
        # Spring, every hour: real hours.
        ("30 * * * *", BERLIN, "2013-03-31T00:45", "2013-03-31T00:30"),
        ("30 * * * *", BERLIN, "2013-03-31T01:10", "2013-03-31T00:30"),
        ("30 * * * *", BERLIN, "2013-03-31T01:40", "2013-03-31T01:30"),
        # Autumn: 2:30 comes twice and counts the first time.
        ("30 2 * * *", BERLIN, "2013-10-27T00:29", "2013-10-26T00:30"),
        ("30 2 * * *", BERLIN, "2013-10-27T00:30", "2013-10-27T00:30"),
        ("30 2 * * *", BERLIN, "2013-10-27T01:10", "2013-10-27T00:30"),
        ("30 2 * * *", BERLIN, "2013-10-27T01:40", "2013-10-27T00:30"),
        ("30 2 * * *", BERLIN, "2013-10-27T02:10", "2013-10-27T00:30"),
        ("30 2 * * *", BERLIN, "2013-10-28T12:00", "2013-10-28T01:30"),
        # Autumn, every hour: both times.
        ("30 * * * *", BERLIN, "2013-10-27T00:40", "2013-10-27T00:30"),
        ("30 * * * *", BERLIN, "2013-10-27T01:10", "2013-10-27T00:30"),
        ("30 * * * *", BERLIN, "2013-10-27T01:40", "2013-10-27T01:30"),
        ("30 * * * *", BERLIN, "2013-10-27T02:10", "2013-10-27T01:30"),
        ("* * * * *", BERLIN, "2013-10-27T01:10", "2013-10-27T01:10"),
        # Samoa had no 2011-12-30 at all: it comes when the 31st begins.
        ("0 12 30 12 *", "Pacific/Apia", "2011-12-30T10:30", "2011-12-30T10:00"),
    ],
)
def test_the_newest_moment(expression: str, zone: str, now: str, expected: str) -> None:
    minute = math.floor(at(f"{now}+00:00") / 60)
    found = cron.newest(expression, zone, minute)
    shown = datetime.datetime.fromtimestamp(found, tz=datetime.UTC)
    assert f"{shown:%Y-%m-%dT%H:%M}" == expected


@pytest.mark.parametrize("expression", ["30 2 * * *", "15 1,2,3 * * *", "0 3 * * *", "59 23 * * *"])
@pytest.mark.parametrize(
    ("zone", "days"), [(BERLIN, ("03-31", "10-27")), (NEW_YORK, ("03-10", "11-03"))]
)
def test_over_a_change_of_clocks_moments_only_move_on(
    expression: str, zone: str, days: tuple[str, ...]
) -> None:
    for day in days:
        noon = math.floor(at(f"2013-{day}T12:00+00:00") / 60)
        minutes = range(noon - 1440, noon + 1440, 5)
        found = [cron.newest(expression, zone, minute) for minute in minutes]
        assert all(a <= b for a, b in itertools.pairwise(found))
        assert all(one <= minute * 60 for one, minute in zip(found, minutes, strict=True))
        fires = len(set(found)) - 1
        # The skipped or repeated hour neither loses nor doubles a moment.
        assert fires == 2 * len(expression.split()[1].split(","))


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("0 2 * *", "expected five fields"),
        ("0 0 2 * * *", "received 6"),
        ("@daily", "received 1"),
        ("61 2 * * *", "expected a cron expression"),
        ("a b c d e", "expected a cron expression"),
        ("0 0 30 2 *", "expected a day that comes"),
    ],
)
def test_a_bad_expression_is_explained(expression: str, reason: str) -> None:
    assert reason in cron.why_bad_expression(expression)


@pytest.mark.parametrize(
    "expression", ["0 2 * * 1", "*/15 * * * *", "0 0 29 2 *", "0 0 L * *", "0 8 * * mon-fri"]
)
def test_a_good_expression_is_taken(expression: str) -> None:
    assert cron.why_bad_expression(expression) == ""


@pytest.mark.parametrize(
    "name", ["Europe/Nowhere", "", "../etc/passwd", "/etc/localtime", "Europe"]
)
def test_a_bad_zone_is_explained(name: str) -> None:
    assert "expected the name of a time zone" in cron.why_bad_zone(name)


def test_a_good_zone_is_taken() -> None:
    assert cron.why_bad_zone("America/New_York") == ""
