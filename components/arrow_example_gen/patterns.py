"""Patterns that say where the files of a span lie. Pure functions, without TFX.

The fields are those of stock ExampleGen:

    span-{SPAN}/v{VERSION}/*       a span is a number, a version of it another
    day-{YYYY}{MM}{DD}/*.csv       a span is a day, counted from 1970-01-01
    week-{SPAN:2}.csv              a number of two digits: week-07.csv

Which of the spans are read is for `spans`; listing the paths is left to the caller.
"""

from __future__ import annotations

import dataclasses
import datetime
import itertools
import re
from collections.abc import Iterable, Mapping, Sequence

from components.arrow_example_gen.errors import InputError

_EPOCH = datetime.date(1970, 1, 1)
_FIELD = re.compile(r"\{(?P<name>SPAN|VERSION)(?::(?P<width>[^}]*))?\}|\{(?P<part>YYYY|MM|DD)\}")
_DIGITS = {"YYYY": 4, "MM": 2, "DD": 2}
# What stock ExampleGen's ranges hold: 32 bits, signed.
LARGEST_SPAN = 2**31 - 1
_GLOB_CLASS = re.compile(r"\[(!?)([^\]/]+)\]")

Found = Mapping[int, int | None]
"""The spans that exist, each with its newest version, or None where there are no versions."""


@dataclasses.dataclass(frozen=True)
class Span:
    """One span that is read.

    Attributes:
        number: Its number; days since 1970-01-01 where the pattern has dates.
        version: Its version; None where the pattern has none.
    """

    number: int
    version: int | None = None


def has_spans(pattern: str) -> bool:
    """Returns whether a pattern tells spans apart."""
    return any(match["name"] != "VERSION" for match in _FIELD.finditer(pattern))


def wildcard(pattern: str) -> str:
    """Returns a pattern with `*` for each field: it finds the files of every span."""
    return re.sub(r"\*+", "*", _FIELD.sub("*", pattern))


def filled(pattern: str, span: Span) -> str:
    """Returns a pattern with a span's numbers for its fields: it finds the files of that span.

    Raises:
        InputError: The pattern gives a number fewer digits than it has.
    """
    return _FIELD.sub(lambda field: _token(field, span, pattern), pattern)


def _token(field: re.Match[str], span: Span, pattern: str) -> str:
    if part := field["part"]:
        day = _EPOCH + datetime.timedelta(days=span.number)
        value = {"YYYY": day.year, "MM": day.month, "DD": day.day}[part]
        return str(value).zfill(_DIGITS[part])
    value = span.number if field["name"] == "SPAN" else span.version or 0
    width = _width(field, pattern) or 0
    token = str(value).zfill(width)
    if width and len(token) > width:
        raise InputError(f"{field[0]} in {pattern} has no place for {value}.")
    return token


def _width(field: re.Match[str], pattern: str) -> int | None:
    text = field["width"]
    if text is None:
        return None
    if not re.fullmatch("[1-9][0-9]*", text):
        raise InputError(
            f"{field[0]} in {pattern}: expected a number of digits such as "
            f"{{{field['name']}:3}}, received {text!r}."
        )
    return int(text)


def find(pattern: str, paths: Iterable[str]) -> Found:
    """Returns the spans that some paths are of; paths that do not match are of none.

    Args:
        pattern: As this module's docstring says.
        paths: Relative to the input base.

    Raises:
        InputError: The pattern makes no sense, or a path has leading zeros or a date that `filled`
            would not find again, or a number above `LARGEST_SPAN`.
    """
    matcher = _matcher(pattern)
    newest: dict[int, int | None] = {}
    for path in paths:
        match = matcher.fullmatch(path)
        if match is None:
            continue
        span = _span_of(match, path)
        if not _matches_again(pattern, span, match):
            raise InputError(
                f"{path}: expected its numbers as {pattern} writes them, such as "
                f"{filled(pattern, span)}. For numbers with leading zeros write for example "
                "{SPAN:2}."
            )
        if span.number > LARGEST_SPAN:
            raise InputError(
                f"{path}: expected a span up to {LARGEST_SPAN}, received {span.number}."
            )
        known = newest.get(span.number)
        if known is None or (span.version or 0) > known:
            newest[span.number] = span.version
    return dict(sorted(newest.items()))


def _span_of(match: re.Match[str], path: str) -> Span:
    fields = match.groupdict()
    version = int(fields["VERSION"]) if "VERSION" in fields else None
    if "SPAN" in fields:
        return Span(int(fields["SPAN"]), version)
    try:
        day = datetime.date(*(int(fields[part]) for part in _DIGITS))
    except ValueError as error:
        raise InputError(f"{path}: expected a date, received something else ({error}).") from error
    return Span((day - _EPOCH).days, version)


def _matches_again(pattern: str, span: Span, match: re.Match[str]) -> bool:
    tokens = match.groupdict()
    return all(
        _token(field, span, pattern) == tokens[field["name"] or field["part"]]
        for field in _FIELD.finditer(pattern)
    )


def _matcher(pattern: str) -> re.Pattern[str]:
    """Returns what matches a whole path of the pattern, with its fields as groups."""
    fields = list(_FIELD.finditer(pattern))
    _check(pattern, [field["name"] or field["part"] for field in fields])
    texts = _FIELD.split(pattern)[:: _FIELD.groups + 1]
    parts = [_as_regex(text) for text in texts]
    groups = [_as_group(field, pattern) for field in fields]
    text = "".join(itertools.chain(*itertools.zip_longest(parts, groups, fillvalue="")))
    try:
        return re.compile(text)
    except (re.error, OverflowError) as error:  # [z-a], or a width past all bounds
        raise InputError(f"{pattern}: expected a pattern of paths ({error}).") from error


def _check(pattern: str, names: Sequence[str]) -> None:
    dates = [name for name in names if name in _DIGITS]
    if len(set(names)) < len(names):
        raise InputError(f"{pattern}: expected each of its fields once.")
    if dates and ("SPAN" in names or len(dates) < len(_DIGITS)):
        raise InputError(
            f"{pattern}: expected either {{SPAN}}, or all of {{YYYY}}, {{MM}}, {{DD}}."
        )
    if "VERSION" in names and not dates and "SPAN" not in names:
        raise InputError(f"{pattern}: {{VERSION}} is that of a span; expected {{SPAN}} as well.")


def _as_group(field: re.Match[str], pattern: str) -> str:
    name = field["name"] or field["part"]
    digits = _DIGITS.get(name) or _width(field, pattern)
    return f"(?P<{name}>[0-9]{{{digits}}})" if digits else f"(?P<{name}>[0-9]+)"


def _as_regex(glob: str) -> str:
    """Returns a piece of a glob as a regular expression: `*`, `?` and `[…]` stay in one folder."""
    parts, place = [], 0
    while place < len(glob):
        character = glob[place]
        group = _GLOB_CLASS.match(glob, place)
        if group is not None:
            inside = re.sub(r"([\\^\[])", r"\\\1", group[2])
            parts.append(f"[{'^' if group[1] else ''}{inside}]")
            place = group.end()
            continue
        parts.append({"*": "[^/]*", "?": "[^/]"}.get(character, re.escape(character)))
        place += 1
    return "".join(parts)
