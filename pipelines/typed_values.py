"""Checks a value that a user wrote against the type that a configuration field declares.

Field types are int, float, bool, str, `Literal`, tuples, `Optional` and nested dataclasses; ranges
are part of the type (`PositiveInt`, `Probability`), so that an error can say what was expected:

    >>> coerce([["hour"], ["company"]], tuple[tuple[str, ...], ...], "slices")
    (('hour',), ('company',))
    >>> coerce(0, PositiveInt, "epochs")
    Traceback (most recent call last):
    pipelines.typed_values.ConfigValueError: epochs: expected an integer of at least 1, received 0

Reading files and command lines is left to `pipelines.config`.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, Literal, Union

from pipelines.errors import UsageError


@dataclasses.dataclass(frozen=True)
class Range:
    """Bounds of a number, both included; NaN lies in no range."""

    low: float | None = None
    high: float | None = None

    def __contains__(self, value: float) -> bool:
        if isinstance(value, float) and math.isnan(value):
            return False
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)

    def __str__(self) -> str:
        if self.low is None:
            return f"of at most {self.high}"
        if self.high is None:
            return f"of at least {self.low}"
        return f"from {self.low} to {self.high}"


PositiveInt = Annotated[int, Range(1)]
Count = Annotated[int, Range(0)]
Seconds = Annotated[float, Range(0, 10 * 365 * 86_400)]
Seed = Annotated[int, Range(0, 2**32 - 1)]  # what NumPy and Keras take
Probability = Annotated[float, Range(0, 1)]


class ConfigValueError(UsageError):
    """A value that its field cannot hold.

    Attributes:
        key: Dotted name of the field.
        reason: What was expected and what was received.
    """

    def __init__(self, key: str, reason: str, *, source: str = "", remedy: str = "") -> None:
        place = f"{source}: " if source else ""
        super().__init__(f"{place}{key}: {reason}", remedy=remedy)
        self.key = key
        self.reason = reason

    def within(self, prefix: str, source: str = "") -> ConfigValueError:
        """Returns the same refusal as seen from an outer dataclass or a file."""
        return ConfigValueError(prefix + self.key, self.reason, source=source, remedy=self.remedy)


def check_fields(instance: Any) -> None:
    """Replaces each field of a frozen dataclass by its checked value; for `__post_init__`.

    Raises:
        ConfigValueError: A value has the wrong type or lies out of its range.
    """
    for name, hint in field_types(type(instance)).items():
        object.__setattr__(instance, name, coerce(getattr(instance, name), hint, name))


def field_types(cls: Any) -> Mapping[str, Any]:
    """Returns the resolved types of a dataclass's fields, with their ranges."""
    hints = typing.get_type_hints(cls, include_extras=True)
    return {field.name: hints[field.name] for field in dataclasses.fields(cls)}


def coerce(value: Any, hint: Any, key: str) -> Any:
    """Returns `value` as the type asks for it: lists become tuples, whole numbers floats.

    Args:
        value: What the user wrote.
        hint: A type out of those named in the module's docstring.
        key: Dotted name of the field, for the error.

    Raises:
        ConfigValueError: The value is not of that type or lies out of its range.
    """
    origin = dataclasses if dataclasses.is_dataclass(hint) else typing.get_origin(hint)
    special = _COERCIONS.get(origin)
    if special is not None:
        return special(value, hint, key)
    if hint is float and type(value) is int:
        return _as_float(value, key)
    # The exact type is asked for, because bool is an int in Python.
    if hint in (int, float, str, bool) and type(value) is hint:
        return value
    if hint is type(None) and (value is None or value == "none"):
        return None
    raise _refused(value, hint, key)


def fits(value: Any, hint: Any) -> bool:
    """Returns whether `coerce` takes the value."""
    try:
        coerce(value, hint, "")
    except UsageError:
        return False
    return True


def _coerce_ranged(value: Any, hint: Any, key: str) -> Any:
    base, *bounds = typing.get_args(hint)
    try:
        plain = coerce(value, base, key)
    except ConfigValueError as refusal:
        raise _refused(value, hint, key) from refusal
    if any(plain not in bound for bound in bounds if isinstance(bound, Range)):
        raise _refused(value, hint, key)
    return plain


def _coerce_literal(value: Any, hint: Any, key: str) -> Any:
    choices = typing.get_args(hint)
    if any(value == choice and type(value) is type(choice) for choice in choices):
        return value
    raise _refused(value, hint, key, remedy=did_you_mean(value, choices))


def _coerce_union(value: Any, hint: Any, key: str) -> Any:
    # None goes first: "none" is the only way to write it in TOML.
    for choice in sorted(typing.get_args(hint), key=lambda choice: choice is not type(None)):
        try:
            return coerce(value, choice, key)
        except ConfigValueError:
            continue
    raise _refused(value, hint, key)


def _coerce_tuple(value: Any, hint: Any, key: str) -> tuple[Any, ...]:
    if not isinstance(value, (list, tuple)):
        raise _refused(value, hint, key)
    items = typing.get_args(hint)
    if len(items) == 2 and items[1] is Ellipsis:
        items = (items[0],) * len(value)
    elif len(items) != len(value):
        raise _refused(value, hint, key)
    return tuple(
        coerce(item, item_hint, f"{key}[{position}]")
        for position, (item, item_hint) in enumerate(zip(value, items, strict=True))
    )


def _coerce_dataclass(value: Any, cls: Any, key: str) -> Any:
    if isinstance(value, cls):
        return value
    if not isinstance(value, Mapping):
        raise _refused(value, cls, key)
    valid = field_types(cls)
    for name in value:
        if name not in valid:
            raise unknown_key(f"{key}.{name}", [f"{key}.{field}" for field in valid])
    missing = [
        field.name
        for field in dataclasses.fields(cls)
        if field.name not in value
        and field.default is dataclasses.MISSING
        and field.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise ConfigValueError(key, f"expected a table that also has {', '.join(missing)}")
    try:
        return cls(**value)
    except ConfigValueError as refusal:
        raise refusal.within(f"{key}.") from refusal


_WORDS: Mapping[Any, str] = {
    int: "an integer",
    float: "a number",
    str: "a string",
    bool: "true or false",
    type(None): "none",
}

_COERCIONS: Mapping[Any, Callable[[Any, Any, str], Any]] = {
    Annotated: _coerce_ranged,
    Literal: _coerce_literal,
    Union: _coerce_union,
    types.UnionType: _coerce_union,
    tuple: _coerce_tuple,
    dataclasses: _coerce_dataclass,
}


def _as_float(value: int, key: str) -> float:
    try:
        return float(value)
    except OverflowError as error:
        raise ConfigValueError(
            key, "expected a number, received one too large for a float"
        ) from error


def describe(hint: Any) -> str:
    """Returns a type in plain words, as an error says it."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if dataclasses.is_dataclass(hint):
        return "a table with the keys " + ", ".join(field_types(hint))
    if origin is Annotated:
        return " ".join([describe(arguments[0]), *map(str, arguments[1:])])
    if origin in (Union, types.UnionType):
        return " or ".join(map(describe, arguments))
    if origin is Literal:
        return "one of " + ", ".join(map(str, arguments))
    if origin is tuple:
        return _describe_tuple(arguments)
    return _WORDS[hint]


def _describe_tuple(arguments: tuple[Any, ...]) -> str:
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        return f"a list, each item {describe(arguments[0])}"
    return f"a list of {len(arguments)} ({', '.join(map(describe, arguments))})"


def accepts_text(hint: Any) -> bool:
    """Returns whether a bare word on the command line can be a value of the type."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        return accepts_text(arguments[0])
    if origin in (Union, types.UnionType):
        return any(map(accepts_text, arguments))
    if origin is Literal:
        return any(isinstance(choice, str) for choice in arguments)
    return hint is str


def unknown_key(key: str, valid: Iterable[str], source: str = "") -> UsageError:
    """Returns the error for a key that no field has."""
    names = sorted(valid)
    place = f"{source}: " if source else ""
    return UsageError(
        f"{place}unknown key {key!r}; expected one of {', '.join(names)}",
        remedy=did_you_mean(key, names) or "Use one of the names above.",
    )


def did_you_mean(received: Any, valid: Iterable[Any]) -> str:
    """Returns `Did you mean 'X'?`, or nothing where no valid name is close."""
    close = difflib.get_close_matches(str(received), [str(name) for name in valid], n=1)
    return f"Did you mean {close[0]!r}?" if close else ""


def _refused(value: Any, hint: Any, key: str, *, remedy: str = "") -> ConfigValueError:
    received = repr(value)
    if len(received) > 80:
        received = received[:77] + "..."
    return ConfigValueError(key, f"expected {describe(hint)}, received {received}", remedy=remedy)
