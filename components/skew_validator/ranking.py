"""Orders findings, and says what follows from all of them. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from components.skew_validator import findings
from components.skew_validator.findings import Finding

_RANKS: Final = {findings.ALARM: 0, findings.NOT_COMPARED: 1, findings.OK: 2}


def rank(found: Iterable[Finding]) -> tuple[Finding, ...]:
    """Returns alarms first, then what was not compared, then the rest, each by severity."""

    def place(one: Finding) -> tuple[int, bool, float, int, str]:
        kind = findings.KINDS.index(one.kind)
        excused = one.status == findings.NOT_COMPARED and one.optional
        return _RANKS[one.status], excused, -one.severity, kind, one.feature

    return tuple(sorted(found, key=place))


def status_of(found: Sequence[Finding], *, compared: bool) -> str:
    """Returns ALARM before NOT_COMPARED before OK.

    Args:
        found: All findings. Those that may stay uncompared don't count where they are.
        compared: Whether any feature was compared at all; if none was, nothing is OK.
    """
    statuses = {one.status for one in found}
    if findings.ALARM in statuses:
        return findings.ALARM
    lacking = any(one.status == findings.NOT_COMPARED and not one.optional for one in found)
    return findings.OK if compared and not lacking else findings.NOT_COMPARED


def cause_of(ranked: Sequence[Finding]) -> str:
    """Returns the worst finding in one line.

    Args:
        ranked: Findings as `rank` orders them, which don't bless.
    """
    for one in ranked:
        if one.status != findings.OK and not (one.status != findings.ALARM and one.optional):
            return f"{one.feature}: {one.reason}" if one.feature else one.reason
    return "no feature could be compared."
