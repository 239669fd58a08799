from __future__ import annotations

import numpy as np
import pytest
from tensorflow_model_analysis.metrics.binary_confusion_matrices import Matrices

from pipelines.tabular.slice_auc import SliceAUC


def area(
    labels: list[int], scores: list[float], *, min_examples: int = 1, min_of_each_class: int = 1
) -> float:
    """Computes the metric from labels and scores, by way of counts at each threshold."""
    thresholds = [-1.0, *sorted(set(scores))]
    label, score = np.array(labels), np.array(scores)
    above = [score > threshold for threshold in thresholds]
    metric = SliceAUC(min_examples=min_examples, min_of_each_class=min_of_each_class)
    return metric._metric_value(
        key=None,
        matrices=Matrices(
            thresholds=thresholds,
            tp=[float((label[a] == 1).sum()) for a in above],
            fp=[float((label[a] == 0).sum()) for a in above],
            tn=[float((label[~a] == 0).sum()) for a in above],
            fn=[float((label[~a] == 1).sum()) for a in above],
        ),
        min_examples=min_examples,
        min_of_each_class=min_of_each_class,
    )


def test_the_area_is_the_share_of_pairs_in_order() -> None:
    # Positive 0.9 and 0.3, negative 0.5 and 0.1: three of four pairs are in order.
    assert area([1, 0, 1, 0], [0.9, 0.5, 0.3, 0.1]) == pytest.approx(0.75)


@pytest.mark.parametrize(
    ("bounds", "judged"),
    [
        ({"min_examples": 4, "min_of_each_class": 2}, True),
        ({"min_examples": 5, "min_of_each_class": 2}, False),
        ({"min_examples": 4, "min_of_each_class": 3}, False),
    ],
)
def test_a_slice_with_too_few_rows_is_not_judged(bounds: dict[str, int], judged: bool) -> None:
    assert (area([0, 0, 1, 1], [0.9, 0.8, 0.2, 0.1], **bounds) == 0.0) is judged


def test_a_slice_of_one_class_is_not_judged() -> None:
    assert area([0, 0, 0], [0.1, 0.2, 0.3]) == 1.0
