"""Reads transformed rows into arrays, and refuses what nothing can be learned from.

Fifty thousand rows of twenty columns are 4 MB, so that they are read once and held in memory.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from tfx_bsl.tfxio import dataset_options

from pipelines.tabular.columns import Columns, transformed_name
from pipelines.tabular.task import Task

if TYPE_CHECKING:
    import tensorflow_transform as tft
    from tfx.components.trainer.fn_args_utils import FnArgs

_READ_BATCH_SIZE = 4096


@dataclasses.dataclass(frozen=True)
class Rows:
    """Transformed rows.

    Attributes:
        numeric: Places among the quantiles, float32, shape `(rows, numeric columns)`.
        ids: Ids of the categorical columns, int32, shape `(rows, categorical columns)`.
        label: 0 or 1, float32, shape `(rows,)`.
    """

    numeric: np.ndarray
    ids: np.ndarray
    label: np.ndarray

    @classmethod
    def from_columns(cls, values: Mapping[str, np.ndarray], columns: Columns) -> Rows:
        """Stacks arrays that have one value per row, named as Transform names them."""

        def stacked(names: Sequence[str], dtype: type) -> np.ndarray:
            arrays = [values[transformed_name(name)].reshape(-1) for name in names]
            return np.stack(arrays, axis=1).astype(dtype)

        return cls(
            numeric=stacked(tuple(columns.numeric), np.float32),
            ids=stacked(tuple(columns.categorical), np.int32),
            label=values[transformed_name(columns.label)].reshape(-1).astype(np.float32),
        )

    def inputs(self) -> dict[str, np.ndarray]:
        """Returns what the network of `pipelines.tabular.network` takes."""
        return {"numeric": self.numeric, "ids": self.ids}

    def targets(self) -> np.ndarray:
        """Returns what that network should answer, shape `(rows, 1)`."""
        return self.label[:, None]


def read_splits(
    fn_args: FnArgs, transform_output: tft.TFTransformOutput, task: Task
) -> tuple[Rows, Rows]:
    """Returns the rows that train and those that evaluate.

    Raises:
        ValueError: There are no training rows, or all have the same label.
    """
    train = _read(fn_args.data_accessor, fn_args.train_files, transform_output, task.columns)
    check_label(train.label, task)
    return train, _read(fn_args.data_accessor, fn_args.eval_files, transform_output, task.columns)


def check_label(values: np.ndarray, task: Task) -> None:
    """Refuses a label that does not vary.

    Raises:
        ValueError: The message names the label, its only value, the number of rows and the remedy.
    """
    found = np.unique(values)
    if len(found) > 1:
        return
    received = (
        f"only {found[0]:g} in all {len(values):,} training rows" if len(found) else "no rows"
    )
    raise ValueError(
        f"label {task.columns.label!r}: expected both 0 and 1 among the training rows, "
        f"received {received}. {task.label_rule}"
    )


def _read(
    data_accessor: Any, files: Sequence[str], transform_output: Any, columns: Columns
) -> Rows:
    batches = list(
        data_accessor.tf_dataset_factory(
            list(files),
            dataset_options.TensorFlowDatasetOptions(
                batch_size=_READ_BATCH_SIZE, shuffle=False, num_epochs=1
            ),
            transform_output.transformed_metadata.schema,
        ).as_numpy_iterator()
    )
    names = [transformed_name(name) for name in (*columns.inputs, columns.label)]
    return Rows.from_columns(
        {
            name: np.concatenate([np.empty(0), *(batch[name].reshape(-1) for batch in batches)])
            for name in names
        },
        columns,
    )
