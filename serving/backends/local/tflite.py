"""TFLite models: interpreters of one model in a pool, each for one call at a time.

Interpreters take no two calls at once and have fixed shapes, so that inputs are resized whenever a
batch differs from the last one. What a client sees of the model is read in
`serving.backends.local.tflite_signature`.

Source: tensorflow_serving/servables/tensorflow/tflite_session.cc.
"""

from __future__ import annotations

import math
import queue
import threading
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from serving.backends.local.memory import give_back_freed
from serving.backends.local.signature_defs import callable_signatures
from serving.backends.local.tflite_signature import TFLiteSignature, read_signature
from serving.wire.errors import ServingError, StatusCode, invalid
from serving.wire.inference import check_types
from serving.wire.specs import Signature

FILE = "model.tflite"

# Filters of warnings belong to the process.
_WARNINGS = threading.Lock()


class Interpreter:
    """TensorFlow's interpreter of a model, for one thread at a time.

    Args:
        path: The model's file.
        threads: To compute with; 0 lets TensorFlow choose.
    """

    def __init__(self, path: Path, threads: int = 0) -> None:
        with _WARNINGS, warnings.catch_warnings():
            # TensorFlow wants interpreters to come from LiteRT one day; its own is what it ships.
            warnings.filterwarnings("ignore", r"\s*Warning: tf\.lite\.Interpreter is deprecated")
            self._interpreter = tf.lite.Interpreter(str(path), num_threads=threads or None)
        self._interpreter.allocate_tensors()
        self._shapes: dict[int, tuple[int, ...]] = {}

    def details(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Returns inputs and outputs as TensorFlow describes them: name, index, dtype, shape."""
        return self._interpreter.get_input_details(), self._interpreter.get_output_details()

    def compute(self, inputs: Mapping[int, np.ndarray], outputs: Sequence[int]) -> list[np.ndarray]:
        """Computes the model.

        Args:
            inputs: By index of the tensor.
            outputs: Indices of the tensors to return.
        """
        shapes = {index: array.shape for index, array in inputs.items()}
        if shapes != self._shapes:
            # Forgotten first: a refused shape leaves the interpreter between two states.
            self._shapes = {}
            for index, shape in shapes.items():
                self._interpreter.resize_tensor_input(index, shape)
            self._interpreter.allocate_tensors()
            self._shapes = shapes
        for index, array in inputs.items():
            self._interpreter.set_tensor(index, array)
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(index) for index in outputs]


class TFLiteServable:
    """A version of a TFLite model; used from several threads at once.

    Args:
        interpreters: All of the same model. From here on they belong to this object.
        signature: What the model's tensors are called.
    """

    def __init__(self, interpreters: Sequence[Interpreter], signature: TFLiteSignature) -> None:
        self._definitions = signature.definitions
        self._signatures = callable_signatures(signature.definitions)
        self._inputs = signature.inputs
        self._outputs = signature.outputs
        self._idle: queue.SimpleQueue[Interpreter] = queue.SimpleQueue()
        for interpreter in interpreters:
            self._idle.put(interpreter)

    @property
    def signatures(self) -> Mapping[str, Signature]:
        """What can be called: one signature, `serving_default`."""
        return self._signatures

    @property
    def signature_def_map(self) -> Any:
        """The message SignatureDefMap."""
        return self._definitions

    def run(
        self, signature: str, inputs: Mapping[str, np.ndarray], outputs: Sequence[str] = ()
    ) -> dict[str, np.ndarray]:
        """Computes the signature; waits for an interpreter, lets other threads run meanwhile.

        Args:
            signature: One of `signatures`.
            inputs: Exactly its inputs, of the right types.
            outputs: Those wanted; none means all.

        Returns:
            The outputs by name.

        Raises:
            ServingError: INVALID_ARGUMENT for types that are not the signature's and shapes that
                cannot be, INTERNAL where the interpreter fails.
        """
        check_types(inputs, self._signatures[signature])
        _check_shapes(inputs, self._signatures[signature])
        wanted = tuple(outputs) or tuple(self._outputs)
        interpreter = self._idle.get()
        try:
            computed = interpreter.compute(
                {self._inputs[alias]: array for alias, array in inputs.items()},
                [self._outputs[alias] for alias in wanted],
            )
        except (RuntimeError, ValueError) as error:
            raise ServingError(
                StatusCode.INTERNAL, f"Failed to run interpreter. {error}"
            ) from error
        finally:
            self._idle.put(interpreter)
        return dict(zip(wanted, computed, strict=True))

    def close(self) -> None:
        """Gives the model's memory back; no call is in flight any more."""
        while not self._idle.empty():
            self._idle.get_nowait()
        give_back_freed()


def _check_shapes(inputs: Mapping[str, np.ndarray], signature: Signature) -> None:
    """Refuses what some kernels of TFLite would read as other rows than were sent.

    The first dimension is free, for batches. Arrays of another rank pass, as with TensorFlow
    Serving, where their values make whole rows.
    """
    for alias, array in inputs.items():
        row = (signature.inputs[alias].shape or ())[1:]
        if -1 in row:
            continue
        same_rank = array.ndim == len(row) + 1
        if array.shape[1:] != row if same_rank else array.size % max(1, math.prod(row)):
            raise invalid(
                f'Input "{alias}" must be of shape {[-1, *row]}, but {list(array.shape)} was '
                "received."
            )


def open_tflite(path: Path, interpreters: int, threads: int = 0) -> TFLiteServable:
    """Loads a TFLite model.

    Args:
        path: Its file.
        interpreters: How many calls may be computed at the same time, 1 or more.
        threads: For each interpreter; 0 lets TensorFlow choose.

    Raises:
        ServingError: INVALID_ARGUMENT for what is no TFLite model, or one whose signatures cannot
            be used; INTERNAL for operations that are not built in.
    """
    try:
        content = path.read_bytes()
        pool = [Interpreter(path, threads) for _ in range(interpreters)]
    except OSError as error:
        raise ServingError(StatusCode.NOT_FOUND, f"Could not read {path}: {error}") from error
    except ValueError as error:
        raise ServingError(
            StatusCode.INVALID_ARGUMENT, f"{path} is no TFLite model: {error}"
        ) from error
    except RuntimeError as error:
        raise ServingError(
            StatusCode.INTERNAL, f"Cannot build an interpreter of {path}: {error}"
        ) from error
    return TFLiteServable(pool, read_signature(content, *pool[0].details()))
