"""Asks exported models about examples: what they predict, and what the label is.

Both come from signatures of the SavedModel, as a server and Evaluator ask them: `serving_default`
for the prediction, and the one that computes transformed features for the label.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from components.prediction_log_example_gen.outputs import prediction_name
from components.serving_validator.feeds import Feed
from components.serving_validator.offline import LoadedByTF2, read_signatures
from components.serving_validator.verdict import NotServableError
from serving.wire.tensors import DT_STRING

PREDICTING = "serving_default"
TRANSFORMING = "transform_features"
_ROWS_AT_ONCE = 4096


class AskedModel:
    """A loaded SavedModel that takes serialized examples.

    Raises:
        NotServableError: It cannot be read or does not load.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._signatures, _ = read_signatures(folder)
        self._loaded = LoadedByTF2(folder)

    def predictions(self, examples: Sequence[bytes], output: str) -> np.ndarray:
        """Returns what it predicts, shape `(len(examples),)`.

        Args:
            examples: Serialized.
            output: The output that is the prediction; "" for the only one.

        Raises:
            NotServableError: It cannot be asked, or which output it is cannot be told.
        """
        outputs = self._outputs(PREDICTING)
        name = prediction_name(outputs, output)
        if name is None:
            raise NotServableError(
                f"cannot tell which output is the prediction: expected {output or 'only one'!r}, "
                f"received {sorted(outputs)}"
            )
        return self._ask(PREDICTING, name, examples)

    def labels(self, examples: Sequence[bytes], name: str) -> np.ndarray:
        """Returns the transformed label, shape `(len(examples),)`.

        Args:
            examples: Serialized, the columns of the label among theirs.
            name: The label's name among the transformed features.

        Raises:
            NotServableError: The model does not tell it.
        """
        outputs = self._outputs(TRANSFORMING)
        if name not in outputs:
            raise NotServableError(
                f"signature {TRANSFORMING!r}: expected the label {name!r} among its outputs, "
                f"received {sorted(outputs)}"
            )
        return self._ask(TRANSFORMING, name, examples)

    def _outputs(self, signature: str) -> list[str]:
        found = self._signatures.get(signature)
        inputs = list(found.inputs.values()) if found else []
        if found is None or [spec.dtype for spec in inputs] != [DT_STRING]:
            raise NotServableError(
                f"{self._folder}: expected a signature {signature!r} that takes serialized "
                f"examples, received {sorted(self._signatures)}"
            )
        return list(found.outputs)

    def _ask(self, signature: str, output: str, examples: Sequence[bytes]) -> np.ndarray:
        (name,) = self._signatures[signature].inputs
        parts = []
        for start in range(0, len(examples), _ROWS_AT_ONCE):
            batch = np.array(examples[start : start + _ROWS_AT_ONCE], object)
            array = self._loaded.run(Feed(signature, {name: batch}))[output]
            if array.size != len(batch) or array.dtype.kind not in "fiub":
                raise NotServableError(
                    f"output {output!r} of {signature!r}: expected one number for each of "
                    f"{len(batch)} rows, received {array.dtype} of shape {array.shape}"
                )
            parts.append(array.reshape(-1).astype(np.float64))
        return np.concatenate(parts) if parts else np.zeros(0)
