"""Findings of a check of skew as one page that opens offline: no script, no font, nothing fetched.

    header      verdict, cause, which rows were compared, what became of the log's records
    summary     one line for each finding: alarms first, then what was not compared, by severity
    findings    both histograms over each other, measures, examples; closed where all is well

The template is `templates/report.html.jinja`. Every value passes through its escaping, and through
`plain_text` before that: values were sent by callers, so they may be anything. What was found, and
what it means, is left to `findings` and those who make them.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import jinja2
import markupsafe

from components.skew_validator import chart
from components.skew_validator.findings import ALARM, NOT_COMPARED, OK, Finding, Findings
from components.skew_validator.plain_text import plain

_ORDER = {ALARM: 0, NOT_COMPARED: 1, OK: 2}
_STATUS_CLASS = {ALARM: "bad", NOT_COMPARED: "open", OK: "good"}
_STATUS_TEXT = {NOT_COMPARED: "NOT COMPARED"}
_KINDS = {
    "schema": "schema skew",
    "distribution": "distribution",
    "drift": "drift",
    "comparator": "comparator of the schema",
    "feature": "feature skew, row by row",
    "prediction": "prediction drift",
}
_NONE = "-"


def render(findings: Findings) -> str:
    """Returns the page of a check, as HTML in one piece."""
    ranked = rank(findings.findings)
    return (
        _environment()
        .get_template("report.html.jinja")
        .render(
            page=findings,
            ranked=ranked,
            number_of={
                status: sum(one.status == status for one in ranked)
                for status in (ALARM, NOT_COMPARED, OK)
            },
        )
    )


def rank(found: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Returns alarms first, then what was not compared, then the rest, each by severity."""
    return tuple(
        sorted(
            found,
            key=lambda one: (
                _ORDER.get(one.status, len(_ORDER)),
                math.inf if math.isnan(one.severity) else -one.severity,
                one.feature,
                one.kind,
            ),
        )
    )


def number(value: float | None) -> str:
    """Returns a measure in four digits; a dash for none."""
    if value is None:
        return _NONE
    if not math.isfinite(value):
        return {math.inf: "∞", -math.inf: "-∞"}.get(value, "NaN")
    return f"{value:.4g}"


def p_value(value: float | None) -> str:
    """Returns a p-value; those that are as good as none as an inequality."""
    if value is None:
        return _NONE
    return "< 0.0001" if value < 1e-4 else number(value)


def percent(share: float | None) -> str:
    """Returns a share in percent; one above none is never shown as 0."""
    if share is None:
        return _NONE
    if not math.isfinite(share):
        return number(share)
    return "< 0.01 %" if 0 < share < 1e-4 else f"{100 * share:.4g} %"


def _when(iso: str) -> str:
    return iso.replace("T", " ").replace("Z", " UTC") if iso else _NONE


def _finalize(value: Any) -> Any:
    if isinstance(value, str) and not isinstance(value, markupsafe.Markup):
        return plain(value, kept="\n\t")
    return value


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("components.skew_validator"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        chart=chart.draw,
        kind=lambda kind: _KINDS.get(kind, kind),
        number=number,
        p_value=p_value,
        percent=percent,
        state=lambda status: _STATUS_CLASS.get(status, "open"),
        status=lambda status: _STATUS_TEXT.get(status, status),
        when=_when,
        whole=lambda count: f"{count:,}",
    )
    return environment
