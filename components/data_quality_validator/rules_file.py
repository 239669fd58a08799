"""Reads a file of rules, and takes nothing that it does not understand.

What can stand in it is told in `rules`. An unknown key would be a rule that nobody keeps, so it is
an error, and every error names the file, the key, what was expected and what was received.
"""

from __future__ import annotations

import dataclasses
import datetime
import difflib
import re
import sys
import tomllib
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Union

from components.data_quality_validator import evaluation, expressions
from components.data_quality_validator.columns import Kind
from components.data_quality_validator.errors import ExpressionError, RulesError
from components.data_quality_validator.expressions import Expression
from components.data_quality_validator.rules import KINDS, Bounds, Rule, columns_of

_DURATION = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,9})?) ?([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_MAX_SHOWN = 80


def read(path: Path, kinds: Mapping[str, Kind] | None = None) -> tuple[Rule, ...]:
    """Returns the rules of a file, in its order within each kind.

    Args:
        path: A TOML file.
        kinds: What the columns hold, to find rules on columns that there are not, and conditions
            that mix texts and numbers; if None, neither is looked for.

    Raises:
        RulesError: The file cannot be read, or something in it makes no sense.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise RulesError(f"rules file {path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise RulesError(f"rules file {path}: expected UTF-8, received {error}") from error
    return parse(text, str(path), kinds)


def parse(text: str, source: str, kinds: Mapping[str, Kind] | None = None) -> tuple[Rule, ...]:
    """Returns the rules of a text.

    Args:
        text: TOML.
        source: What to call it in errors.
        kinds: As for `read`.

    Raises:
        RulesError: Something in it makes no sense.
    """
    try:
        document = tomllib.loads(text)
        rules = tuple(_rules(document))
        if not rules:
            raise RulesError("expected at least one rule, received none")
        _check(rules, kinds)
    except RulesError as error:
        raise RulesError(f"{source}: {error}") from error
    except (ValueError, RecursionError) as error:
        # tomllib raises a plain ValueError for a number of more digits than Python converts.
        raise RulesError(f"{source} is not valid TOML: {error}") from error
    return rules


def _rules(document: Mapping[str, Any]) -> Iterator[Rule]:
    for side, tables in document.items():
        _known(side, KINDS, side)
        if not isinstance(tables, dict):
            raise _refused(side, f"tables such as [[{side}.{next(iter(KINDS[side]))}]]", tables)
        for name, items in tables.items():
            place = f"{side}.{name}"
            _known(name, KINDS[side], place)
            if not isinstance(items, list):
                raise _refused(place, f"a list of tables, each under [[{place}]]", items)
            for number, item in enumerate(items, 1):
                yield _rule(KINDS[side][name], item, f"{place}[{number}]")


def _rule(kind: type[Rule], table: Any, place: str) -> Rule:
    if not isinstance(table, dict):
        raise _refused(place, "a table", table)
    hints = typing.get_type_hints(kind, include_extras=True)
    fields = {field.name: field for field in dataclasses.fields(kind)}
    for key in table:
        _known(key, fields, f"{place}.{key}")
    for name, field in fields.items():
        if field.default is dataclasses.MISSING and name not in table:
            raise RulesError(
                f"{place}: expected the key {name!r} too, received {', '.join(table) or 'none'}"
            )
    values = {key: _value(value, hints[key], f"{place}.{key}") for key, value in table.items()}
    try:
        return kind(**values)
    except RulesError as error:
        raise RulesError(f"{place}.{error}") from error


def _check(rules: Iterable[Rule], kinds: Mapping[str, Kind] | None) -> None:
    seen: set[str] = set()
    for rule in rules:
        if rule.name in seen:
            raise RulesError(f"two rules are named {rule.name!r}; give each a name of its own")
        seen.add(rule.name)
        if kinds is not None:
            _check_columns(rule, kinds)


def _check_columns(rule: Rule, kinds: Mapping[str, Kind]) -> None:
    for column in columns_of(rule):
        if column not in kinds:
            close = difflib.get_close_matches(column, kinds, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise RulesError(
                f"rule {rule.name!r}: expected a column that the schema gives a type, "
                f"received {_shown(column)}{hint}"
            )
    holds: Expression | None = getattr(rule, "holds", None)
    if holds is None:
        return
    try:
        evaluation.check(holds, kinds)
    except ExpressionError as error:
        raise RulesError(f"rule {rule.name!r}, holds, {error}, in {holds.text!r}") from error


def _value(value: Any, hint: Any, place: str) -> Any:
    origin = typing.get_origin(hint)
    if origin in (Union, types.UnionType):
        (hint,) = (choice for choice in typing.get_args(hint) if choice is not type(None))
        return _value(value, hint, place)
    return _TAKEN[origin or hint](value, hint, place)


def _annotated(value: Any, hint: Any, place: str) -> float:
    base, extra = typing.get_args(hint)
    if not isinstance(extra, Bounds):
        return _duration(value, place)
    whole = base is int
    if type(value) not in ((int,) if whole else (int, float)):
        raise _refused(place, extra.words, value)
    if not extra.low <= value <= extra.high:
        raise _refused(place, extra.words, value)
    return base(value)


def _duration(value: Any, place: str) -> float:
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise _refused(place, "a duration such as '90m', '12h' or '7d'", value)
    return float(match[1]) * _SECONDS[match[2]]


def _number(value: Any, _: Any, place: str) -> float:
    # Infinity is out as well, and what no float can hold.
    if type(value) not in (int, float) or not abs(value) <= sys.float_info.max:
        raise _refused(place, "a number", value)
    return float(value)


def _text(value: Any, _: Any, place: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise _refused(place, "a text with at least one character", value)
    return value


def _bool(value: Any, _: Any, place: str) -> bool:
    if not isinstance(value, bool):
        raise _refused(place, "true or false", value)
    return value


def _literal(value: Any, hint: Any, place: str) -> Any:
    choices = typing.get_args(hint)
    if value not in choices:
        raise _refused(place, f"one of {', '.join(map(repr, choices))}", value)
    return value


def _names(value: Any, _: Any, place: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
        raise _refused(place, "a list of names", value)
    if len(set(value)) < len(value):
        raise _refused(place, "a list of names, each once", value)
    return tuple(value)


def _time(value: Any, _: Any, place: str) -> datetime.datetime:
    if not isinstance(value, datetime.datetime) or value.tzinfo is None:
        raise _refused(place, "a time with its zone, such as 2013-01-01T05:00:00Z", value)
    return value


def _expression(value: Any, hint: Any, place: str) -> Expression:
    text = _text(value, hint, place)
    try:
        return expressions.parse(text)
    except ExpressionError as error:
        raise RulesError(f"{place}: {error}, in {_shown(text)}") from error


_TAKEN: dict[Any, Callable[[Any, Any, str], Any]] = {
    Annotated: _annotated,
    Literal: _literal,
    tuple: _names,
    float: _number,
    str: _text,
    bool: _bool,
    datetime.datetime: _time,
    Expression: _expression,
}


def _known(key: str, valid: Iterable[str], place: str) -> None:
    names = sorted(valid)
    if key in names:
        return
    close = difflib.get_close_matches(key, names, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    raise RulesError(f"{place}: unknown key; expected one of {', '.join(names)}{hint}")


def _refused(place: str, expected: str, received: Any) -> RulesError:
    return RulesError(f"{place}: expected {expected}, received {_shown(received)}")


def _shown(value: Any) -> str:
    try:
        text = repr(value)
    except ValueError:
        return "a number of thousands of digits"  # more than Python writes
    return text if len(text) <= _MAX_SHOWN else text[: _MAX_SHOWN - 3] + "..."
