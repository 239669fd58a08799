"""What a check of skew is asked: the data of both sides, and how to compare them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

from components.skew_validator import keys
from components.skew_validator.findings import Finding
from components.skew_validator.rows import Column, Rows
from components.skew_validator.settings import Settings
from components.skew_validator.verdict import NotCompared


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Data:
    """What is compared.

    Attributes:
        schema: With its environments.
        serving: What was served, with `ringway_*` columns where there are any.
        serving_statistics: TFDV's of what was served.
        baseline: What to compare with; None where there is none.
        baseline_statistics: TFDV's of the baseline; None where there is none.
        predictions: Those of the baseline, or why there are none; None where predictions are not
            to be compared.
        mismatches: What the comparison row by row found.
    """

    schema: schema_pb2.Schema
    serving: Rows
    serving_statistics: statistics_pb2.DatasetFeatureStatisticsList
    baseline: Rows | None = None
    baseline_statistics: statistics_pb2.DatasetFeatureStatisticsList | None = None
    predictions: Column | NotCompared | None = None
    mismatches: Sequence[Finding] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Question:
    """How it is compared, and what it is called.

    Attributes:
        settings: What it is held to.
        against: "training" or "previous".
        environment: The schema's, which what was served has to obey.
        label: The column that is predicted; "" for none.
        model_version: Whose predictions are compared; "" for those of all.
        seed: Of the random splits.
        title: Of the report.
        training_what: Which rows the baseline is.
        serving_what: Which rows were served; "" for their times.
        counts: What the log's report tells.
    """

    settings: Settings = dataclasses.field(default_factory=Settings)
    against: str = keys.TRAINING
    environment: str = "SERVING"
    label: str = ""
    model_version: str = ""
    seed: int = 0
    title: str = "Skew"
    training_what: str = ""
    serving_what: str = ""
    counts: Mapping[str, int] = dataclasses.field(default_factory=dict)
