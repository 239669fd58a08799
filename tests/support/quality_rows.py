"""Rows at hand, held against rules: what the tests of each side of data quality share."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from components.data_quality_validator import quality, rules_file
from components.data_quality_validator.columns import Kind, Rows, in_memory
from components.data_quality_validator.errors import NotMeasurable
from components.data_quality_validator.measurement import Measurement, Report

Row = Mapping[str, Any]


class RowsAtHand:
    """Rows by split, in batches of a few, as `quality.Data` gives them."""

    def __init__(
        self, rows: Mapping[str, Sequence[Row]], kinds: Mapping[str, Kind], batch: int = 2
    ) -> None:
        self.splits = tuple(rows)
        self._rows = rows
        self._kinds = kinds
        self._batch = batch

    def batches(self, split: str, columns: Sequence[str]) -> Iterator[Rows]:
        for start in range(0, len(self._rows[split]), self._batch):
            some = self._rows[split][start : start + self._batch]
            made = in_memory(self._kinds, some)

            def decode(name: str, made: Mapping[str, Any] = made) -> Any:
                if name not in made:
                    raise NotMeasurable(f"no column {name!r}")
                return made[name]

            yield Rows(split, start, [repr(dict(row)).encode() for row in some], decode)

    def rows(
        self, split: str, numbers: Collection[int], columns: Sequence[str]
    ) -> Mapping[int, Mapping[str, str]]:
        return {
            number: {name: str(self._rows[split][number].get(name)) for name in columns}
            for number in numbers
        }


KINDS = {"n": Kind.INT, "m": Kind.INT, "x": Kind.FLOAT, "y": Kind.FLOAT, "s": Kind.BYTES,
         "t": Kind.BYTES, "time": Kind.INT}  # fmt: skip


def report(rules: str, batch: int = 2, span: int | None = 0, first_span: int | None = None,
           now_sec: float | None = None, checked: bool = True,
           **splits: Sequence[Row]) -> Report:  # fmt: skip
    """Holds rows, by split, against a file of rules, which is checked by `KINDS` or not."""
    return quality.measure(
        rules_file.parse(rules, "rules.toml", KINDS if checked else None),
        RowsAtHand(splits or {"train": []}, KINDS, batch),
        source="rules.toml",
        span=span,
        first_span=first_span,
        now_sec=now_sec,
    )


def measured(rules: str, **options: Any) -> Measurement:
    """The same for a single rule."""
    (found,) = report(rules, **options).measurements
    return found


def table(kind: str, **keys: Any) -> str:
    """Returns a rule as TOML; `name` is the kind's."""
    import json

    lines = [f"[[{kind}]]", f'name = "{kind}"']
    lines += [f"{key} = {json.dumps(value)}" for key, value in keys.items()]
    return "\n".join(lines) + "\n"
