"""Requests to predict as TensorFlow Serving reads them, answers as it writes them.

The cases of the first tables are those of TensorFlow Serving's json_tensor_test.cc.
"""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from rest_json import NUMBERS, decoded, encoded, refusal
from rest_plane import signature_def

from serving.wire import rest, tensors
from serving.wire.messages import (
    GetModelMetadataResponse,
    GetModelStatusResponse,
    ModelSpec,
    PredictResponse,
    SignatureDef,
    SignatureDefMap,
)
from serving.wire.rest import RowFormat

FLOAT, INT32, STRING = tensors.DT_FLOAT, tensors.DT_INT32, tensors.DT_STRING
ROW, COLUMNAR = RowFormat.ROW, RowFormat.COLUMNAR


@pytest.mark.parametrize(
    ("body", "expected", "row_format"),
    [
        ('{"instances": [1, 2.0, 5.003]}', [1, 2, np.float32(5.003)], ROW),
        ('{"instances": [[1], [2]]}', [[1], [2]], ROW),
        ('{"instances": [{"x": [1, 2]}, {"x": [3, 4]}]}', [[1, 2], [3, 4]], ROW),
        ('{"instances": [[[]], [[]]]}', [[[]], [[]]], ROW),
        ('{"inputs": [1, 2]}', [1, 2], COLUMNAR),
        ('{"inputs": 7}', 7, COLUMNAR),
        ('{"inputs": []}', [], COLUMNAR),
        ('{"inputs": {"x": [[1]], "unknown": "ignored"}, "more": 1}', [[1]], COLUMNAR),
        ('{"instances": [Infinity], "signature_name": "s"}', [np.inf], ROW),
    ],
)
def test_one_input_is_read(body, expected, row_format):
    arrays, found = decoded(body, x=FLOAT)
    assert found is row_format
    assert arrays["x"].dtype == np.float32
    assert arrays["x"].tolist() == expected


def test_several_inputs_are_read_by_row_and_by_column():
    rows = '{"instances": [{"x": [1, 2], "s": "a"}, {"s": {"b64": "Yg=="}, "x": [3, 4]}]}'
    columns = '{"inputs": {"x": [[1, 2], [3, 4]], "s": ["a", "b"]}}'
    for body in (rows, columns):
        arrays, _ = decoded(body, x=INT32, s=STRING)
        assert arrays["x"].tolist() == [[1, 2], [3, 4]]
        assert arrays["s"].tolist() == [b"a", b"b"]


def test_columns_need_not_have_equally_many_rows():
    arrays, _ = decoded('{"inputs": {"a": [1, 2, 3], "b": 4}}', a=INT32, b=INT32)
    assert (arrays["a"].shape, arrays["b"].shape) == ((3,), ())


def test_a_lone_base64_value_is_no_object_of_inputs():
    assert decoded('{"instances": [{"b64": "YQ=="}]}', b64=STRING)[0]["b64"].tolist() == [b"a"]
    assert decoded('{"inputs": {"b64": "YQ=="}}', x=STRING)[0]["x"].tolist() == b"a"


def test_the_request_names_model_version_and_signature():
    spec = ModelSpec(name="m", version_label="stable")
    document = {"signature_name": "s", "inputs": [1]}
    request, _ = rest.predict_request(document, signature_def(x=FLOAT), spec)
    assert request.model_spec == ModelSpec(name="m", version_label="stable", signature_name="s")
    assert request.inputs["x"].tensor_content == np.array([1], np.float32).tobytes()


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("{}", "Missing 'inputs' or 'instances' key"),
        ('{"instances": [1], "inputs": [1]}', "Not formatted correctly expecting only one of"),
        ('{"instances": []}', "No values in 'instances' array"),
        ('{"instances": {"x": 1}}', "Expecting 'instances' to be an list/array"),
        ('{"signature_name": 5, "instances": [1]}', "'signature_name' key must be a string value."),
        ('{"instances": [[1,2],[3,4],[5,6,7]]}', "Expecting tensor size: 2 but got: 3"),
        ('{"instances": [[1,2],[3,4],[[5,6]]]}', "Expecting shape [2] but got: [1,2]"),
        ('{"instances": [1, [1]]}', "Expecting shape [] but got: [1]"),
        ('{"instances": [[1,2],["a", "b"]]}', "not of expected type: int32"),
        ('{"instances": [[[1],[2,3]]]}', "Encountered list at unexpected size: 2 at level: 1"),
        ('{"instances": [1, {"x": 1}]}', "Expecting value/list but got object at item 1 of input"),
        ('{"instances": [{"x": 1}, 1]}', "Expecting object but got list at item 1 of input list"),
        ('{"instances": [{"x": 1}, {"y": 1}]}', "element: 1 key: y of 'instances' list. Error: "),
        ('{"instances": [{"x": 1}, {"y": 1}]}', "JSON object: does not have named input: y"),
        ('{"instances": [{"x": 1}, {}]}', "JSON object: {} keys must be equal to: x"),
        ('{"instances": [1.0]}', "element: 0 of 'instances' list. Error: INVALID_ARGUMENT: JSON"),
        ('{"inputs": {"y": 1}}', "Missing named input: x in 'inputs' object."),
        ('{"inputs": [[1], [2, 3]]}', "Encountered list at unexpected size: 2 at level: 1"),
        ('{"inputs": null}', "JSON Value: null Type: Null is not of expected type: int32"),
        ('{"inputs": 1.0}', "JSON Value: 1.0 Type: Number is not of expected type: int32"),
    ],
)
def test_a_request_that_does_not_fit_is_refused(body, message):
    code, text = refusal(decoded, body, x=INT32)
    assert code == "INVALID_ARGUMENT"
    assert message in text


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('{"instances": [1]}', "instances is a plain list, but expecting list of objects"),
        ('{"inputs": [1]}', "inputs is a plain value/list, but expecting an object"),
        ('{"instances": [{"x": 1}]}', "keys must be equal to: s,x"),
        (
            '{"instances": [{"x": [[1],[2]], "s": "a"}, {"x": [[1,2]], "s": "b"}]}',
            "Failed to process element: 1 key: x of 'instances' list. Error: INVALID_ARGUMENT: "
            "Expecting shape [2,1] but got: [1,2]",
        ),
    ],
)
def test_several_inputs_need_names(body, message):
    assert message in refusal(decoded, body, x=INT32, s=STRING)[1]


@pytest.mark.parametrize(
    "number", [tensors.DT_HALF, tensors.DT_COMPLEX64, tensors.DT_COMPLEX128, tensors.DT_UINT16]
)
def test_types_that_json_cannot_carry_have_two_statuses(number):
    name = tensors.dtype_name(number)
    text = f"Conversion of JSON Value: 1.5 to type: {name}"
    assert refusal(decoded, '{"inputs": [1.5]}', x=number) == ("UNIMPLEMENTED", text)
    assert refusal(decoded, '{"instances": [1.5]}', x=number) == (
        "INVALID_ARGUMENT",
        f"Failed to process element: 0 of 'instances' list. Error: UNIMPLEMENTED: {text}",
    )
    code, message = refusal(encoded, ROW, y=np.ones(1, tensors.DTYPES[number]))
    assert code == "INVALID_ARGUMENT"
    assert message == f"Failed to write JSON value for tensor type: {name}"


def test_a_signature_without_inputs_is_refused():
    text = refusal(rest.predict_request, {"inputs": [1]}, SignatureDef(), ModelSpec())[1]
    assert text == "Failed to get input map for signature: DEFAULT"


def test_answers_have_rows_or_columns():
    y = np.array([[1, 2], [3, 4]], np.float32)
    z = np.array([5, 6], np.int64)
    assert encoded(ROW, y=y) == b'{"predictions": [[1.0,2.0],[3.0,4.0]]}'
    assert encoded(COLUMNAR, y=y) == b'{"outputs": [[1.0,2.0],[3.0,4.0]]}'
    assert json.loads(encoded(ROW, y=y, z=z)) == {
        "predictions": [{"y": [1.0, 2.0], "z": 5}, {"y": [3.0, 4.0], "z": 6}]
    }
    assert json.loads(encoded(COLUMNAR, y=y, z=z)) == {
        "outputs": {"y": [[1.0, 2.0], [3.0, 4.0]], "z": [5, 6]}
    }


def test_outputs_whose_name_ends_in_bytes_are_base64():
    texts = np.array([b"\xff", b"a"], object)
    assert json.loads(encoded(ROW, image_bytes=texts)) == {
        "predictions": [{"b64": "/w=="}, {"b64": "YQ=="}]
    }
    assert encoded(COLUMNAR, x_bytes=np.array([1], np.int32)) == b'{"outputs": [1]}'


def test_names_may_hold_anything():
    one = np.array([1], np.int32)
    names = {'50% "off"': one, "%b": one}
    assert json.loads(encoded(ROW, **names)) == {"predictions": [{'50% "off"': 1, "%b": 1}]}
    assert json.loads(encoded(COLUMNAR, **names)) == {"outputs": {'50% "off"': [1], "%b": [1]}}


def test_no_rows_are_an_empty_list():
    empty = np.empty((0, 2), np.int32)
    assert json.loads(encoded(ROW, y=empty)) == {"predictions": []}
    assert json.loads(encoded(ROW, y=empty, z=np.empty((0,), object))) == {"predictions": []}


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({}, "Cannot convert empty tensor map to JSON"),
        ({"y": np.array(1)}, "Tensor name: y has no shape information "),
        (
            {"y": np.ones(2), "z": np.ones(3)},
            "Tensor name: z has inconsistent batch size: 3 expecting: 2",
        ),
    ],
)
def test_outputs_that_make_no_rows_are_refused(arrays, message):
    assert refusal(encoded, ROW, **arrays) == ("INVALID_ARGUMENT", message)


def test_values_left_out_of_an_answer_repeat():
    response = PredictResponse()
    proto = response.outputs["y"]
    proto.dtype = FLOAT
    proto.tensor_shape.dim.add(size=3)
    proto.float_val.append(2.5)
    assert rest.predict_response(response, ROW) == b'{"predictions": [2.5,2.5,2.5]}'


@given(
    hnp.arrays(
        st.sampled_from(NUMBERS),
        hnp.array_shapes(min_dims=1, max_dims=4, max_side=4),
    ),
    st.sampled_from([("instances", ROW, "predictions"), ("inputs", COLUMNAR, "outputs")]),
)
def test_numbers_survive_the_way_out_and_back(array, form):
    key, row_format, answer_key = form
    text = encoded(row_format, y=array)
    body = text.replace(f'"{answer_key}"'.encode(), f'"{key}"'.encode())
    arrays, _ = decoded(body, x=tensors.number_of(array.dtype))
    assert arrays["x"].dtype == array.dtype
    np.testing.assert_array_equal(arrays["x"], array)


@given(st.lists(st.binary(max_size=20), min_size=1, max_size=5))
def test_bytes_survive_the_way_out_and_back(texts):
    array = np.empty(len(texts), object)
    array[:] = texts
    body = encoded(ROW, y_bytes=array).replace(b"predictions", b"instances")
    assert decoded(body, x=STRING)[0]["x"].tolist() == texts


def test_status_has_all_fields_and_integers_as_texts():
    response = GetModelStatusResponse()
    status = response.model_version_status.add(version=2**53 + 1, state=30)
    status.status.SetInParent()
    text = rest.status_response(response)
    assert b'"state": "AVAILABLE"' in text  # as scripts look for it
    assert json.loads(text) == {
        "model_version_status": [
            {
                "version": "9007199254740993",
                "state": "AVAILABLE",
                "status": {"error_code": "OK", "error_message": ""},
            }
        ]
    }


def test_metadata_spells_the_signatures_out():
    """The shape is that of saved_model_half_plus_two_2_versions_metadata.json."""
    response = GetModelMetadataResponse()
    response.model_spec.name = "m"
    response.model_spec.version.value = 123
    signatures = SignatureDefMap()
    signatures.signature_def["serving_default"].CopyFrom(signature_def({"y": FLOAT}, x=FLOAT))
    signatures.signature_def["serving_default"].inputs["x"].tensor_shape.dim.add(size=1)
    signatures.signature_def["any"].inputs["x"].tensor_shape.unknown_rank = True
    response.metadata["signature_def"].Pack(signatures)
    document = json.loads(rest.metadata_response(response))
    assert document["model_spec"] == {"name": "m", "signature_name": "", "version": "123"}
    found = document["metadata"]["signature_def"]["signature_def"]
    assert found["serving_default"] == {
        "inputs": {
            "x": {
                "dtype": "DT_FLOAT",
                "tensor_shape": {
                    "dim": [{"size": "-1", "name": ""}, {"size": "1", "name": ""}],
                    "unknown_rank": False,
                },
                "name": "x:0",
            }
        },
        "outputs": {
            "y": {
                "dtype": "DT_FLOAT",
                "tensor_shape": {"dim": [{"size": "-1", "name": ""}], "unknown_rank": False},
                "name": "y:0",
            }
        },
        "method_name": "tensorflow/serving/predict",
        "defaults": {},
    }
    assert found["any"]["inputs"]["x"]["tensor_shape"] == {"dim": [], "unknown_rank": True}


def test_metadata_without_signatures_is_an_internal_error():
    assert refusal(rest.metadata_response, GetModelMetadataResponse())[0] == "INTERNAL"


@pytest.mark.parametrize("message", ['Bad key: "key"', "\u00e4\n", "", "a\ud800b"])
def test_errors_are_json(message):
    text = rest.error_response(message)
    assert json.loads(text) == {"error": message.replace("\ud800", "?")}


def test_each_signature_is_read_by_its_own_types():
    kinds = [tensors.DT_FLOAT, tensors.DT_DOUBLE, tensors.DT_INT32, tensors.DT_INT64]
    document = {"instances": [1]}
    kept = [signature_def(x=number) for number in kinds]
    for i in range(400):  # more than are remembered; most are gone at once, and others in place
        number = kinds[i % len(kinds)]
        for each in (signature_def(x=number), kept[i % len(kinds)]):
            arrays, _ = rest.predict_arrays(document, each)
            assert arrays["x"].dtype == tensors.DTYPES[number]
