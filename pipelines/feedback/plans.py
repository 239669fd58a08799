"""What a check of live performance looks at, as plain values."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from components.prediction_log_example_gen.windows import Range


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """What was served, the labels that have come, and what the models' evaluations were.

    Attributes:
        log_folder: Of the request log.
        period: The time to look at.
        fingerprint: Of the log's shards of that time.
        absent: Values that stand for none, by feature.
        labels_folder: Where labels are dropped.
        labels_fingerprint: Of the files that may hold labels of that time.
        as_of_sec: Labels that were delivered later are not looked at; in seconds since 1970.
        evaluations: Folder of each version's evaluation, by version.
        title: Of the findings.
    """

    log_folder: Path
    period: Range
    fingerprint: str
    absent: Mapping[str, str | float]
    labels_folder: Path
    labels_fingerprint: str
    as_of_sec: float
    evaluations: Mapping[str, str] = dataclasses.field(default_factory=dict)
    title: str = ""
