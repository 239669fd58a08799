from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tensorflow_transform as tft

from pipelines.tabular import dataset
from pipelines.taxi.features import COLUMNS
from pipelines.taxi.task import TASK

if TYPE_CHECKING:
    from transformed_rows import Transformed


def test_all_rows_and_columns_are_read(fn_args: Any, trips: Transformed) -> None:
    train, evaluation = dataset.read_splits(
        fn_args, tft.TFTransformOutput(fn_args.transform_graph_path), TASK
    )

    assert train.numeric.shape == evaluation.numeric.shape == (300, len(COLUMNS.numeric))
    assert train.ids.shape == (300, len(COLUMNS.categorical))
    for column, name in enumerate(COLUMNS.categorical):
        np.testing.assert_array_equal(train.ids[:, column], trips.values[f"{name}_xf"])
    np.testing.assert_array_equal(train.label, trips.values["tips_xf"])


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_constant_label_is_refused_by_name_value_and_rows(value: float) -> None:
    with pytest.raises(ValueError, match=f"'tips'.*only {value:g} in all 1,200 training rows"):
        dataset.check_label(np.full(1200, value), TASK)


def test_the_refusal_of_a_constant_label_says_what_to_do() -> None:
    with pytest.raises(ValueError, match="check these two columns"):
        dataset.check_label(np.zeros(3), TASK)


def test_no_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="received no rows"):
        dataset.check_label(np.empty(0), TASK)


def test_a_label_with_both_values_passes() -> None:
    dataset.check_label(np.array([0.0, 1.0]), TASK)
