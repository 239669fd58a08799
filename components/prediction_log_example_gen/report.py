"""The report on a window: what was read, what was not, and why. Pure functions.

    window      bounds and number
    shards      read, torn (end within a record), unreadable, unfinished (not read at all)
    records     by what became of them, see `records`; their sum is `found`
    rows        found = written + duplicate + not_readable; conflicting ones are written
    values      not_cast; by feature under `not_cast` and, where they could be, `cast`
    absent      by feature: a value was sent that stands for none
    predictions found, not_found (no output of that name, or several), not_readable
    outputs, unknown_columns, untyped_columns, mixed_columns
                by column and type, see `untyped`
    reserved_columns
                served under a name of those added here, and left out
    kinds, model_versions, sampling_rates, arms (by rollout), without_request_id
                of the records that were used
    examples    of each count that has any, the first in alphabetical order

A count that is not there is 0, save for those that always are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from components.prediction_log_example_gen.keys import COUNTS
from components.prediction_log_example_gen.plan import Plan
from components.prediction_log_example_gen.tally import Tally, as_tree
from components.prediction_log_example_gen.windows import as_text


def document(tally: Tally, plan: Plan) -> dict[str, Any]:
    """Returns the report.

    Args:
        tally: All that was counted.
        plan: What was asked for.
    """
    complete = Tally()
    for name in (*COUNTS.values(), ("rows", "found")):
        complete.counts[name] = 0
    complete.add(tally)
    window = plan.window
    asked = {
        "window": {
            "span": window.span,
            "start": as_text(window.start_sec),
            "end": as_text(window.end_sec),
            "window_sec": window.window_sec,
        },
        "model_name": plan.model_name,
    }
    return asked | as_tree(complete)


def properties(report: Mapping[str, Any]) -> dict[str, int]:
    """Returns the counts that the examples have as custom properties.

    Args:
        report: As `document` makes it.
    """
    return {name: report[group][count] for name, (group, count) in COUNTS.items()}


def sampling_rate(report: Mapping[str, Any]) -> float | None:
    """Returns the rate that all records were sampled at, or None where there are several, or none.

    Args:
        report: As `document` makes it.
    """
    rates = report.get("sampling_rates", {})
    return float(next(iter(rates))) if len(rates) == 1 else None
