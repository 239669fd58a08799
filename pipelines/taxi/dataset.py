"""Reads transformed trips into arrays, and refuses what nothing can be learned from.

Ten thousand trips are 1 MB, so that they are read once and held in memory.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from tfx_bsl.tfxio import dataset_options

from pipelines.taxi import features

if TYPE_CHECKING:
    import tensorflow_transform as tft
    from tfx.components.trainer.fn_args_utils import FnArgs

_READ_BATCH_SIZE = 4096


@dataclasses.dataclass(frozen=True)
class Trips:
    """Transformed trips.

    Attributes:
        numeric: Places among the quantiles, float32, shape `(rows, numeric features)`.
        ids: Ids of the categorical features, int32, shape `(rows, categorical features)`.
        big_tip: The label, float32, shape `(rows,)`.
    """

    numeric: np.ndarray
    ids: np.ndarray
    big_tip: np.ndarray

    def inputs(self) -> dict[str, np.ndarray]:
        """Returns what the model of `pipelines.taxi.model` takes."""
        return {"numeric": self.numeric, "ids": self.ids}

    def targets(self) -> np.ndarray:
        """Returns what that model should answer, shape `(rows, 1)`."""
        return self.big_tip[:, None]


def read_splits(fn_args: FnArgs, transform_output: tft.TFTransformOutput) -> tuple[Trips, Trips]:
    """Returns the trips that train and those that evaluate.

    Raises:
        ValueError: There are no training trips, or all have the same label.
    """
    train = _read(fn_args.data_accessor, fn_args.train_files, transform_output)
    check_label(train.big_tip, label=(fn_args.custom_config or {}).get("label", features.LABEL))
    return train, _read(fn_args.data_accessor, fn_args.eval_files, transform_output)


def check_label(values: np.ndarray, *, label: str) -> None:
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
        f"label {label!r}: expected both 0 and 1 among the training rows, received {received}. "
        f"The label is 1 where {features.LABEL!r} is more than {features.BIG_TIP_SHARE:.0%} of "
        f"{features.FARE!r}; check these two columns of the data, or add trips of the other kind."
    )


def _read(data_accessor: Any, files: Sequence[str], transform_output: Any) -> Trips:
    batches = list(
        data_accessor.tf_dataset_factory(
            list(files),
            dataset_options.TensorFlowDatasetOptions(
                batch_size=_READ_BATCH_SIZE, shuffle=False, num_epochs=1
            ),
            transform_output.transformed_metadata.schema,
        ).as_numpy_iterator()
    )

    def column(name: str, dtype: type) -> np.ndarray:
        parts = [batch[features.transformed_name(name)].reshape(-1) for batch in batches]
        return np.concatenate([np.empty(0), *parts]).astype(dtype)

    return Trips(
        numeric=np.stack([column(name, np.float32) for name in features.NUMERIC], axis=1),
        ids=np.stack([column(name, np.int32) for name in features.CATEGORICAL], axis=1),
        big_tip=column(features.LABEL, np.float32),
    )
