"""Runs because there are spans of data that no training has read."""

from __future__ import annotations

from pipelines.continuous.finding import NEW_SPAN, Finding
from pipelines.continuous.policy import TriggerPolicy
from pipelines.continuous.snapshot import Snapshot


def look(snapshot: Snapshot, policy: TriggerPolicy) -> Finding | None:
    """Returns the new spans that no decision has taken along."""
    if not policy.new_spans:
        return None
    acted_on = snapshot.acted_on
    found = sorted(
        (span for span in snapshot.new_spans if span.evidence not in acted_on),
        key=lambda span: (span.number, span.version),
    )
    if not found:
        return None
    numbers = ", ".join(str(span.number) for span in found)
    rows = sum(span.rows for span in found)
    lacking = policy.new_spans - len(found)
    return Finding(
        trigger=NEW_SPAN,
        what=f"new {'spans' if len(found) > 1 else 'span'} {numbers} ({rows:,} rows)",
        evidence=tuple(span.evidence for span in found),
        waits_for=f"{lacking} more of {policy.new_spans} spans" if lacking > 0 else "",
    )
