"""What a model can be asked: its signatures, their inputs and outputs.

As values, the same for a server that read them from a SavedModel and for a client that was told.
Finding the signature that a request means is for `serving.wire.signatures`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np


@dataclasses.dataclass(frozen=True, slots=True)
class TensorSpec:
    """One input or output of a signature.

    Attributes:
        dtype: TensorFlow's number of the type, as in `serving.wire.tensors`.
        shape: Sizes, -1 where any is allowed; None where not even the rank is known.
    """

    dtype: int
    shape: tuple[int, ...] | None

    @property
    def batched(self) -> bool:
        """Whether the first dimension may have any size, so that requests can share a call."""
        return self.shape is not None and len(self.shape) > 0 and self.shape[0] == -1


@dataclasses.dataclass(frozen=True, slots=True)
class Signature:
    """What can be called in a model.

    Attributes:
        name: Its key in the SavedModel.
        inputs: By name.
        outputs: By name.
        method_name: As the SavedModel says: tensorflow/serving/predict, classify or regress.
        defaults: Values of inputs that a request may leave out, by name.
    """

    name: str
    inputs: Mapping[str, TensorSpec]
    outputs: Mapping[str, TensorSpec]
    method_name: str
    defaults: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict, compare=False)

    @property
    def batchable(self) -> bool:
        """Whether rows of several requests may be computed in one call."""
        specs = [*self.inputs.values(), *self.outputs.values()]
        return bool(self.inputs) and all(spec.batched for spec in specs)
