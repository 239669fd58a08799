"""What a network is to learn from which columns, as one value: all that differs between data sets.

Plain values, without TensorFlow.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from pipelines.tabular.columns import Columns


@dataclasses.dataclass(frozen=True, kw_only=True)
class Task:
    """A binary label, the columns that tell it, and the hyperparameters of the network.

    Attributes:
        name: Of the pipeline.
        columns: What the network reads.
        label_rule: What makes the label 1 and what to check if it never varies, as sentences.
        search_space: What Tuner may choose from. Plain values, so that a fingerprint of them tells
            whether recorded best ones still answer the question.
        defaults: What holds without Tuner; one value for each name of the search space.
    """

    name: str
    columns: Columns
    label_rule: str
    search_space: Mapping[str, Sequence[float]]
    defaults: Mapping[str, float]
