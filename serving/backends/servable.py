"""What a backend that computes in this process gives to the server: loaded model versions.

`serving.backends.local` makes them with TensorFlow; the server (`serving.server`) decides which
versions to load, and when. Nothing here imports TensorFlow.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

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


class Servable(Protocol):
    """One version of a model, loaded; used from several threads at once."""

    @property
    def signatures(self) -> Mapping[str, Signature]:
        """What can be called, by name."""

    @property
    def signature_def_map(self) -> Any:
        """The message SignatureDefMap (`serving.wire.messages`) that GetModelMetadata answers."""

    def run(
        self, signature: str, inputs: Mapping[str, np.ndarray], outputs: Sequence[str] = ()
    ) -> dict[str, np.ndarray]:
        """Computes a signature; blocks, and lets other threads run meanwhile.

        Args:
            signature: One of `signatures`.
            inputs: Exactly its inputs, of the right types; shapes are for the model to check.
            outputs: Those wanted; none means all.

        Returns:
            The outputs by name.

        Raises:
            ServingError: With TensorFlow's own code and message.
        """

    def close(self) -> None:
        """Gives the model's memory back; no call is in flight any more."""


class Loader(Protocol):
    """Loads versions of models; called from load threads."""

    def load(self, model: str, version: int, folder: Path) -> Servable:
        """Loads a version and warms it up, so that its first request is as quick as any.

        Args:
            model: Its name, for messages.
            version: Its number, for messages.
            folder: Holds `saved_model.pb`, or `model.tflite` where the loader prefers that.

        Raises:
            ServingError: The version cannot be served; the message says why.
        """
