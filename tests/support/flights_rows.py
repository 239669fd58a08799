"""Made-up departures: those in a gust, or in the evening of some days, are late."""

from __future__ import annotations

import numpy as np
from transformed_rows import Row


def make_row(**changes: object) -> Row:
    """Returns one plausible departure, with changes."""
    return {
        "flight_id": "2013-07-04-UA-7-JFK",
        "scheduled_at": 1_372_941_600,
        "month": 7,
        "day": 4,
        "weekday": 4,
        "hour": 8,
        "minute": 40,
        "sched_dep_minute": 520,
        "sched_arr_minute": 665,
        "carrier": "UA",
        "flight": 7,
        "tailnum": "N1",
        "origin": "JFK",
        "dest": "SFO",
        "distance": 2586.0,
        "weather_temp": 79.0,
        "weather_dewp": 60.0,
        "weather_humid": 50.0,
        "weather_wind_dir": 180.0,
        "weather_wind_speed": 9.0,
        "weather_wind_gust": 20.0,
        "weather_precip": 0.0,
        "weather_pressure": 1015.0,
        "weather_visib": 10.0,
        "plane_year": 1999,
        "plane_seats": 149,
        "arr_delay": 16,
    } | changes


def many_rows(count: int) -> list[Row]:
    """Returns departures with both labels; gusts, pressures and planes are missing at times."""
    generator = np.random.default_rng(0)
    rows = []
    for index in range(count):
        gusty, hour = bool(generator.integers(2)), int(generator.integers(6, 24))
        row = make_row(
            flight_id=f"2013-07-04-UA-{index}-JFK",
            hour=hour,
            sched_dep_minute=60 * hour,
            carrier=["UA", "B6", "US"][index % 3],
            weather_temp=float(generator.uniform(20, 90)),
            weather_wind_gust=float(generator.uniform(18, 60)),
            arr_delay=40 if gusty or (hour > 18) == (index % 5 == 0) else -5,
        )
        missing = {"weather_wind_gust"} if not gusty else set()
        missing |= {"plane_year", "plane_seats", "weather_pressure"} if index % 7 == 0 else set()
        rows.append({name: value for name, value in row.items() if name not in missing})
    return rows
