"""Tells of served rows when, by which model and with what liberties they came. Pure functions."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from components.prediction_log_example_gen import keys as log
from components.skew_validator import sightings
from components.skew_validator.rows import Rows
from components.skew_validator.samples import several


def of_version(rows: Rows, version: str) -> np.ndarray:
    """Returns which rows a version of the model served, of bool; all of them if it is ""."""
    if not version:
        return np.ones(rows.count, bool)
    column = rows.columns.get(log.MODEL_VERSION)
    if column is None or column.names is not None or not version.isdecimal():
        return np.zeros(rows.count, bool)
    return column.present & (column.values == int(version))


def versions(rows: Rows) -> tuple[str, ...]:
    """Returns the versions of the model that served."""
    column = rows.columns.get(log.MODEL_VERSION)
    if column is None or column.names is not None:
        return ()
    return tuple(str(int(version)) for version in np.unique(column.values[column.present]))


def period(rows: Rows) -> str:
    """Returns from when to when rows were served, or "" where that is not known."""
    first, last = sightings.earliest(rows), sightings.latest(rows)
    return f"{first} to {last}" if first else ""


def notes(baseline: Rows | None, serving: Rows) -> Iterator[str]:
    """Yields what a reader has to know of how rows were chosen and reduced."""
    for side, rows in (("the baseline", baseline), ("what was served", serving)):
        if rows is None:
            continue
        if rows.count < rows.seen:
            yield f"Of {rows.seen:,} rows of {side}, {rows.count:,} chosen at random are compared."
        names = [name for name in several(rows) if not log.is_extra(name)]
        if names:
            yield (
                f"Some rows of {side} have several values of {', '.join(names)}: the first of each "
                "row is compared."
            )
    rate = serving.columns.get(log.SAMPLING_RATE)
    if rate is not None and rate.names is None and rate.present.any():
        known = rate.values[rate.present]
        rates = sorted({float(one) for one in known if 0 < one < 1})
        if rates:
            shares = " or ".join(f"{one:g}" for one in rates[:3])
            yield (
                f"The log holds a share of {shares} of the requests, chosen at random; each row "
                "counts alike, those of times of another share too."
            )
