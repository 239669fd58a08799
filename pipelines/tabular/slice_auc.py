"""The area under the ROC curve as slices are judged by it: where there is enough to judge.

TFMA's own `min_slice_size` takes the metrics of a small slice away, and its validator then counts
each bound as failed ("Metric not found"), so that one trip of a rare company would stop every
model. Here a slice that is too small for a verdict has the area 1, which keeps any bound; plain
`AUC` beside it, and ExampleCount, show what was measured there.

    rows   with 1     AUC    SliceAUC with min_examples=100, min_of_each_class=10
    1701   1152       0.64   0.64
    3234   3          0.72   1      three rows of a kind place the curve by chance
    20     5          0.40   1
"""

from __future__ import annotations

from typing import Any

from tensorflow_model_analysis.metrics.confusion_matrix_metrics import (
    AUC,
    ConfusionMatrixMetricBase,
)

NAME = "slice_auc"
NOT_JUDGED = 1.0


class SliceAUC(AUC):
    """The area, or 1 for a slice with fewer rows, in all or of one class, than asked for.

    Args:
        min_examples: Rows, by weight, that a judged slice has at least.
        min_of_each_class: The same for its positive and its negative rows.
        name: Of the metric; `slice_auc` when not given.
    """

    def __init__(
        self, min_examples: int = 1, min_of_each_class: int = 1, name: str | None = None
    ) -> None:
        # AUC's own constructor takes no further arguments, the base class hands them on.
        ConfusionMatrixMetricBase.__init__(
            self, name=name, min_examples=min_examples, min_of_each_class=min_of_each_class
        )

    def _default_name(self) -> str:
        return NAME

    def _metric_value(
        self, key: Any, matrices: Any, *, min_examples: int, min_of_each_class: int
    ) -> float:
        positive = matrices.tp[0] + matrices.fn[0]
        negative = matrices.tn[0] + matrices.fp[0]
        if positive + negative < min_examples or min(positive, negative) < min_of_each_class:
            return NOT_JUDGED
        return float(super()._metric_value("ROC", "interpolation", key=key, matrices=matrices))
