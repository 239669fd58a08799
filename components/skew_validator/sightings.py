"""When a fault was first seen, by the time at which rows were served.

A fault of single rows (no value, a value outside of its domain) was first seen in the earliest of
them. A change of the distribution shows in no single row: the served rows are cut into parts by
time, and the first part that is itself found to differ tells when, to the length of a part.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from tensorflow_metadata.proto.v0 import schema_pb2

from components.prediction_log_example_gen.keys import SERVED_AT
from components.prediction_log_example_gen.windows import as_text
from components.skew_validator.rows import Column, Rows

PARTS = 8


def iso(seconds: int) -> str:
    """Returns a time, in seconds since 1970, as ISO 8601 in UTC; "" where no date is that far."""
    try:
        return as_text(seconds)
    except OverflowError:
        return ""


def earliest(rows: Rows, which: np.ndarray | None = None) -> str:
    """Returns when the earliest of some rows was served, or "" where that is not known."""
    times = _times(rows)
    if times is None:
        return ""
    chosen = times.present if which is None else times.present & which
    return iso(int(times.values[chosen].min())) if chosen.any() else ""


def latest(rows: Rows) -> str:
    """Returns when the last row was served, or "" where that is not known."""
    times = _times(rows)
    return "" if times is None else iso(int(times.values[times.present].max()))


def first_offence(rows: Rows, schema: schema_pb2.Schema, name: str) -> str:
    """Returns when a row first broke the schema.

    Args:
        rows: What was served.
        schema: What they have to obey.
        name: Of the column.
    """
    feature = next((one for one in schema.feature if one.name == name), None)
    column = rows.columns.get(name)
    if column is None:
        return earliest(rows)
    if feature is None:
        return earliest(rows, column.present)
    wrong = column.present & _is_wrong(column, feature, schema)
    if wrong.any():
        return earliest(rows, wrong)
    return earliest(rows, ~column.present) or earliest(rows)


def first_change(rows: Rows, differs: Callable[[np.ndarray], bool]) -> str:
    """Returns when the first part of the served rows began that differs from training.

    Where no part is large enough to differ by itself, it is when the first row was served; "" where
    times are not known.

    Args:
        rows: What was served.
        differs: Whether some of them differ; is given which, shape `(rows,)` and of bool.
    """
    times = _times(rows)
    if times is None:
        return ""
    order = np.argsort(np.where(times.present, times.values, np.inf), kind="stable")
    for part in np.array_split(order, PARTS):
        which = np.zeros(rows.count, bool)
        which[part] = True
        if which.any() and differs(which):
            return earliest(rows, which)
    return earliest(rows)


def _times(rows: Rows) -> Column | None:
    times = rows.columns.get(SERVED_AT)
    known = times is not None and times.names is None and times.present.any()
    return times if known else None


def _is_wrong(column: Column, feature: schema_pb2.Feature, schema: schema_pb2.Schema) -> np.ndarray:
    domain = feature.WhichOneof("domain_info")
    values = column.values
    if column.names is not None:
        return _is_unknown(column, feature, schema)
    if domain not in {"int_domain", "float_domain"}:
        return np.zeros(values.size, bool)
    bounds = getattr(feature, domain)
    wrong = np.zeros(values.size, bool)
    if bounds.HasField("min"):
        wrong |= values < bounds.min
    if bounds.HasField("max"):
        wrong |= values > bounds.max
    if domain == "float_domain" and bounds.disallow_nan:
        wrong |= np.isnan(values)
    return wrong


def _is_unknown(
    column: Column, feature: schema_pb2.Feature, schema: schema_pb2.Schema
) -> np.ndarray:
    domains = [one for one in schema.string_domain if one.name == feature.domain]
    if feature.WhichOneof("domain_info") == "string_domain":
        domains = [feature.string_domain]
    if not domains or not column.names:
        return np.zeros(column.values.size, bool)
    known = {text.encode() for text in domains[0].value}
    return np.array([name not in known for name in column.names])[column.values]
