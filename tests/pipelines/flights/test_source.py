"""The join, against rows worked out by hand and against the package's own tables."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pipelines.errors import DataError
from pipelines.flights import source


@pytest.fixture(scope="module")
def departures() -> pd.DataFrame:
    return source.departures()


def flight(**changes: Any) -> dict[str, Any]:
    return {
        "year": 2013,
        "month": 7,
        "day": 4,
        "sched_dep_time": 840,
        "sched_arr_time": 1105,
        "arr_delay": 16.0,
        "carrier": "UA",
        "flight": 7,
        "tailnum": "N1",
        "origin": "JFK",
        "dest": "SFO",
        "distance": 2586,
        "hour": 8,
        "minute": 40,
        "time_hour": "2013-07-04T12:00:00Z",
    } | changes


def observation(time_hour: str, temp: float, origin: str = "JFK") -> dict[str, Any]:
    others = ("dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib")
    return {"origin": origin, "time_hour": time_hour, "temp": temp} | dict.fromkeys(others, 1.0)


PLANE = {
    "tailnum": "N1",
    "year": 1999.0,
    "type": "Fixed wing multi engine",
    "manufacturer": "BOEING",
    "model": "737-824",
    "engines": 2,
    "seats": 149,
    "engine": "Turbo-fan",
}


def joined(flights: list[dict[str, Any]], weather: list[dict[str, Any]]) -> pd.DataFrame:
    return source.joined(pd.DataFrame(flights), pd.DataFrame(weather), pd.DataFrame([PLANE]))


def test_a_departure_gets_the_weather_of_the_hour_before_at_its_own_airport() -> None:
    (row,) = joined(
        [flight()],
        [
            observation("2013-07-04T12:00:00Z", 81.0),
            observation("2013-07-04T11:00:00Z", 79.0),
            observation("2013-07-04T11:00:00Z", 70.0, origin="EWR"),
            observation("2013-07-04T10:00:00Z", 77.0),
        ],
    ).to_dict("records")

    assert row["weather_temp"] == 79.0
    assert row["flight_id"] == "2013-07-04-UA-7-JFK"
    assert row["weekday"] == 4  # a Thursday
    assert row["scheduled_at"] == 1_372_941_600  # date -u -d '2013-07-04 12:40' +%s
    assert (row["sched_dep_minute"], row["sched_arr_minute"]) == (520, 665)
    assert (row["plane_year"], row["plane_seats"]) == (1999, 149)
    assert row["arr_delay"] == 16


def test_what_is_not_known_stays_missing() -> None:
    (row,) = joined(
        [flight(tailnum=None, arr_delay=None)], [observation("2013-07-04T12:00:00Z", 81.0)]
    ).to_dict("records")

    for name in ("weather_temp", "plane_year", "plane_type", "tailnum", "arr_delay"):
        assert pd.isna(row[name]), name


def test_the_hour_before_is_the_right_one_when_the_clocks_change() -> None:
    # On 10 March 02:00 EST is 03:00 EDT; on 3 November 02:00 EDT is 01:00 EST.
    spring = flight(month=3, day=10, hour=3, minute=15, time_hour="2013-03-10T07:00:00Z")
    autumn = flight(month=11, day=3, hour=1, minute=30, time_hour="2013-11-03T06:00:00Z")

    rows = joined(
        [spring, autumn],
        [
            observation("2013-03-10T06:00:00Z", 35.0),  # 01:00 EST
            observation("2013-03-10T07:00:00Z", 31.0),  # 03:00 EDT
            observation("2013-11-03T05:00:00Z", 54.0),  # 01:00 EDT
            observation("2013-11-03T06:00:00Z", 52.0),  # 01:00 EST
        ],
    )

    assert rows["weather_temp"].tolist() == [35.0, 54.0]


def test_two_observations_of_one_hour_are_refused() -> None:
    twice = [observation("2013-07-04T11:00:00Z", 79.0)] * 2

    with pytest.raises(pd.errors.MergeError):
        joined([flight()], twice)


def test_departures_at_one_time_are_in_a_fixed_order() -> None:
    flights = [
        flight(carrier="UA", flight=10),
        flight(carrier="UA", flight=9),
        flight(carrier="AA", flight=11),
        flight(minute=39, flight=12),
    ]

    rows = joined(flights, [observation("2013-07-04T11:00:00Z", 79.0)])

    assert rows["flight"].tolist() == [12, 11, 9, 10]


def test_every_departure_is_there_once(departures: pd.DataFrame) -> None:
    assert len(departures) == 336_776
    assert departures["flight_id"].is_unique
    assert departures["arr_delay"].isna().sum() == 9_430
    assert departures.columns.tolist() == list(source.COLUMNS)
    order = ["scheduled_at", "carrier", "flight", "origin"]
    assert departures[order].equals(departures[order].sort_values(order))


def test_nothing_that_is_known_after_departure_is_there(departures: pd.DataFrame) -> None:
    later = {"dep_time", "dep_delay", "arr_time", "air_time"}

    assert not later & set(departures.columns)


@pytest.mark.parametrize(
    ("flight_id", "temperature"),
    [
        # Read off weather.csv, whose hours are local, and looked up in UTC.
        ("2013-01-01-UA-1545-EWR", 39.92),  # 05:15 EST; 04:00 EST had 39.92
        ("2013-03-10-DL-1765-JFK", 39.92),  # after 10:00 EDT; 09:00 EDT had 39.92, 10:00 had 42.08
        ("2013-11-03-AA-2243-JFK", 50.0),  # after 05:00 EST; 04:00 EST had 50.0, 05:00 had 48.92
    ],
)
def test_real_departures_have_the_weather_of_the_hour_before(
    departures: pd.DataFrame, flight_id: str, temperature: float
) -> None:
    row = departures[departures["flight_id"] == flight_id]

    assert row["weather_temp"].tolist() == [temperature]


def test_a_span_is_a_week_and_the_last_one_a_day() -> None:
    days = pd.DataFrame([(1, 1), (1, 7), (1, 8), (12, 30), (12, 31)], columns=["month", "day"])

    assert source.span_of(days["month"], days["day"]).tolist() == [1, 1, 2, 52, 53]


def test_the_weeks_hold_all_departures_that_arrived(spans: Path) -> None:
    counts = {path.name: len(rows(path)) for path in spans.iterdir()}

    assert set(counts) == {f"span-{week}" for week in range(1, 54)}
    assert sum(counts.values()) == 336_776 - 9_430
    last = rows(spans / "span-53")
    assert {(row["month"], row["day"]) for row in last} == {("12", "31")}


def test_a_cell_has_the_type_of_its_column_in_every_week(
    spans: Path, departures: pd.DataFrame
) -> None:
    for week in (1, 30, 53):
        for row in rows(spans / f"span-{week}"):
            for name, cell in row.items():
                kind = str(departures[name].dtype)
                if kind.startswith("float"):
                    assert not cell or "." in cell
                elif kind.lower().startswith("int"):
                    assert not cell or "." not in cell
    assert all(row["arr_delay"] for row in rows(spans / "span-30"))


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "PACKAGE", "nycflights13_is_not_here")

    with pytest.raises(DataError, match="nycflights13_is_not_here"):
        source.departures()


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "flights.csv").open(newline="") as file:
        return list(csv.DictReader(file))
