"""What a backend that computes in this process gives to the server: loaded model versions.

`serving.backends.local` makes them with TensorFlow; the server (`serving.server`) decides which
versions to load, and when. Nothing here imports TensorFlow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from serving.wire.specs import Signature


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
