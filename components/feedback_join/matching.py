"""Which of the labels that came for a served row counts. Pure.

A label counts when it was known at most `max_delay_sec` after the request; what is known later is
late. It may have been known up to a minute before the request, as clocks differ; what is known
earlier than that tells of another time.

    labels of one row that count            latest                drop
    one                                     counts                counts
    the same values, several times          count once            count once
    different values                        the one said last     none
    different values, said last at once     none                  none

Values are as old as the first time that they were said: saying an old label again, as by handing in
its file once more, changes nothing.

A label of an entity is taken to be of all its requests of the `max_delay_sec` before. Where an
entity comes again within that time with another outcome, as a customer does, labels have to name
the request.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Final

from components.feedback_join.keys import LATEST

# How far the clock of who tells labels may be behind the server's.
CLOCKS_DIFFER_SEC: Final = 60.0

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
        early: How many were known before the request already.
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
    timely = 0
    for label in labels:
        delay = label.labelled_sec - served_sec
        if delay > max_delay_sec:
            late += 1
        elif delay < -CLOCKS_DIFFER_SEC:
            early += 1
        else:
            timely += 1
            known = label.labelled_sec
            first_said[label.values] = min(known, first_said.get(label.values, known))
    winner = _winner(first_said, contradictions)
    return Choice(
        label=None if winner is None else Known(first_said[winner], winner),
        late=late,
        early=early,
        duplicate=timely - len(first_said),
        contradictory=len(first_said) > 1,
    )


def _winner(first_said: dict[Values, float], contradictions: str) -> Values | None:
    if len(first_said) > 1 and contradictions != LATEST:
        return None
    newest = max(first_said.values(), default=0.0)
    winners = [values for values, known in first_said.items() if known == newest]
    return winners[0] if len(winners) == 1 else None
