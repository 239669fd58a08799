"""What follows from rows that differ: findings of kind "feature". Pure.

An alarm needs no test of chance: both values were computed for one entity, and either they are
the same or they are not. Silence does need rows: with ten joined rows nobody sees a fault in one
row of a hundred. So a feature is NOT_COMPARED where too few rows were joined to find, with the
power asked, a share of differing rows that is larger by the change asked than what is allowed; and
all are where too small a share of the served rows found their entity.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection

from scipy import stats

from components.skew_validator import findings, sightings
from components.skew_validator.entity_rows import NEVER
from components.skew_validator.feature_mismatches import Feature, Result, SideRows
from components.skew_validator.findings import LONGER, Finding, Measure, not_compared

DISTANCE = "mismatch_rate"

_SAME_CODE = (
    "Have one piece of code compute the feature on both sides. If nearly every row differs while "
    "the distribution does not, one side has joined it to the wrong rows."
)
_ABSENT = "Find out why one side does not get the feature, or gets it too late."
_IDENTIFY = (
    "Have callers send what names the entity, compare with examples of the same time, or lower "
    "skew.min_joined_share."
)


def findings_of(
    result: Result,
    *,
    max_mismatch_rate: float,
    detectable_shift: float = 0.2,
    power: float = 0.8,
    optional: Collection[str] = (),
    min_joined_share: float = 0.0,
) -> tuple[Finding, ...]:
    """Judges each feature.

    Args:
        result: What was counted.
        max_mismatch_rate: Share of a feature's joined rows that may differ, in [0, 1].
        detectable_shift: How much larger a share has to be found, in (0, 1].
        power: How likely that has to be, in (0, 1).
        optional: Features that may stay uncompared.
        min_joined_share: Share of the served rows that have to be joined, in [0, 1].

    Returns:
        One of each feature, worst first, alarms included; and before them one of the data as a
        whole, whose feature is "", where no rows were joined or too few of those served.
    """
    joined = result.serving.joined
    if not joined:
        reason, remedy = _nothing_joined(result)
        may_be = not min_joined_share
        return (not_compared("feature", "", reason, remedy=remedy, optional=may_be),)
    served = result.serving.rows
    lacking: tuple[Finding, ...] = ()
    if joined < min_joined_share * served:
        reason = (
            f"expected at least {min_joined_share:.1%} of the served rows to have a row of "
            f"training of the same entity, received {joined:,} of {served:,}."
        )
        lacking = (not_compared("feature", "", reason, remedy=_IDENTIFY),)
    enough = shows(joined, max_mismatch_rate, detectable_shift, power)
    judged = (
        dataclasses.replace(
            _judge(name, feature, result, max_mismatch_rate, enough), optional=name in optional
        )
        for name, feature in result.features.items()
    )
    order = (findings.ALARM, findings.NOT_COMPARED, findings.OK)
    return lacking + tuple(
        sorted(judged, key=lambda one: (order.index(one.status), -one.severity, one.feature))
    )


def counts_of(result: Result) -> dict[str, int]:
    """Returns where the rows of both sides went, in words that a report can show."""
    return {
        f"{side} rows {what}": number
        for side, rows in (("training", result.training), ("serving", result.serving))
        for what, number in (
            ("joined by entity", rows.joined),
            ("of an entity the other side lacks", rows.alone),
            ("of an ambiguous entity", rows.ambiguous),
            ("without an identifier", rows.unnamed),
        )
    }


def shows(joined: int, allowed: float, shift: float, power: float) -> bool:
    """Returns whether so many rows would show too large a share of differing ones.

    Args:
        joined: Rows that were compared.
        allowed: Share of them that may differ.
        shift: How much larger the share is that has to be found.
        power: How likely that has to be. The number of differing rows is binomial.
    """
    if allowed >= 1:
        return True  # no share is too large
    chance = stats.binom.sf(_most(joined, allowed), joined, min(1.0, allowed + shift))
    return bool(chance >= power)


def _most(joined: int, allowed: float) -> int:
    # 0.07 * 100 is 7.000000000000001, and 0.29 * 100 is 28.999999999999996.
    return math.floor(allowed * joined + 1e-9 * joined)


def _judge(name: str, feature: Feature, result: Result, allowed: float, enough: bool) -> Finding:
    joined = result.serving.joined
    status, remedy = findings.OK, ""
    if feature.mismatched > _most(joined, allowed):
        status = findings.ALARM
        remedy = _SAME_CODE if feature.differing else _ABSENT
    elif not feature.filled:
        status, remedy = findings.NOT_COMPARED, _ABSENT
    elif not enough:
        status, remedy = findings.NOT_COMPARED, LONGER
    measure = Measure(
        distance=DISTANCE,
        value=feature.mismatched / joined,
        threshold=allowed,
        training=result.training.joined,
        serving=joined,
        status=status,
    )
    return Finding(
        kind="feature",
        feature=name,
        status=status,
        severity=_severity(feature.mismatched, joined, allowed),
        reason=_reason(feature, joined, allowed, status),
        remedy=remedy,
        measures=(measure,),
        first_seen=_iso(feature.first_served_sec),
        examples=tuple(
            (one.entity, one.training, one.serving, _iso(one.served_sec))
            for one in feature.examples
        ),
        mismatch_rate=measure.value,
    )


def _severity(mismatched: int, joined: int, allowed: float) -> float:
    # In multiples of what is allowed, and of one row where none is. Thresholds of distributions
    # fall with the root of the rows, so the root of this ratio ranks beside theirs.
    return math.sqrt(mismatched / max(1.0, allowed * joined))


def _reason(feature: Feature, joined: int, allowed: float, status: str) -> str:
    if not feature.filled:
        return f"Expected a value in at least one of {joined:,} joined rows, received none."
    parts = [
        f"{number:,} {what}"
        for number, what in (
            (feature.differing, "with another value"),
            (feature.only_training, "that serving lacks"),
            (feature.only_serving, "that training lacks"),
        )
        if number
    ]
    # Never rounded to what is allowed: one row of a million is not 0 %.
    rate = f"{100 * feature.mismatched / joined:.3g} %"
    received = f"{', '.join(parts)} ({rate})" if parts else "no other"
    text = (
        f"Expected the value of training in {joined:,} joined rows "
        f"({100 * allowed:.3g} % may differ), received {received}."
    )
    if status == findings.NOT_COMPARED:
        text += " So few rows show only large shares of differing ones."
    for training, serving, rows in feature.kinds:
        text += f" In {rows:,} of them training holds {training}, serving {serving}."
    return text


def _nothing_joined(result: Result) -> tuple[str, str]:
    names = ", ".join(result.identifiers)
    for side, rows in (("training", result.training), ("serving", result.serving)):
        if not rows.rows:
            return f"Expected rows of both sides to join by {names}, received none of {side}.", (
                "Name data that has rows: a longer window, or another span."
            )
        if rows.unnamed == rows.rows:
            return (
                f"Expected values of {names} to join rows by, received {rows.rows:,} rows of "
                f"{side} that lack one.",
                "Log the identifiers with each request, or name other identifiers.",
            )
    text = (
        f"Expected rows of both sides with the same {names}, received none that could be joined: "
        f"{_went(result.training)} of training, {_went(result.serving)} of serving."
    )
    if result.serving.ambiguous:
        return text, "Name identifiers that tell the rows of training apart."
    return text, "Compare with the span that holds what was served, or name other identifiers."


def _went(rows: SideRows) -> str:
    parts = [
        f"{number:,} {what}"
        for number, what in (
            (rows.alone, "without a partner"),
            (rows.ambiguous, "of an entity with different rows"),
            (rows.unnamed, "without an identifier"),
        )
        if number
    ]
    return " and ".join(parts)


def _iso(served_sec: int) -> str:
    return "" if served_sec == NEVER else sightings.iso(served_sec)
