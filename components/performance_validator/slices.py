"""Cuts rows into slices, as TFMA's slicing specs name them. Pure.

    version  origin  cell        slices of the specs [version] and [version, origin]
    7        EWR     0           version=7                    cells 0, 1
    7        JFK     1           version=7 and origin=EWR     cell  0
    8        EWR     2           version=7 and origin=JFK     cell  1 …

Rows that agree in all columns make a cell. A cell lies in one slice of a spec or, where a value is
missing, in none, so what was summed up for each cell once can be added up for every slice.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from components.performance_validator.findings import OVERALL

Value = str | int | float
Key = tuple[tuple[str, Value], ...]  # columns with their values, by column, as TFMA has them


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Coded:
    """A column of few different values.

    Attributes:
        codes: Places in `values`, shape `(rows,)`; -1 where a row has none.
        values: The values.
    """

    codes: np.ndarray
    values: tuple[Value, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Spec:
    """Which slices to make.

    Attributes:
        columns: Each combination of their values makes a slice.
        only: The values that columns must have, as texts.
    """

    columns: tuple[str, ...] = ()
    only: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """All columns that it looks at, sorted."""
        return tuple(sorted({*self.columns, *self.only}))


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Slices:
    """Rows in cells, and cells in slices.

    Attributes:
        cell_of: The cell of each row, shape `(rows,)`.
        cells: The cells of each slice; only of slices that have a row.
    """

    cell_of: np.ndarray
    cells: Mapping[Key, tuple[int, ...]]

    def rows(self, key: Key) -> np.ndarray:
        """Returns which rows lie in a slice, of bool."""
        return np.isin(self.cell_of, self.cells[key])


def cut(columns: Mapping[str, Coded], specs: Sequence[Spec], rows: int) -> Slices:
    """Cuts rows into cells and slices.

    Args:
        columns: By name. A spec that looks at others has no slice.
        specs: Which slices to make.
        rows: How many rows there are.
    """
    if not rows:
        return Slices(cell_of=np.empty(0, np.int64), cells={})
    names = sorted({name for spec in specs for name in spec.names if name in columns})
    codes = np.array([columns[name].codes for name in names]).reshape(len(names), rows)
    combinations, cell_of = np.unique(codes, axis=1, return_inverse=True)
    found: dict[Key, list[int]] = {}
    # NumPy has given the inverse another shape in one of its releases.
    for cell in np.unique(cell_of.reshape(-1)).tolist():
        own = {
            name: columns[name].values[code]
            for name, code in zip(names, combinations[:, cell].tolist(), strict=True)
            if code >= 0
        }
        for key in _keys(own, specs):
            found.setdefault(key, []).append(cell)
    return Slices(
        cell_of=cell_of.reshape(-1),
        cells={key: tuple(found[key]) for key in sorted(found, key=str)},
    )


def name_of(key: Iterable[tuple[str, Value]], without: Iterable[str] = ()) -> str:
    """Returns the name of a slice, such as `origin=EWR`; the whole is `overall`.

    Args:
        key: Columns with their values.
        without: Columns that are left out of the name.
    """
    left_out = set(without)
    parts = [f"{column}={value}" for column, value in sorted(key) if column not in left_out]
    return " and ".join(parts) or OVERALL


def _keys(own: Mapping[str, Value], specs: Sequence[Spec]) -> Iterator[Key]:
    keys = {
        tuple((name, own[name]) for name in spec.names)
        for spec in specs
        if all(name in own for name in spec.names)
        and all(str(own[name]) == value for name, value in spec.only.items())
    }
    yield from keys
