"""Requests to classify and regress; the cases follow TensorFlow Serving's json_tensor_test.cc."""

import json

import numpy as np
import pytest
from rest_json import refusal

from serving.wire.examples import (
    classification_request,
    classification_response,
    regression_request,
    regression_response,
)
from serving.wire.json_text import parse_object
from serving.wire.messages import ClassificationResponse, Example, ModelSpec, RegressionResponse

REQUESTS = pytest.mark.parametrize("read", [classification_request, regression_request])


def example(**features):
    message = Example()
    for name, (kind, values) in features.items():
        if kind:
            getattr(message.features.feature[name], kind).value.extend(values)
        else:
            message.features.feature[name].SetInParent()
    return message


@REQUESTS
def test_examples_are_read(read):
    document = parse_object(
        b'{"signature_name": "s", "examples": ['
        b'{"names": ["foo", {"b64": "/w=="}], "ages": [20, true, false], "w": [1.5, 2.0]},'
        b'{"name": "foo", "age": 20, "f": 1e3, "huge": 18446744073709551616, "none": []}]}'
    )
    request = read(document, ModelSpec(name="m"))
    assert request.model_spec == ModelSpec(name="m", signature_name="s")
    first, second = request.input.example_list.examples
    assert first == example(
        names=("bytes_list", [b"foo", b"\xff"]),
        ages=("int64_list", [20, 1, 0]),
        w=("float_list", [1.5, 2.0]),
    )
    assert second == example(
        name=("bytes_list", [b"foo"]),
        age=("int64_list", [20]),
        f=("float_list", [1000.0]),
        huge=("float_list", [2.0**64]),
        none=(None, []),
    )


@REQUESTS
def test_a_context_goes_beside_the_examples(read):
    request = read({"context": {"c": 1}, "examples": [{"x": 2.5}, {}]}, ModelSpec(name="m"))
    found = request.input.example_list_with_context
    assert found.context == example(c=("int64_list", [1]))
    assert list(found.examples) == [example(x=("float_list", [2.5])), Example()]


@REQUESTS
def test_an_empty_context_is_one(read):
    request = read({"context": {}, "examples": [{}]}, ModelSpec())
    assert request.input.WhichOneof("kind") == "example_list_with_context"


@REQUESTS
@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"signature_name": ["s"], "examples": [{}]}, "'signature_name' key must be a string"),
        ({"context": [{}], "examples": [{}]}, "Example must be JSON object but got JSON Array"),
        ({}, "When method is classify, key 'examples' is expected and was not found"),
        ({"examples": {}}, "Expecting 'examples' value to be an list/array"),
        ({"examples": []}, "'examples' value is an empty array"),
        ({"examples": [[{}]]}, "Example must be JSON object but got JSON Array"),
        ({"examples": [None]}, "Example must be JSON object but got JSON Null"),
        ({"examples": [{"n": [10, None]}]}, "n has element with unexpected JSON type: Null"),
        ({"examples": [{"n": [10, 10.0]}]}, "feature: n expecting type: int64"),
        ({"examples": [{"n": ["a", 1]}]}, "feature: n expecting type: bytes"),
        ({"examples": [{"n": [1.5, "a"]}]}, "feature: n expecting type: float"),
        ({"examples": [{"n": [10, {"t": 1}]}]}, "n has element with unexpected JSON type: Object"),
        ({"examples": [{"n": [[10], 20]}]}, "n has element with unexpected JSON type: Array"),
        ({"examples": [{"n": [2**64 - 1]}]}, "n has uint64_t element. Only int64_t is supported."),
        ({"examples": [{"n": {"b64": "!"}}]}, "Unable to base64 decode"),
    ],
)
def test_what_is_no_example_is_refused(read, document, message):
    code, text = refusal(read, document, ModelSpec())
    assert code == "INVALID_ARGUMENT"
    assert message in text


@REQUESTS
def test_floats_beyond_float32_are_infinite(read):
    request = read({"examples": [{"x": [1e39, -1e39]}]}, ModelSpec())
    values = request.input.example_list.examples[0].features.feature["x"].float_list.value
    assert list(values) == [np.inf, -np.inf]


def test_classes_are_pairs_of_label_and_score():
    response = ClassificationResponse()
    for scores in ((0.2, 0.7), (3.0, float("nan"))):
        classes = response.result.classifications.add().classes
        classes.add(label="car", score=scores[0])
        classes.add(label='"\u00e4', score=scores[1])
    text = classification_response(response)
    assert text.decode() == (
        '{"results": [[["car",0.2],["\\"\u00e4",0.7]],[["car",3.0],["\\"\u00e4",NaN]]]}'
    )


def test_an_example_without_classes_has_an_empty_list():
    response = ClassificationResponse()
    response.result.classifications.add()
    assert json.loads(classification_response(response)) == {"results": [[]]}


def test_regressions_are_floats():
    response = RegressionResponse()
    for value in (3.0, 0.1, float("-inf")):
        response.result.regressions.add(value=value)
    assert regression_response(response) == b'{"results": [3.0,0.1,-Infinity]}'


def test_no_results_are_an_error():
    assert refusal(classification_response, ClassificationResponse()) == (
        "INVALID_ARGUMENT",
        "Cannot convert empty ClassificationResults to JSON",
    )
    assert refusal(regression_response, RegressionResponse()) == (
        "INVALID_ARGUMENT",
        "Cannot convert empty RegressionResults to JSON",
    )
