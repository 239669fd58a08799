"""Reads a JSON object field by field, and refuses what it does not expect.

A rollout decides who is served by what, so nothing is guessed: a field that is missing, unknown, of
another type or out of its range is an error that names the field and the values that are valid.
What the fields mean is left to the callers.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping
from typing import Any

from serving.rollout.errors import RolloutError

_MISSING = object()
# What other programs read a whole number into; no count comes near.
_LARGEST = 2**63 - 1


def parse(text: str | bytes, where: str) -> object:
    """Returns what a JSON document holds.

    Raises:
        RolloutError: It is not JSON, names a field twice, or holds NaN or Infinity, which JSON does
            not have.
    """
    try:
        return json.loads(text, object_pairs_hook=_without_repetition, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise RolloutError(f"{where}: expected JSON, received {_short(text)} ({error}).") from error


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = sorted({name for name in names if names.count(name) > 1})
        raise RolloutError(f"the field {', '.join(twice)} stands there more than once")
    return found


def _refuse(constant: str) -> float:
    raise RolloutError(f"{constant} is no number of JSON")


class Fields:
    """The fields of one JSON object, each read once.

    Args:
        found: What was parsed; anything but an object is refused.
        where: What the object is, for messages.
    """

    def __init__(self, found: object, where: str) -> None:
        if not isinstance(found, Mapping):
            raise RolloutError(f"{where}: expected an object, received {_short(found)}.")
        self._found = found
        self._where = where
        self._read: list[str] = []

    def take(self, name: str, default: object = _MISSING) -> Any:
        """Returns a field of any type, or its default where it is missing."""
        self._read.append(name)
        if name in self._found:
            return self._found[name]
        if default is _MISSING:
            raise RolloutError(f"{self._where}: {name} is missing.")
        return default

    def has_format(self, known: int) -> None:
        """Refuses what another release wrote, by the number in `format`.

        Args:
            known: The one that this release writes and reads.

        Raises:
            RolloutError: It is another one, or none.
        """
        written = self.whole("format")
        if written != known:
            raise RolloutError(
                f"{self._where}: expected format {known}, received {written}. Another release "
                "wrote it."
            )

    def text(self, name: str, default: object = _MISSING) -> str:
        """Returns a field that is a string."""
        value = self.take(name, default)
        if not isinstance(value, str):
            self._refuse(name, "a string", value)
        return value

    def chosen(self, name: str, names: Collection[str], default: object = _MISSING) -> str:
        """Returns a field that is one of some names."""
        value = self.take(name, default)
        if not isinstance(value, str) or value not in names:
            self._refuse(name, f"one of {', '.join(names)}", value)
        return value

    def truth(self, name: str, default: object = _MISSING) -> bool:
        """Returns a field that is true or false."""
        value = self.take(name, default)
        if not isinstance(value, bool):
            self._refuse(name, "true or false", value)
        return value

    def whole(self, name: str, default: object = _MISSING, *, least: int = 0) -> int:
        """Returns a field that is a whole number of at least `least`."""
        value = self.take(name, default)
        whole = isinstance(value, int) and not isinstance(value, bool)
        if not whole or not least <= value <= _LARGEST:
            self._refuse(name, f"a whole number of at least {least}", value)
        return value

    def number(self, name: str, default: object = _MISSING, *, least: float = -math.inf) -> float:
        """Returns a field that is a number of at least `least`, and of at most 2 ** 63."""
        value = self.take(name, default)
        real = isinstance(value, int | float) and not isinstance(value, bool)
        # Compared rather than asked whether it is finite, as a long integer has no float.
        if not real or not max(least, -_LARGEST) <= value <= _LARGEST:
            bound = "" if least == -math.inf else f" of at least {least:g}"
            self._refuse(name, f"a number{bound}", value)
        return float(value)

    def number_or_none(self, name: str, *, least: float = -math.inf) -> float | None:
        """Returns a field that is a finite number, or None where it is null or missing."""
        return None if self.take(name, None) is None else self.number(name, least=least)

    def items(self, name: str, default: object = _MISSING) -> list[Any]:
        """Returns a field that is an array."""
        value = self.take(name, default)
        if not isinstance(value, list | tuple):
            self._refuse(name, "an array", value)
        return list(value)

    def mapping(self, name: str, default: object = _MISSING) -> Mapping[str, Any]:
        """Returns a field that is an object."""
        value = self.take(name, default)
        if not isinstance(value, Mapping):
            self._refuse(name, "an object", value)
        return value

    def done(self) -> None:
        """Refuses fields that nobody has asked for.

        Raises:
            RolloutError: There is one.
        """
        unknown = sorted(set(self._found) - set(self._read))
        if unknown:
            raise RolloutError(
                f"{self._where}: expected {', '.join(sorted(set(self._read)))}, received the "
                f"unknown {', '.join(map(str, unknown))}."
            )

    def _refuse(self, name: str, expected: str, received: object) -> None:
        raise RolloutError(
            f"{self._where}: {name} must be {expected}, received {_short(received)}."
        )


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
