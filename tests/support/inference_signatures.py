"""Signatures to predict, classify and regress by, and what a call is refused with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from serving.wire import inference, messages
from serving.wire.errors import ServingError, StatusCode
from serving.wire.specs import Signature, TensorSpec

FLOAT, INT64, STRING = 1, 9, 7


def signature_of(
    inputs: Mapping[str, int],
    outputs: Mapping[str, int],
    method: str = inference.PREDICT_METHOD,
    defaults: Mapping[str, np.ndarray] | None = None,
) -> Signature:
    """Returns a signature with tensors of one row for each example, by their types."""
    return Signature(
        name="serving_default",
        inputs={name: TensorSpec(dtype, (-1,)) for name, dtype in inputs.items()},
        outputs={name: TensorSpec(dtype, (-1,)) for name, dtype in outputs.items()},
        method_name=method,
        defaults=defaults or {},
    )


TWO = signature_of({"a": FLOAT, "b": INT64}, {"y": FLOAT, "z": FLOAT})
CLASSIFIES = signature_of(
    {"inputs": STRING}, {"classes": STRING, "scores": FLOAT}, inference.CLASSIFY_METHOD
)
REGRESSES = signature_of({"inputs": STRING}, {"outputs": FLOAT}, inference.REGRESS_METHOD)


def error_of(call: Callable[..., Any], *arguments: Any, **options: Any) -> tuple[StatusCode, str]:
    """Returns the code and the message that a call is refused with."""
    with pytest.raises(ServingError) as caught:
        call(*arguments, **options)
    return caught.value.code, caught.value.message


def spec(name: str = "m", signature: str = "") -> Any:
    """Returns a ModelSpec."""
    return messages.ModelSpec(name=name, signature_name=signature)
