"""Short ways to the JSON codec, for tests."""

from typing import Any

import numpy as np
import pytest
from rest_plane import signature_def

from serving.wire import rest, tensors
from serving.wire.errors import ServingError
from serving.wire.json_text import parse_object
from serving.wire.messages import ModelSpec, PredictResponse

NUMBERS = [np.dtype(code) for code in ("f4", "f8", "i1", "i2", "i4", "i8", "u1", "u4", "u8", "?")]
"""The NumPy types that JSON can carry, texts apart."""


def decoded(body: str | bytes, **types: int) -> tuple[dict[str, Any], rest.RowFormat]:
    """Returns the inputs that a body to predict holds as arrays, and its form."""
    document = parse_object(body if isinstance(body, bytes) else body.encode())
    request, row_format = rest.predict_request(
        document, signature_def(**types), ModelSpec(name="m")
    )
    arrays = {name: tensors.to_array(proto) for name, proto in request.inputs.items()}
    return arrays, row_format


def encoded(row_format: rest.RowFormat, **arrays: Any) -> bytes:
    """Returns the body that answers with these outputs."""
    response = PredictResponse()
    for name, array in arrays.items():
        tensors.fill(response.outputs[name], array)
    return rest.predict_response(response, row_format)


def refusal(call: Any, *arguments: Any, **named: Any) -> tuple[str, str]:
    """Returns the status and the message that a call fails with."""
    with pytest.raises(ServingError) as raised:
        call(*arguments, **named)
    return raised.value.code.name, raised.value.message
