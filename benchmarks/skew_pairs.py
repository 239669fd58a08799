"""Draws pairs of samples from flights: training and serving of the same weeks, and planted faults.

A pair is two random halves of the departures of some consecutive weeks, so nothing has changed
between them (A/A). A fault then changes a column of the serving half (A/B). What a fault does and
where is written at it; which detectors look at the pairs is left to `skew_detectors`.
"""

from __future__ import annotations

import dataclasses
import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from pipelines.flights import source

# Enough for two halves of 50,000.
WEEKS: Final = 18
LAST_WEEK: Final = 52
# Names of one flight, and what is known only later.
_NOT_COMPARED: Final = (source.ENTITY, "scheduled_at", "flight", "tailnum", source.DELAY)
_STALE_HOURS: Final = 12
_STALE_DAYS: Final = 3

MILE_KM: Final = 1.609344
ZONE_HOURS: Final = 5
MORE_NULLS: Final = 0.05
NEW_SHARE: Final = 0.02
SMALLEST_CARRIER: Final = 0.01


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Flights:
    """All departures that arrived, in one order.

    Attributes:
        rows: With every column that is compared.
        weeks: Week of the year of each, shape `(rows,)`.
        entities: The name of each, shape `(rows,)`.
        late: The weather columns as observed so many hours earlier still, by hours.
    """

    rows: pd.DataFrame
    weeks: np.ndarray
    entities: np.ndarray
    late: dict[int, pd.DataFrame]

    @classmethod
    def read(cls) -> Flights:
        """Reads the package's tables and joins them."""
        folder = _tables()
        flights = pd.read_csv(folder / "flights.csv.zip")
        weather = pd.read_csv(folder / "weather.csv")
        planes = pd.read_csv(folder / "planes.csv")
        table = source.joined(flights, weather, planes)
        arrived = table[source.DELAY].notna().to_numpy()
        weather_columns = [name for name in table if name.startswith("weather_")]
        late = {}
        for hours in (_STALE_HOURS, 24 * _STALE_DAYS):
            times = pd.to_datetime(weather["time_hour"], utc=True) + pd.Timedelta(hours=hours)
            older = source.joined(flights, weather.assign(time_hour=times), planes)
            late[hours] = _plain(older.loc[arrived, weather_columns])
        table = table[arrived]
        return cls(
            rows=_plain(table.drop(columns=list(_NOT_COMPARED))),
            weeks=source.span_of(table["month"], table["day"]).to_numpy(),
            entities=table[source.ENTITY].to_numpy(),
            late=late,
        )


def _tables() -> Path:
    # Looked for, not imported, as in `source`.
    spec = importlib.util.find_spec(source.PACKAGE)
    if spec is None or spec.origin is None:
        raise FileNotFoundError(f"Expected the package {source.PACKAGE!r}: run `make setup`.")
    return Path(spec.origin).parent / "data"


def _plain(table: pd.DataFrame) -> pd.DataFrame:
    # pandas' integers that may be missing are known to no detector.
    wide = {name: "float64" for name, kind in table.dtypes.items() if str(kind) == "Int64"}
    return table.astype(wide).reset_index(drop=True)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Pair:
    """Places of rows in `Flights.rows`.

    Attributes:
        training: Of the training half.
        serving: Of the serving half.
        spare: Further rows of the same weeks, as many as serving has.
        seed: Of what is random in a fault.
    """

    training: np.ndarray
    serving: np.ndarray
    spare: np.ndarray
    seed: int


def draw(flights: Flights, *, serving: int, training: int, repetition: int) -> Pair:
    """Draws two halves of the same random weeks.

    Args:
        flights: Where from.
        serving: Rows of the serving half.
        training: Rows of the training half.
        repetition: Number of the pair; equal numbers draw the same one.
    """
    rng = np.random.default_rng((2013, serving, training, repetition))
    first = int(rng.integers(1, LAST_WEEK - WEEKS + 2))
    pool = np.flatnonzero((flights.weeks >= first) & (flights.weeks < first + WEEKS))
    if pool.size < serving + training:
        raise ValueError(
            f"Expected at most {pool.size} rows in both halves, received {serving + training}."
        )
    rows = rng.permutation(pool)
    ends = training, training + serving
    # What is left may be too little at the largest sizes; then rows stand in several times.
    rest = rows[ends[1] :] if rows.size - ends[1] >= serving // 2 else rows[ends[0] :]
    return Pair(
        training=rows[: ends[0]],
        serving=rows[ends[0] : ends[1]],
        spare=rng.choice(rest, size=serving),
        seed=int(rng.integers(2**32)),
    )


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Served:
    """The serving half, on which a fault falls.

    Attributes:
        flights: Where its rows are from.
        pair: Which rows.
        rng: What is random in the fault.
    """

    flights: Flights
    pair: Pair
    rng: np.random.Generator

    def column(self, name: str) -> pd.DataFrame:
        """Returns a column as it ought to be."""
        return self.flights.rows[[name]].iloc[self.pair.serving].reset_index(drop=True)


Plant = Callable[[Served], pd.DataFrame]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Fault:
    """A fault that serving may have.

    Attributes:
        name: What it is called.
        what: What it does, in a few words.
        plant: Returns the columns it changes, a row for each served one.
        rescaled: A column that is standardised in training, as the fault wants; "" for none.
        joined: Whether its rows are still those of the same flights, so that they can be compared
            row by row.
    """

    name: str
    what: str
    plant: Plant
    rescaled: str = ""
    joined: bool = True


def _kilometres(served: Served) -> pd.DataFrame:
    return served.column("distance") * MILE_KM


def _other_zone(served: Served) -> pd.DataFrame:
    return (served.column("hour") + ZONE_HOURS) % 24


def _carrier_lost(served: Served) -> pd.DataFrame:
    table, pair = served.flights.rows, served.pair
    shares = table["carrier"].value_counts(normalize=True)
    lost = served.rng.choice(sorted(shares.index[shares >= SMALLEST_CARRIER]))
    rows = np.concatenate([pair.serving, pair.spare])
    kept = rows[(table["carrier"].iloc[rows] != lost).to_numpy()]
    # Of its rows' other columns, which change a little with it, nothing is asked.
    return table[["carrier"]].iloc[kept[: pair.serving.size]].reset_index(drop=True)


def _more_nulls(served: Served) -> pd.DataFrame:
    column = served.column("weather_temp")
    return column.mask(served.rng.random(column.shape) < MORE_NULLS)


def _new_category(served: Served) -> pd.DataFrame:
    column = served.column("carrier")
    return column.mask(served.rng.random(column.shape) < NEW_SHARE, "XX")


def _scaled_twice(served: Served) -> pd.DataFrame:
    # The training half is scaled once.
    once = standardised(served.column("weather_temp"), served.flights, served.pair)
    return standardised(once, served.flights, served.pair)


def _cast(served: Served) -> pd.DataFrame:
    return np.trunc(served.column("weather_temp"))


def _shuffled(served: Served) -> pd.DataFrame:
    column = served.column("distance")
    return column.iloc[served.rng.permutation(len(column))].reset_index(drop=True)


def _late(hours: int) -> Plant:
    def plant(served: Served) -> pd.DataFrame:
        return served.flights.late[hours].iloc[served.pair.serving].reset_index(drop=True)

    return plant


def standardised(column: pd.DataFrame, flights: Flights, pair: Pair) -> pd.DataFrame:
    """Returns a column less its mean in training, over its standard deviation there.

    Args:
        column: Of any rows.
        flights: Where the training rows are from.
        pair: Which they are.
    """
    seen = flights.rows[column.columns].iloc[pair.training]
    return (column - seen.mean()) / seen.std()


FAULTS: Final = (
    Fault(name="kilometres", what="`distance` in kilometres", plant=_kilometres),
    Fault(name="time zone", what="`hour` five hours on", plant=_other_zone),
    Fault(
        name="carrier lost",
        what="all rows of one carrier (a random one of those above 1 %) gone",
        plant=_carrier_lost,
        joined=False,
    ),
    Fault(name="more nulls", what="5 % of `weather_temp` missing", plant=_more_nulls),
    Fault(name="new category", what="2 % of `carrier` is a new one", plant=_new_category),
    Fault(
        name="scaled twice",
        what="`weather_temp` standardised twice",
        plant=_scaled_twice,
        rescaled="weather_temp",
    ),
    Fault(name="cast to integer", what="`weather_temp` cut to whole degrees", plant=_cast),
    Fault(name="shuffled column", what="`distance` in another order", plant=_shuffled),
    Fault(
        name="weather 12 h late",
        what="all weather columns 12 hours older",
        plant=_late(_STALE_HOURS),
    ),
    Fault(
        name="weather 3 days late",
        what="all weather columns 3 days older",
        plant=_late(24 * _STALE_DAYS),
    ),
)
