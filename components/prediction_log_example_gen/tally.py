"""Counts of what was come across, and examples of what was wrong; adds up in any order.

    tally.count("values", "cast", "fare", "int64 to FLOAT")
    tally.count("records", "corrupt", example="requests-...: at byte 4711: ...")

A count is named by a path, which is its place in the report. Of examples those are kept that are
first in alphabetical order, so that workers that see records in another order report the same.
"""

from __future__ import annotations

import collections
from collections.abc import Iterable
from typing import Any

MAX_EXAMPLES = 3  # of each count
MAX_EXAMPLE_CHARACTERS = 300

Name = tuple[str, ...]


class Tally:
    """Counts by name, each with a few examples.

    Attributes:
        counts: How often, by name.
        examples: Texts by name, at most `MAX_EXAMPLES` of each, sorted.
    """

    def __init__(self) -> None:
        self.counts: collections.Counter[Name] = collections.Counter()
        self.examples: dict[Name, list[str]] = {}

    def count(self, *name: str, times: int = 1, example: str = "") -> None:
        """Adds to a count, and maybe an example to it."""
        self.counts[name] += times
        if example:
            self._show(name, [example[:MAX_EXAMPLE_CHARACTERS]])

    def add(self, other: Tally) -> None:
        """Adds what another one counted."""
        self.counts.update(other.counts)
        for name, texts in other.examples.items():
            self._show(name, texts)

    def _show(self, name: Name, texts: Iterable[str]) -> None:
        kept = self.examples.get(name, [])
        self.examples[name] = sorted({*kept, *texts})[:MAX_EXAMPLES]


def merged(tallies: Iterable[Tally]) -> Tally:
    """Returns the sum of any number of tallies."""
    total = Tally()
    for tally in tallies:
        total.add(tally)
    return total


def as_tree(tally: Tally) -> dict[str, Any]:
    """Returns counts as nested dictionaries, names sorted; examples are lists below `examples`.

    No name may be the beginning of another.
    """
    tree: dict[str, Any] = {}
    for name, number in sorted(tally.counts.items()):
        _place(tree, name, number)
    examples = {" / ".join(name): texts for name, texts in sorted(tally.examples.items())}
    return {**tree, "examples": examples}


def _place(tree: dict[str, Any], name: Name, number: int) -> None:
    for part in name[:-1]:
        tree = tree.setdefault(part, {})
    tree[name[-1]] = number
