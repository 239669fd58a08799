"""Rows with a label, a prediction and the columns they are sliced by, as arrays.

The label is told by a function of the pipeline's: what is delivered is a delay in minutes, or a
tip, not yet 0 or 1.
"""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from components.performance_validator.entities import first_answers
from components.performance_validator.slices import Coded
from components.prediction_log_example_gen import keys as log
from components.skew_validator.rows import Column, Rows

LabelFn = Callable[[Mapping[str, np.ndarray]], np.ndarray]


class LabelsError(ValueError):
    """The function that tells labels cannot be used on the rows that there are."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Scored:
    """Rows whose label and prediction are known.

    Attributes:
        labels: 1 or 0, shape `(rows,)`.
        predictions: From 0 to 1, likewise.
        columns: What they are sliced by.
        unlabelled: Rows that were left out since the function does not know their label.
        unusable: Rows that were left out since their prediction is none from 0 to 1, by version.
        first: Which rows are the version's first answer about their entity, of bool; None where
            entities are not known.
    """

    labels: np.ndarray
    predictions: np.ndarray
    columns: Mapping[str, Coded]
    unlabelled: int = 0
    unusable: Mapping[str, int] = dataclasses.field(default_factory=dict)
    first: np.ndarray | None = None


def score(
    rows: Rows, label_fn: LabelFn, sliced: Iterable[str], identifiers: Sequence[str] = ()
) -> Scored:
    """Returns the rows whose label and prediction are known.

    Args:
        rows: As they were read.
        label_fn: From arrays by column to 0, 1, or NaN where the label cannot be told.
        sliced: Columns to keep beside the version; those that no row has are left out.
        identifiers: Columns that together name an entity; none where no column does.

    Raises:
        LabelsError: The function asks for a column that no row has, or its answer is no such array.
    """
    labels = _labels(rows, label_fn) if rows.count else np.empty(0)
    predictions = _predictions(rows)
    is_known = ~np.isnan(labels)
    is_usable = (predictions >= 0) & (predictions <= 1)  # false for NaN
    kept = is_known & is_usable
    columns = {name: coded(rows.columns[name]) for name in sliced if name in rows.columns}
    columns[log.MODEL_VERSION] = _versions(columns.get(log.MODEL_VERSION), rows.count)
    versions = columns[log.MODEL_VERSION]
    return Scored(
        labels=labels[kept],
        predictions=predictions[kept],
        columns={
            name: dataclasses.replace(one, codes=one.codes[kept]) for name, one in columns.items()
        },
        unlabelled=int(np.count_nonzero(~is_known)),
        unusable=_by_value(versions, is_known & ~is_usable),
        first=_first(rows, kept, versions, identifiers),
    )


def function(import_path: str) -> LabelFn:
    """Returns the function that an import path names.

    Raises:
        LabelsError: There is none.
    """
    module, _, name = import_path.rpartition(".")
    try:
        found: LabelFn = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise LabelsError(
            f"label_fn: expected the import path of a function, received {import_path!r}: {error}"
        ) from error
    return found


def values(column: Column) -> np.ndarray:
    """Returns a column as a function of labels takes it.

    Returns:
        Numbers as float64, NaN where a row has none; texts as objects, None where a row has none.
    """
    if column.names is None:
        return np.where(column.present, column.values.astype(np.float64), np.nan)
    texts = np.array([*map(_text, column.names), None], object)
    found: np.ndarray = texts[np.where(column.present, column.values, len(column.names))]
    return found


def coded(column: Column) -> Coded:
    """Returns a column as slices are cut by it."""
    if column.names is not None:
        codes = np.where(column.present, column.values, -1).astype(np.int64)
        return Coded(codes=codes, values=tuple(map(_text, column.names)))
    found, places = np.unique(column.values, return_inverse=True)
    codes = np.where(column.present, places.reshape(-1), -1)
    return Coded(codes=codes, values=tuple(found.tolist()))


def _labels(rows: Rows, label_fn: LabelFn) -> np.ndarray:
    columns = {name: values(column) for name, column in rows.columns.items()}
    try:
        found = np.asarray(label_fn(columns), np.float64)
    except KeyError as error:
        raise LabelsError(
            f"label_fn asks for the column {error}, which no labelled row has; they have: "
            f"{', '.join(sorted(name for name in columns if not log.is_extra(name)))}"
        ) from error
    if found.shape != (rows.count,):
        raise LabelsError(
            f"label_fn: expected an array of shape ({rows.count},), received {found.shape}"
        )
    wrong = found[~(np.isnan(found) | (found == 0) | (found == 1))]
    if wrong.size:
        raise LabelsError(f"label_fn: expected 0, 1 or NaN, received {wrong[0]:g}")
    return found


def _versions(column: Coded | None, rows: int) -> Coded:
    # A server in front of another one may not know which version answered.
    if column is None:
        return Coded(codes=np.zeros(rows, np.int64), values=("",))
    unknown = len(column.values)
    return Coded(
        codes=np.where(column.codes < 0, unknown, column.codes), values=(*column.values, "")
    )


def _first(
    rows: Rows, kept: np.ndarray, versions: Coded, identifiers: Sequence[str]
) -> np.ndarray | None:
    if not identifiers or any(name not in rows.columns for name in identifiers):
        return None
    served = rows.columns.get(log.SERVED_AT)
    return first_answers(
        [coded(rows.columns[name]).codes[kept] for name in identifiers],
        versions.codes[kept],
        np.zeros(int(kept.sum())) if served is None else values(served)[kept],
    )


def _by_value(column: Coded, chosen: np.ndarray) -> dict[str, int]:
    codes, counts = np.unique(column.codes[chosen], return_counts=True)
    return {
        str(column.values[code]): count
        for code, count in zip(codes.tolist(), counts.tolist(), strict=True)
    }


def _predictions(rows: Rows) -> np.ndarray:
    column = rows.columns.get(log.PREDICTION)
    if column is None or column.names is not None:
        return np.full(rows.count, np.nan)
    return values(column)


def _text(name: bytes) -> str:
    return name.decode("utf-8", "replace")
