"""What the one signature of a TFLite model is called and made of.

A model may carry a SignatureDef in its metadata, which names its tensors. Else the tensors' own
names are what clients use. Either way TensorFlow Serving calls the signature `serving_default`.

Sources: tensorflow_serving/servables/tensorflow/tflite_session.cc and
tensorflow/lite/tools/signature/signature_def_util.cc.
"""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from flatbuffers import flexbuffers
from google.protobuf.message import DecodeError
from tensorflow.lite.python import schema_py_generated

from serving.wire.errors import ServingError, StatusCode, invalid
from serving.wire.inference import DEFAULT_SIGNATURE, PREDICT_METHOD
from serving.wire.messages import SignatureDef, SignatureDefMap
from serving.wire.tensors import number_of

METADATA = b"signature_defs_metadata"

# What FlexBuffers' reader raises on bytes that are none; it checks little itself.
_MALFORMED = (
    *(DecodeError, struct.error, AssertionError),
    *(ArithmeticError, LookupError, TypeError, ValueError),
)


@dataclasses.dataclass(frozen=True, slots=True)
class TFLiteSignature:
    """How clients name a model's tensors.

    Attributes:
        definitions: A SignatureDefMap of one signature.
        inputs: Index of a tensor, by the clients' name for it.
        outputs: As `inputs`.
    """

    definitions: Any
    inputs: Mapping[str, int]
    outputs: Mapping[str, int]


def read_signature(
    content: bytes, inputs: Sequence[Mapping[str, Any]], outputs: Sequence[Mapping[str, Any]]
) -> TFLiteSignature:
    """Returns the signature of a model.

    Args:
        content: Of the model's file.
        inputs: As the interpreter describes them.
        outputs: As `inputs`.

    Raises:
        ServingError: INVALID_ARGUMENT for more than one SignatureDef or an unreadable one, INTERNAL
            for one that leaves a tensor out, ALREADY_EXISTS for two tensors of one name.
    """
    stored = stored_signature(content)
    definitions = SignatureDefMap()
    definition = definitions.signature_def[DEFAULT_SIGNATURE]
    definition.method_name = stored.method_name if stored else PREDICT_METHOD
    return TFLiteSignature(
        definitions=definitions,
        inputs=_described("input", inputs, stored and stored.inputs, definition.inputs),
        outputs=_described("output", outputs, stored and stored.outputs, definition.outputs),
    )


def stored_signature(content: bytes) -> Any:
    """Returns the SignatureDef in a model's metadata, or None.

    Raises:
        ServingError: INVALID_ARGUMENT for more than one, or one that cannot be read.
    """
    model = schema_py_generated.Model.GetRootAs(content)
    for at in range(model.MetadataLength()):
        metadata = model.Metadata(at)
        if metadata.Name() == METADATA:
            buffer = model.Buffers(metadata.Buffer())
            return only_signature(buffer.DataAsNumpy().tobytes() if buffer.DataLength() else b"")
    return None


def only_signature(buffer: bytes) -> Any:
    """Reads a map of names to SignatureDefs, and returns the one that is in it.

    Args:
        buffer: A FlexBuffer; the values are serialized, and called strings.

    Raises:
        ServingError: INVALID_ARGUMENT, as `stored_signature`.
    """
    try:
        stored = flexbuffers.GetRoot(buffer).AsMap
        keys = [key.AsKey for key in stored.Keys]
        if len(keys) != 1:
            raise invalid(
                f"Multiple SignatureDefs found in TfLite model: {', '.join(keys)}; one is served."
            )
        return SignatureDef.FromString(stored.Values[0].AsStringBytes)
    except _MALFORMED as error:
        raise invalid(f"Invalid SignatureDefs found in TfLite model: {error}") from error


def _described(
    kind: str, tensors: Sequence[Mapping[str, Any]], stored: Any, infos: Any
) -> dict[str, int]:
    """Fills the TensorInfos of one side of a signature; returns the tensors' indices."""
    aliases = None if stored is None else {_bare(info.name): name for name, info in stored.items()}
    indices: dict[str, int] = {}
    for tensor in tensors:
        name = _bare(tensor["name"])
        if aliases is not None and name not in aliases:
            raise ServingError(
                StatusCode.INTERNAL,
                f"Cannot find signature def {kind} name from tflite {kind} tensor {name}",
            )
        alias = name if aliases is None else aliases[name]
        if alias in indices:
            raise ServingError(
                StatusCode.ALREADY_EXISTS, f"{kind} tensor name: {alias} has multiple indices"
            )
        indices[alias] = tensor["index"]
        _fill(infos[alias], tensor)
    return indices


def _bare(tensor_name: str) -> str:
    return tensor_name.removesuffix(":0")


def _fill(info: Any, tensor: Mapping[str, Any]) -> None:
    info.name = tensor["name"]
    info.dtype = number_of(np.dtype(tensor["dtype"]))
    shape = tensor["shape_signature"] if len(tensor["shape_signature"]) else tensor["shape"]
    for size in shape:
        info.tensor_shape.dim.add().size = int(size)
    if not len(shape):
        info.tensor_shape.SetInParent()
