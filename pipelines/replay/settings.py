"""How the replay configures the flights pipeline: a TOML file that every command is given.

Why the numbers are what they are:

- `span_range`: all weeks so far. In trials without the pipeline, models trained on all weeks had a
  mean AUC 0.003 to 0.006 above those of the last 8, 12 or 16; how fresh they are matters less.
- `train_buckets`: with all weeks, one row in twenty is enough to judge by, and judging is what a
  run takes longest for.
- `skew`: no join by entity. What is asked for departs later, and no training has a row of it.
- `watch`: weeks from New York's midnight on. The log of a week is whole soon after its end, its
  labels a day and a half later.
- `feedback`: held-out rows share their hours' weather with those that are trained on, so that the
  AUC of what is served lies 0.03 to 0.05 below the evaluation's even when nothing is wrong.
- `triggers`: four new weeks are a reason, so are degraded performance and drift; but thirteen days
  have to lie between two runs, so that at most every other week is trained. In trials without the
  pipeline that cost 0.002 of AUC against every week, twice as long a pause 0.004. Skew against the
  training data is no reason: seasons change.
- `rollout`: 900 departures a day. A quarter of them, then all. Two sound models, months apart, were
  up to 0.34 apart in their predictions; one that reads the time backwards is 0.9 apart in the
  morning.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pipelines.replay.days import BEGINS_SEC, DAY_SEC, DAYS_PER_SPAN

HOUR_SEC: Final = 3600
ALL_SPANS: Final = 52


@dataclasses.dataclass(frozen=True, kw_only=True)
class Size:
    """How much is done, which a test has less of.

    Attributes:
        thin: One of so many departures is there.
        epochs: Passes over the training rows; None for the pipeline's.
        trials: Combinations that Tuner tries; None for the pipeline's.
        new_spans: How many new weeks are a reason to train.
        checks: What the loop judges.
    """

    thin: int = 1
    epochs: int | None = None
    trials: int | None = None
    new_spans: int = 4
    checks: tuple[str, ...] = ("skew", "performance")


def settings(data_root: Path, size: Size, seed: int) -> dict[str, Any]:
    """Returns the settings as nested values."""
    found: dict[str, Any] = {
        "data_root": str(data_root),
        "span_range": str(ALL_SPANS),
        "train_buckets": 19,
        "seed": seed,
        "evaluation": {"min_auc": 0.6, "min_slice_auc": 0.5, "max_auc_drop": 0.02},
        "skew": {"identifiers": []},
        "feedback": {"max_delay_sec": 37 * HOUR_SEC, "max_auc_drop": 0.05},
        "triggers": {
            "new_spans": size.new_spans,
            "skew": False,
            "cool_down_sec": 13 * DAY_SEC,
            "failed_cool_down_sec": DAY_SEC,
            "runs_per_day": 2,
        },
        "rollout": {
            "strategy": "canary",
            "steps": [0.25, 1.0],
            "guards": [
                "error_rate",
                "prediction_drift max_shift=0.5",
                "live_metric metric=log_loss max_drop=0.02 min_labels=200",
            ],
            "min_requests": 400,
        },
        "watch": {
            "tick_sec": 0.2,
            "window_sec": DAYS_PER_SPAN * DAY_SEC,
            "window_anchor_sec": BEGINS_SEC,
            "settle_sec": 11 * HOUR_SEC,
            "checks": list(size.checks),
        },
    }
    if size.thin > 1:
        for name, changes in _thin().items():
            found[name] = {**found[name], **changes}
        found["quality_path"] = ""
    if size.epochs is not None:
        found["epochs"] = size.epochs
    if size.trials is not None:
        found["tuner"] = {"max_trials": size.trials, "epochs": 1}
    return found


def _thin() -> dict[str, dict[str, Any]]:
    """Returns what differs where few departures are there.

    Bounds that hold for 900 rows a day would be refused by chance with 45. So no model is refused,
    each new week is trained on, and live performance is always called degraded: what is done does
    not hang on chance, and there is something to alert of.
    """
    return {
        "evaluation": {"min_auc": 0.0, "min_slice_auc": 0.0, "max_auc_drop": 1.0},
        "feedback": {"min_labels": 120, "min_auc": 0.99},
        # So long that a week is judged before the next is trained on, which ends its alert.
        "triggers": {
            "performance": False,
            "drift": False,
            "cool_down_sec": 9 * DAY_SEC - HOUR_SEC,
        },
        "rollout": {
            "steps": [0.5, 1.0],
            "guards": ["error_rate", "prediction_drift max_shift=0.9"],
            # Of some twenty a day: who is dealt how many hangs on the versions' names.
            "min_requests": 3,
        },
    }


def to_toml(values: Mapping[str, Any]) -> str:
    """Returns nested values as TOML; what JSON writes is valid in TOML for all of them."""
    plain = {key: value for key, value in values.items() if not isinstance(value, Mapping)}
    tables = {key: value for key, value in values.items() if isinstance(value, Mapping)}
    lines = [f"{key} = {json.dumps(value)}" for key, value in plain.items()]
    for name, table in tables.items():
        lines += [
            "",
            f"[{name}]",
            *(f"{key} = {json.dumps(value)}" for key, value in table.items()),
        ]
    return "\n".join(lines) + "\n"
