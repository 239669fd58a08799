"""Cron expressions as a Kubeflow server reads them.

Its parser takes six fields, seconds first, and five only as seconds to months: there `0 3 * * *`,
which means three at night everywhere else, is "at minute 3 of every hour". So five fields are
checked, and a zero for the seconds is put before them.

Source: robfig/cron 1.2 (`parser.go`, `Parse`), which backend/src/apiserver/server/api_converter.go
of kubeflow/pipelines calls. The server's clock is that of its setting CRON_SCHEDULE_TIMEZONE, UTC
unless changed.
"""

from __future__ import annotations

import re

from pipelines.continuous import cron

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
# Name, least and greatest value, names of the values from the least on.
_FIELDS: tuple[tuple[str, int, int, tuple[str, ...]], ...] = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of the month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of the week", 0, 6, _DAYS),
)
_PART = re.compile(r"(?P<first>\*|\w+)(-(?P<last>\w+))?(/(?P<step>[1-9]\d*))?")


def why_bad(expression: str) -> str:
    """Returns what is wrong with a cron expression of five fields; empty when nothing is."""
    problem = cron.why_bad_expression(expression)
    if problem:
        return problem
    for text, (name, least, greatest, words) in zip(expression.split(), _FIELDS, strict=True):
        for part in text.split(","):
            if not _fits(part, least, greatest, words):
                return (
                    f"the server does not read {part!r} as {name}; expected *, a value from "
                    f"{least} to {greatest}, a range that does not run past the end, or a step"
                )
    return ""


def for_server(expression: str) -> str:
    """Returns the expression as the server has to be given it: with seconds."""
    return f"0 {' '.join(expression.split())}"


def _fits(part: str, least: int, greatest: int, words: tuple[str, ...]) -> bool:
    match = _PART.fullmatch(part)
    if match is None:
        return False
    if match["first"] == "*":
        return match["last"] is None
    first = _value(match["first"], least, words)
    last = first if match["last"] is None else _value(match["last"], least, words)
    return first is not None and last is not None and least <= first <= last <= greatest


def _value(text: str, least: int, words: tuple[str, ...]) -> int | None:
    if text.lower() in words:
        return words.index(text.lower()) + least
    return int(text) if text.isdigit() else None
