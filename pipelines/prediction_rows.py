"""Predictions row by row, as JSON values and as CSV cells.

Asking for them is left to `pipelines.cli.predict` and `pipelines.csv_predictions`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.errors import RingwayError

if TYPE_CHECKING:
    from serving.client import Prediction

Outputs = Mapping[str, Any]


def by_row(prediction: Prediction, count: int) -> list[dict[str, Any]]:
    """Returns the outputs of each row, by name, as JSON values.

    A list of one value is that value. Floats have the fewest digits that tell them from their
    neighbours of the same precision; texts that are not UTF-8 become `{"b64": "…"}`.

    Args:
        prediction: The answer.
        count: How many rows were sent.

    Raises:
        RingwayError: An output does not have one entry per row.
    """
    columns = {name: _entries(name, array, count) for name, array in prediction.outputs.items()}
    return [{name: entries[row] for name, entries in columns.items()} for row in range(count)]


def cells(outputs: Outputs) -> dict[str, str]:
    """Returns a row's outputs as cells of CSV; a list makes one cell per value (`scores_0`)."""
    flat: dict[str, str] = {}
    for name, value in outputs.items():
        if isinstance(value, list) and not any(isinstance(item, list) for item in value):
            flat.update({f"{name}_{place}": _cell(item) for place, item in enumerate(value)})
        else:
            flat[name] = _cell(value)
    return flat


def line(outputs: Outputs) -> str:
    """Returns a row's outputs as one line for a reader."""
    return "  ".join(f"{name}: {_cell(value)}" for name, value in outputs.items())


def column_names(names: Collection[str], taken: Collection[str]) -> list[str]:
    """Returns names for output columns that no input column has: `tips`, else `predicted_tips`."""
    chosen: list[str] = []
    for name in names:
        free = name
        while free in taken or free in chosen:
            free = f"predicted_{free}"
        chosen.append(free)
    return chosen


def _entries(name: str, array: np.ndarray, count: int) -> list[Any]:
    if array.ndim == 0 or array.shape[0] != count:
        raise RingwayError(
            f"output {name!r}: expected one entry for each of {count} rows, received the shape "
            f"{list(array.shape)}",
            remedy="This signature does not answer row by row; use serving.client from Python.",
        )
    return [_unwrapped(_plain(entry)) for entry in array]


def _plain(entry: Any) -> Any:
    if isinstance(entry, np.ndarray):
        return [_plain(item) for item in entry]
    if isinstance(entry, bytes):
        try:
            return entry.decode()
        except UnicodeDecodeError:
            return {"b64": base64.b64encode(entry).decode()}
    if isinstance(entry, np.floating):
        return float(str(entry))  # not float(entry): a float32 of 0.1 is 0.10000000149011612
    return entry.item() if isinstance(entry, np.generic) else entry


def _unwrapped(value: Any) -> Any:
    while isinstance(value, list) and len(value) == 1:
        (value,) = value
    return value


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)
