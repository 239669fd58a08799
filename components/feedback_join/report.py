"""The report on a join: what found each other, what did not, and why. Pure functions.

    rows        served = matched + unmatched
    unmatched   rows without a label that counts: no_label, late, early, contradictory (dropped),
                ambiguous
    labels      rows of the drop files: read = used + orphan + other_times + not_logged + not_yet +
                ambiguous (named a request whose id other requests had, too)
                unreadable beside them; of those that found a row: late, early, duplicate (the
                same said again), each once for every row that it is about; contradictory counts
                served rows
    files       read, torn, unfit, gone; unfinished, foreign, later (than `as_of`) and earlier were
                not opened; dated_by_name and dated_by_last_write of those that were read
    versions    by version and arm of a rollout ("" where there was none): served, matched
    examples    of each count that has any, the first in alphabetical order

An orphan is a label that, were it any request's in time, would be that of a request among those
that were looked at; labels of other times are told apart from it.

    known at            start ── max_delay ──► ........................ end
                        may be of a request     must be of one in the   may be of one
                        before                  window                  after

A label may be known a little before its request, so what the time of the end says is not exact: a
label of an entity that is asked about just after the window counts as an orphan.

Where the log holds a sample of the requests only, a label without a row may be of one that was not
logged: nothing is an orphan then, and such labels are counted as not_logged.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from components.feedback_join import keys
from components.prediction_log_example_gen.tally import Tally, as_tree

# Custom properties, and where in the report they stand.
COUNTS: Final = {
    keys.SERVED: ("rows", "served"),
    keys.MATCHED: ("rows", "matched"),
    keys.UNMATCHED: ("rows", "unmatched"),
    keys.LATE: ("labels", "late"),
    keys.EARLY: ("labels", "early"),
    keys.NOT_YET: ("labels", "not_yet"),
    keys.DUPLICATE: ("labels", "duplicate"),
    keys.CONTRADICTORY: ("labels", "contradictory"),
    keys.AMBIGUOUS: ("labels", "ambiguous"),
    keys.ORPHAN: ("labels", "orphan"),
    keys.UNREADABLE: ("labels", "unreadable"),
}

READ_FILES: Final = ("files", "read")
READ_LABELS: Final = ("labels", "read")


def document(tally: Tally, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the report.

    Args:
        tally: All that was counted.
        asked: Parameters of the join.
    """
    complete = Tally()
    for name in (*COUNTS.values(), READ_FILES, READ_LABELS):
        complete.counts[name] = 0
    complete.add(tally)
    return {"asked": dict(asked), **as_tree(complete)}


def properties(report: Mapping[str, Any]) -> dict[str, int]:
    """Returns the counts that the examples have as custom properties.

    Args:
        report: As `document` makes it.
    """
    return {name: report[group][count] for name, (group, count) in COUNTS.items()}
