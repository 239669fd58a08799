"""Flights many times over: the year's weeks again, as later years, so that no row is there twice.

A copy's departures have the year in their `flight_id` and fifty-two weeks more on `scheduled_at`;
all else stays, so that columns have as many values as before, save the keys. As the key is part of
a row's hash, copies of a row fall into splits of their own.

    2013-01-01-UA-1545-EWR, 1357035300      2014-01-01-UA-1545-EWR, 1388484900

The 9,430 that were cancelled or diverted, which the pipeline leaves out, have no delay, some
no tail number, and the schema wants both; they get a day and `none`, so that a size has all 336,776
rows.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.flights import source

if TYPE_CHECKING:
    import pandas as pd

FIRST_YEAR = 2013
_YEAR_SEC = 364 * 24 * 3600  # whole weeks, so that weekdays stay
_NEVER_MIN = 24 * 60


def write(folder: Path, factor: int, rows: int | None = None) -> Path:
    """Writes CSV files, one for each week, and returns the folder with those of a size.

    Files are shared by sizes: what a smaller one has written is linked.

    Args:
        folder: Where all sizes lie.
        factor: How many years.
        rows: How many departures a year has, its first ones; all of them if None.
    """
    wanted = folder / f"{factor}x"
    if wanted.is_dir():
        return wanted
    weeks = folder / "weeks"
    weeks.mkdir(parents=True, exist_ok=True)
    making = folder / f".{factor}x.tmp"
    making.mkdir(exist_ok=True)
    table: pd.DataFrame | None = None
    for year in range(FIRST_YEAR, FIRST_YEAR + factor):
        done = weeks / f".{year}.done"
        if not done.exists():
            table = source.departures().head(rows) if table is None else table
            _write_year(weeks, table, year)
            done.touch()
        for path in weeks.glob(f"{year}-week-*.csv"):
            if not (making / path.name).exists():
                os.link(path, making / path.name)
    making.rename(wanted)
    return wanted


def of_year(table: pd.DataFrame, year: int) -> pd.DataFrame:
    """Returns departures of 2013 as those of another year."""
    later = year - FIRST_YEAR
    return table.assign(
        flight_id=str(year) + table[source.ENTITY].str.removeprefix(str(FIRST_YEAR)),
        scheduled_at=table["scheduled_at"] + later * _YEAR_SEC,
        arr_delay=table[source.DELAY].fillna(_NEVER_MIN),
        tailnum=table["tailnum"].fillna("none"),
    )


def _write_year(folder: Path, table: pd.DataFrame, year: int) -> None:
    span = source.span_of(table["month"], table["day"])
    for week, rows in of_year(table, year).groupby(span):
        path = folder / f"{year}-week-{week:02d}.csv"
        rows.to_csv(path, index=False, lineterminator="\n")
