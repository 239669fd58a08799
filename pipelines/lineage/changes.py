"""Compares nested values by path: what `why` and `run_diff` say in common.

before  {"custom_config": '{"epochs": 5, "label": "tip"}', "module": "a"}
after   {"custom_config": '{"epochs": 9, "label": "tip"}'}
gives   custom_config.epochs  5 → 9
        module                a → nothing
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Iterator, Mapping

from pipelines.lineage.records import Value


@dataclasses.dataclass(frozen=True, kw_only=True)
class Change:
    """One value that differs; None stands for absent."""

    name: str
    before: Value
    after: Value


def compare(before: Mapping[str, Value], after: Mapping[str, Value]) -> tuple[Change, ...]:
    """Returns the leaves that differ, by path, in the order of their names."""
    old, new = dict(_leaves("", before)), dict(_leaves("", after))
    return tuple(
        Change(name=name, before=old.get(name), after=new.get(name))
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    )


def text(value: Value) -> str:
    """Returns a value for people: None is `nothing`, numbers are short, texts as they are."""
    if value is None:
        return "nothing"
    if isinstance(value, float):
        return f"{value:.6g}"
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _leaves(path: str, value: Value) -> Iterator[tuple[str, Value]]:
    """Yields paths and values; texts that hold a JSON object are looked into.

    An empty object says as much as an absent one, and yields nothing.
    """
    if isinstance(value, str) and value.lstrip().startswith("{"):
        # A text that only begins like JSON is compared as a text.
        with contextlib.suppress(ValueError):
            value = json.loads(value)
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(f"{path}.{key}" if path else str(key), inner)
    else:
        yield path, value
