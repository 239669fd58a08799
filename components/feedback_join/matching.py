"""Which of the labels that came for a served row counts. Pure.

A label counts when it was known at most `max_delay_sec` after the request; what is known later is
late. It may have been known before the request, as clocks differ, but no longer before than that:
of an entity that comes again, an older label tells of another time.

    labels of one row that count            latest              drop
    one                                     counts              counts
    the same values, several times          count once          count once
    different values                        the one last known  none
    different values, last known at once    none                none
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from components.feedback_join.keys import LATEST

Value = int | float | bytes | None
Values = tuple[Value, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Known:
    """A label, apart from what it is about.

    Attributes:
        labelled_sec: When it was known, in seconds since 1970.
        values: Of the delivered columns, in their order; None where there is none.
    """

    labelled_sec: float
    values: Values


@dataclasses.dataclass(frozen=True, slots=True)
class Choice:
    """What became of the labels of a served row.

    Attributes:
        label: The one that counts, or None.
        late: How many were known too late.
        early: How many were known too long before.
        duplicate: How many said again what another one said.
        contradictory: Whether those in time contradict each other.
    """

    label: Known | None = None
    late: int = 0
    early: int = 0
    duplicate: int = 0
    contradictory: bool = False

    @property
    def reason(self) -> str:
        """Why there is no label; empty where there is one."""
        if self.label is not None:
            return ""
        if self.contradictory:
            return "contradictory"
        if self.late:
            return "late"
        return "early" if self.early else "no_label"


def choose(
    labels: Iterable[Known], served_sec: float, *, max_delay_sec: float, contradictions: str
) -> Choice:
    """Returns which label of a row counts.

    Args:
        labels: All that came for it, in any order.
        served_sec: When it was asked about, in seconds since 1970.
        max_delay_sec: How long after that its label may be known.
        contradictions: `LATEST` or `DROP`.
    """
    late = early = 0
    first_said: dict[Values, float] = {}
    last_said: dict[Values, float] = {}
    timely = 0
    for label in labels:
        delay = label.labelled_sec - served_sec
        if delay > max_delay_sec:
            late += 1
        elif delay < -max_delay_sec:
            early += 1
        else:
            timely += 1
            known = label.labelled_sec
            first_said[label.values] = min(known, first_said.get(label.values, known))
            last_said[label.values] = max(known, last_said.get(label.values, known))
    winner = _winner(last_said, contradictions)
    return Choice(
        label=None if winner is None else Known(first_said[winner], winner),
        late=late,
        early=early,
        duplicate=timely - len(last_said),
        contradictory=len(last_said) > 1,
    )


def _winner(last_said: dict[Values, float], contradictions: str) -> Values | None:
    if len(last_said) > 1 and contradictions != LATEST:
        return None
    newest = max(last_said.values(), default=0.0)
    winners = [values for values, known in last_said.items() if known == newest]
    return winners[0] if len(winners) == 1 else None
