"""The JSON of TensorFlow Serving's REST interface, to messages and back.

A request to predict comes by rows, `{"instances": [...]}`, and is answered by `{"predictions":
[...]}`; or by columns, `{"inputs": ...}`, answered by `{"outputs": ...}`. Where a signature has one
input (or output) its name may (or will) be left out.

    document = parse_object(body)
    name = signature_name(document)      # which signature to look up
    request, row_format = predict_request(document, signature_def, model_spec)
    ...
    body = predict_response(response, row_format)

Classify and regress have `serving.wire.examples`. Paths and HTTP are for `serving.server.rest`.

Source of the rules and texts: tensorflow_serving/util/json_tensor.cc.
"""

from __future__ import annotations

import enum
import inspect
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import orjson
from google.protobuf import json_format

from serving.wire import tensors
from serving.wire.errors import ServingError, StatusCode, invalid
from serving.wire.json_arrays import dump_array, dump_rows
from serving.wire.json_tensors import SUPPORTED, dense, first_misfit, is_b64
from serving.wire.json_text import quoted
from serving.wire.messages import PredictRequest, SignatureDefMap

SIGNATURE_NAME = "signature_name"
INSTANCES = "instances"
INPUTS = "inputs"
BYTES_SUFFIX = "_bytes"


class RowFormat(enum.Enum):
    """How a request to predict was written, and so how it is answered."""

    ROW = "row"
    COLUMNAR = "columnar"


def signature_name(document: Mapping[str, Any]) -> str:
    """Returns the signature that a request names, "" where it names none.

    Raises:
        ServingError: It is no text; INVALID_ARGUMENT.
    """
    name = document.get(SIGNATURE_NAME, "")
    if not isinstance(name, str):
        raise invalid(
            f"JSON Value: {quoted(document)} not formatted correctly. 'signature_name' key must be "
            "a string value."
        )
    return name


def predict_request(
    document: Mapping[str, Any], signature_def: Any, model_spec: Any
) -> tuple[Any, RowFormat]:
    """Returns a request to predict as a message.

    Args:
        document: What the request's JSON holds.
        signature_def: The SignatureDef that `signature_name` means; its inputs say the types. It
            may not change afterwards.
        model_spec: The ModelSpec of the path.

    Returns:
        A PredictRequest, and the form that its answer has to take.

    Raises:
        ServingError: INVALID_ARGUMENT, or UNIMPLEMENTED where columns are of a type that JSON
            cannot carry.
    """
    arrays, row_format = predict_arrays(document, signature_def)
    request = PredictRequest()
    request.model_spec.CopyFrom(model_spec)
    request.model_spec.signature_name = signature_name(document)
    for key, array in arrays.items():
        tensors.fill(request.inputs[key], array, as_content=True)
    return request, row_format


def predict_arrays(
    document: Mapping[str, Any], signature_def: Any
) -> tuple[dict[str, np.ndarray], RowFormat]:
    """Returns the inputs of a request to predict, and the form that its answer has to take.

    Arguments and errors are those of `predict_request`.
    """
    types = _input_types(signature_def)
    if not types:
        name = signature_name(document)
        raise invalid(f"Failed to get input map for signature: {name or 'DEFAULT'}")
    row_format = _row_format(document)
    if row_format is RowFormat.ROW:
        return _rows(document[INSTANCES], types), row_format
    return _columns(document[INPUTS], types), row_format


# The last SignatureDefs and what was read from them: that takes longer than reading a row. An entry
# keeps its message alive, without which neither the object nor its `id` would stay the same.
_KNOWN_TYPES: dict[int, tuple[Any, dict[str, int]]] = {}
_MOST_KNOWN = 256


def _input_types(signature_def: Any) -> Mapping[str, int]:
    known = _KNOWN_TYPES.get(id(signature_def))
    if known is not None and known[0] is signature_def:
        return known[1]
    types = {key: info.dtype for key, info in signature_def.inputs.items()}
    if len(_KNOWN_TYPES) >= _MOST_KNOWN:
        _KNOWN_TYPES.clear()
    _KNOWN_TYPES[id(signature_def)] = signature_def, types
    return types


def predict_response(response: Any, row_format: RowFormat) -> bytes:
    """Returns the outputs of a PredictResponse as JSON.

    Raises:
        ServingError: There is no output, one is of a type that JSON cannot carry, or rows were
            asked for and the outputs do not have equally many; INVALID_ARGUMENT.
    """
    if not response.outputs:
        raise invalid("Cannot convert empty tensor map to JSON")
    names = sorted(response.outputs)
    if row_format is RowFormat.ROW:
        _check_batch(response.outputs, names)
    arrays = {name: _output(response.outputs[name]) for name in names}
    if row_format is RowFormat.COLUMNAR:
        columns = [dump_array(array, as_b64=_is_b64(name)) for name, array in arrays.items()]
        return b'{"outputs": ' + (_object(names, columns) if len(names) > 1 else columns[0]) + b"}"
    if len(names) == 1:
        return b'{"predictions": ' + dump_array(arrays[names[0]], as_b64=_is_b64(names[0])) + b"}"
    cells = [dump_rows(array, as_b64=_is_b64(name)) for name, array in arrays.items()]
    rows = zip(*cells, strict=True)
    return b'{"predictions": [' + b",".join(_objects(names, rows)) + b"]}"


def error_response(message: str) -> bytes:
    """Returns the body of an answer that failed."""
    return b'{"error": ' + orjson.dumps(message.encode("utf-8", "replace").decode()) + b"}"


def status_response(response: Any) -> bytes:
    """Returns a GetModelStatusResponse as JSON: all fields, 64-bit integers as texts."""
    return _indented(_as_json(response))


def metadata_response(response: Any) -> bytes:
    """Returns a GetModelMetadataResponse as JSON, its SignatureDefMap spelled out.

    Raises:
        ServingError: It has no metadata named signature_def; INTERNAL.
    """
    packed = response.metadata.get("signature_def")
    if packed is None:
        raise ServingError(
            StatusCode.INTERNAL,
            "Failed to find 'signature_def' key in the GetModelMetadataResponse metadata map.",
        )
    signatures = SignatureDefMap.FromString(packed.value)
    return _indented(
        {
            "model_spec": _as_json(response.model_spec),
            "metadata": {"signature_def": _as_json(signatures)},
        }
    )


def _row_format(document: Mapping[str, Any]) -> RowFormat:
    rows, columns = INSTANCES in document, INPUTS in document
    if rows and columns:
        raise invalid(
            f"JSON Value: {quoted(document)} Not formatted correctly expecting only one of "
            f"'{INPUTS}' or '{INSTANCES}' keys to exist "
        )
    if columns:
        return RowFormat.COLUMNAR
    if not rows:
        raise invalid(f"Missing '{INPUTS}' or '{INSTANCES}' key")
    if not isinstance(document[INSTANCES], list):
        raise invalid(f"JSON Value: {quoted(document)} Expecting '{INSTANCES}' to be an list/array")
    if not document[INSTANCES]:
        raise invalid(f"JSON Value: {quoted(document)} No values in '{INSTANCES}' array")
    return RowFormat.ROW


def _is_named(value: Any) -> bool:
    """Whether a value is an object of inputs by name, not bytes in Base64."""
    return isinstance(value, dict) and not is_b64(value)


def _columns(inputs: Any, types: Mapping[str, int]) -> dict[str, np.ndarray]:
    if not _is_named(inputs):
        if len(types) > 1:
            raise invalid(
                "inputs is a plain value/list, but expecting an object as multiple input tensors "
                "required as per tensorinfo_map"
            )
        return {name: dense(inputs, number) for name, number in types.items()}
    for name in types:
        if name not in inputs:
            raise invalid(f"Missing named input: {name} in '{INPUTS}' object.")
    return {name: dense(inputs[name], number) for name, number in types.items()}


def _rows(instances: list[Any], types: Mapping[str, int]) -> dict[str, np.ndarray]:
    if not _is_named(instances[0]):
        if len(types) > 1:
            raise invalid(
                "instances is a plain list, but expecting list of objects as multiple input "
                "tensors required as per tensorinfo_map"
            )
        columns = dict.fromkeys(types, instances)
    else:
        columns = _by_name(instances, types)
    arrays = {}
    for name, number in types.items():
        try:
            arrays[name] = dense(columns[name], number)
        except ServingError:
            raise _misfit(columns[name], number, name, instances) from None
    return arrays


def _by_name(instances: list[Any], types: Mapping[str, int]) -> dict[str, list[Any]]:
    names = types.keys()
    for i, instance in enumerate(instances):
        if not _is_named(instance):
            raise invalid(f"Expecting object but got list at item {i} of input list")
        if instance.keys() != names:
            raise _wrong_keys(i, instance, types)
    return {name: [instance[name] for instance in instances] for name in types}


def _wrong_keys(i: int, instance: Mapping[str, Any], types: Mapping[str, int]) -> ServingError:
    for name in instance:
        if name not in types:
            return invalid(
                f"Failed to process element: {i} key: {name} of '{INSTANCES}' list. Error: "
                f"INVALID_ARGUMENT: JSON object: does not have named input: {name}"
            )
    return invalid(
        f"Failed to process element: {i} of '{INSTANCES}' list. JSON object: {quoted(instance)} "
        f"keys must be equal to: {','.join(sorted(types))}"
    )


def _misfit(column: list[Any], number: int, name: str, instances: list[Any]) -> ServingError:
    """Says which row of a column does not fit, and why."""
    i = first_misfit(column, number) or 0
    named = _is_named(instances[0])
    if not named and _is_named(instances[i]):
        return invalid(f"Expecting value/list but got object at item {i} of input list")
    error = _row_error(column[0], column[i], number)
    key = f" key: {name}" if named else ""
    return invalid(
        f"Failed to process element: {i}{key} of '{INSTANCES}' list. Error: "
        f"{error.code.name}: {error}"
    )


def _row_error(first: Any, row: Any, number: int) -> ServingError:
    try:
        array = dense(row, number)
    except ServingError as error:
        return error
    expected = dense(first, number)
    if array.size != expected.size:
        return invalid(f"Expecting tensor size: {expected.size} but got: {array.size}")
    return invalid(f"Expecting shape {_shape_text(expected)} but got: {_shape_text(array)}")


def _shape_text(array: np.ndarray) -> str:
    return f"[{','.join(map(str, array.shape))}]"


def _check_batch(outputs: Mapping[str, Any], names: list[str]) -> None:
    batch = None
    for name in names:
        dims = outputs[name].tensor_shape.dim
        if not dims:
            raise invalid(f"Tensor name: {name} has no shape information ")
        if batch is not None and dims[0].size != batch:
            raise invalid(
                f"Tensor name: {name} has inconsistent batch size: {dims[0].size} "
                f"expecting: {batch}"
            )
        batch = dims[0].size


def _output(proto: Any) -> np.ndarray:
    if proto.dtype not in SUPPORTED:
        raise invalid(
            f"Failed to write JSON value for tensor type: {tensors.dtype_name(proto.dtype)}"
        )
    return tensors.to_array(proto)


def _is_b64(name: str) -> bool:
    return name.endswith(BYTES_SUFFIX)  # of numbers it makes no difference


def _object(names: list[str], values: Any) -> bytes:
    members = (
        orjson.dumps(name) + b": " + value for name, value in zip(names, values, strict=True)
    )
    return b"{" + b", ".join(members) + b"}"


def _objects(names: list[str], rows: Any) -> list[bytes]:
    """Writes an object for each row; the names are written once for all."""
    keys = [orjson.dumps(name).replace(b"%", b"%%") for name in names]
    template = b"{" + b", ".join(key + b": %b" for key in keys) + b"}"
    return [template % row for row in rows]


# protobuf 5 renamed the argument; both stacks are served.
_ALL_FIELDS = next(
    name
    for name in ("always_print_fields_with_no_presence", "including_default_value_fields")
    if name in inspect.signature(json_format.MessageToDict).parameters
)


def _as_json(message: Any) -> dict[str, Any]:
    options: dict[str, Any] = {"preserving_proto_field_name": True, _ALL_FIELDS: True}
    return json_format.MessageToDict(message, **options)


def _indented(value: Any) -> bytes:
    """Writes JSON over several lines, as TensorFlow Serving does here and scripts look for."""
    return json.dumps(value, indent=1).encode() + b"\n"
