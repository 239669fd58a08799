"""What a check of live performance found, as lines for a terminal and as plain JSON. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from components.performance_validator import findings as said
from components.performance_validator.findings import Finding, Findings
from components.skew_validator.plain_text import plain

_MAX_SLICES = 5


def lines(found: Findings, notes: Sequence[str] = ()) -> list[str]:
    """Returns what was found: a line for each version, with what was measured below it.

    Args:
        found: By the validator.
        notes: What was seen on the way to it.
    """
    told = [f"{found.status}  {found.title}"]
    if not found.by_version and found.cause:
        told.append(f"  {found.cause}")
    for version, verdict in found.by_version.items():
        own = [one for one in found.findings if one.version == version and not one.is_judged]
        told += _version(verdict, own)
    if found.counts:
        counted = ", ".join(f"{number:,} {name}" for name, number in found.counts.items())
        told.append(f"labels: {counted}")
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


def _version(verdict: Finding, own: Sequence[Finding]) -> Iterator[str]:
    name = verdict.version or "(unknown)"
    yield f"  version {name}: {verdict.status}: {verdict.reason}"
    served = f" of {verdict.served:,} served" if verdict.served is not None else ""
    whole = _by_metric(one for one in own if one.slice == said.OVERALL and not one.arm)
    yield f"    {verdict.rows:,} labelled{served}" + (f": {whole}" if whole else "")
    for one in own:
        if one.arm and one.metric == said.AUC:
            yield f"    arm {one.arm}: {_measured(one)}"
    lost = [one for one in own if one.slice != said.OVERALL and one.drop > 0]
    for one in lost[:_MAX_SLICES]:
        yield f"    {one.slice}: {_measured(one)}, the evaluation's was {one.baseline:.4f}"
    if len(lost) > _MAX_SLICES:
        yield f"    and {len(lost) - _MAX_SLICES} more slices below their evaluation"


def _by_metric(found: Any) -> str:
    shown: Mapping[str, float | None] = {one.metric: one.value for one in found}
    return ", ".join(
        f"{name} {value:.4g}"
        for name, value in shown.items()
        if value is not None and name != "example_count"
    )


def _measured(one: Finding) -> str:
    value = "unknown" if one.value is None else f"{one.value:.4f}"
    interval = "" if one.interval is None else f" ({one.interval[0]:.4f} to {one.interval[1]:.4f})"
    return f"{one.metric} {value}{interval} on {one.rows:,} rows"
