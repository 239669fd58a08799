"""SignatureDefs of a model as `Signature` values, and as the message that clients are given.

What a signature computes is for `serving.backends.local.session` and
`serving.backends.local.tflite`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from serving.wire.messages import SignatureDef, SignatureDefMap
from serving.wire.specs import Signature, TensorSpec
from serving.wire.tensors import to_array

# TF2 keeps operations to run at loading and training as if they were signatures.
_INTERNAL = frozenset({"__saved_model_init_op", "__saved_model_train_op"})
# TF1's reference types are numbered like the types they refer to, from here.
_REFERENCES = 100


def signature_def_map(signature_defs: Mapping[str, Any]) -> Any:
    """Returns TensorFlow's SignatureDefs in the message SignatureDefMap, internal ones included.

    Args:
        signature_defs: TensorFlow's own messages, by name.
    """
    result = SignatureDefMap()
    for name, definition in signature_defs.items():
        # TensorFlow's message of the same name is another class; its bytes are the same.
        result.signature_def[name].CopyFrom(SignatureDef.FromString(definition.SerializeToString()))
    return result


def callable_signatures(definitions: Any) -> dict[str, Signature]:
    """Returns what a client may call, inputs and outputs by name and in its order.

    Args:
        definitions: A SignatureDefMap.
    """
    return {
        name: _signature(name, definition)
        for name, definition in sorted(definitions.signature_def.items())
        if name not in _INTERNAL
    }


def _signature(name: str, definition: Any) -> Signature:
    return Signature(
        name=name,
        inputs={alias: _spec(info) for alias, info in sorted(definition.inputs.items())},
        outputs={alias: _spec(info) for alias, info in sorted(definition.outputs.items())},
        method_name=definition.method_name,
        defaults={alias: to_array(value) for alias, value in definition.defaults.items()},
    )


def _spec(info: Any) -> TensorSpec:
    dtype = info.dtype - _REFERENCES if info.dtype > _REFERENCES else info.dtype
    if info.tensor_shape.unknown_rank:
        return TensorSpec(dtype, None)
    return TensorSpec(dtype, tuple(dim.size for dim in info.tensor_shape.dim))
