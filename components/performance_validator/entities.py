"""Which rows are the first answer about an entity. Pure.

A caller may ask about the same flight ten times. The ten rows have one label between them, so they
say as much of a model as one row does, and an interval that took them for ten would be too narrow.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def first_answers(
    identifiers: Sequence[np.ndarray], versions: np.ndarray, served_sec: np.ndarray
) -> np.ndarray:
    """Returns which rows are a version's first answer about an entity.

    Args:
        identifiers: Codes of the columns that together name an entity, each of shape `(rows,)`; -1
            where a row has none, which makes it an entity of its own.
        versions: Codes of the versions that answered, of the same shape.
        served_sec: When they did, likewise; of answers of one second the first row counts.

    Returns:
        Of bool, shape `(rows,)`.
    """
    rows = np.arange(versions.size)
    columns = np.array([*identifiers, versions]).reshape(len(identifiers) + 1, rows.size)
    order = np.lexsort((rows, served_sec, *columns))
    ordered = columns[:, order]
    first = np.ones(rows.size, bool)
    first[order[1:]] = (ordered[:, 1:] != ordered[:, :-1]).any(axis=0)
    unnamed = (columns[:-1] < 0).any(axis=0)
    return first | unnamed
