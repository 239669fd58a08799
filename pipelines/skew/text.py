"""What a check found, as lines for a terminal and as plain JSON values. Pure.

The page with histograms is made by `components.skew_validator.report`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from components.skew_validator import findings as said
from components.skew_validator.findings import Finding, Findings, Measure
from components.skew_validator.plain_text import plain

_MAX_EXAMPLES = 3
_MAX_NOT_COMPARED = 12
_SMALL_P = 1e-4
# Of the log's counts, told even where they are 0; the others only where they are not.
_TOLD_COUNTS = (
    "records_used",
    "rows_written",
    "records_late",
    "records_corrupt",
    "rows_duplicate",
)
# What every log has, and says nothing about it.
_PLAIN_COUNTS = ("shards_read", "records_found")


def lines(found: Findings, notes: Sequence[str] = ()) -> list[str]:
    """Returns what was found, a line for each alarm.

    Args:
        found: By the validator.
        notes: What was seen on the way to it.
    """
    alarms = [one for one in found.findings if one.status == said.ALARM]
    lacking = [one for one in found.findings if one.status == said.NOT_COMPARED]
    told = [f"{found.status}  {found.title}"]
    if found.cause and not alarms:
        told.append(f"  {found.cause}")
    told += [line for one in alarms for line in _alarm(one)]
    if lacking:
        told.append("not compared:")
        told += [f"  {_name(one)}: {one.reason}" for one in lacking[:_MAX_NOT_COMPARED]]
        if len(lacking) > _MAX_NOT_COMPARED:
            told.append(f"  and {len(lacking) - _MAX_NOT_COMPARED} more")
    told += _sizes(found)
    told += [f"note: {note}" for note in (*notes, *found.notes)]
    return [plain(line) for line in told]


def document(found: Findings, notes: Sequence[str] = ()) -> dict[str, Any]:
    """Returns what was found as plain values for JSON.

    Args:
        found: By the validator.
        notes: What was seen on the way to it.
    """
    read: dict[str, Any] = json.loads(said.to_json(found))
    return {**read, "notes": [*notes, *found.notes]}


def measure_text(measure: Measure) -> str:
    """Returns a comparison in short: what was measured, what it is held to, how likely it is."""
    bounds = [bound for bound in (measure.threshold, measure.floor or None) if bound is not None]
    held = f" above {max(bounds):.4g}" if bounds else ""
    if measure.p_value is None:
        return f"{measure.distance} {measure.value:.4g}{held}"
    chance = f"p < {_SMALL_P:g}" if measure.p_value < _SMALL_P else f"p = {measure.p_value:.2g}"
    return f"{measure.distance} {measure.value:.4g}{held}, {chance}"


def _alarm(found: Finding) -> Iterator[str]:
    measured = "; ".join(
        measure_text(measure)
        for measure in found.measures
        if measure.status == said.ALARM and measure.distance not in found.reason
    )
    detail = f" ({measured})" if measured else ""
    since = f" First seen {found.first_seen}." if found.first_seen else ""
    yield f"  {_name(found)}: {found.kind}: {found.reason}{detail}{since}"
    for example in found.examples[:_MAX_EXAMPLES]:
        yield f"    {' | '.join(example)}"


def _name(found: Finding) -> str:
    return found.feature or "the data"


def _sizes(found: Findings) -> Iterator[str]:
    if found.serving_rows or found.training_rows:
        versions = f", by {', '.join(found.model_versions)}" if found.model_versions else ""
        yield f"rows: {found.serving_rows:,} ({found.serving_what or 'served'}{versions})"
        yield f"against: {found.training_rows:,} ({found.training_what or found.against})"
    if found.counts:
        yield f"log: {', '.join(_counted(found.counts))}"


def _counted(counts: Mapping[str, int]) -> Iterator[str]:
    others = [name for name in counts if name not in (*_TOLD_COUNTS, *_PLAIN_COUNTS)]
    for name in (*_TOLD_COUNTS, *(name for name in others if counts[name])):
        if name in counts:
            what, _, became = name.partition("_")
            yield f"{counts[name]:,} {what} {became.replace('_', ' ')}".rstrip()
