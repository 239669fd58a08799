"""What is sent, read by TensorFlow Serving's own message classes and TensorFlow."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import tensorflow as tf
from client_server import FLOAT, MODEL, TEXT, ModelServer
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    predict_pb2,
    regression_pb2,
)

from serving.client import Client
from serving.client.examples import serialize
from serving.wire import tensors


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer() as running:
        yield running


@pytest.fixture
def client(server: ModelServer) -> Iterator[Client]:
    with Client(server.address) as connected:
        yield connected


def test_a_prediction_and_the_metadata_before_it(client: Client, server: ModelServer) -> None:
    columns = {"fare": [[1, 2.5]], "seconds": [[10, -20]], "company": [["ä", b"\x00\xff"]]}
    client.predict(MODEL, columns, signature="columns", version=3, outputs=["outputs"])
    asked, predict = server.received
    assert asked.method == "/tensorflow.serving.PredictionService/GetModelMetadata"
    metadata = get_model_metadata_pb2.GetModelMetadataRequest.FromString(asked.body)
    assert (metadata.model_spec.name, metadata.model_spec.version.value) == (MODEL, 3)
    assert not metadata.model_spec.signature_name
    assert list(metadata.metadata_field) == ["signature_def"]
    assert predict.method == "/tensorflow.serving.PredictionService/Predict"
    request = predict_pb2.PredictRequest.FromString(predict.body)
    assert request.model_spec.signature_name == "columns"
    assert list(request.output_filter) == ["outputs"]
    found = {name: tf.make_ndarray(proto) for name, proto in request.inputs.items()}
    assert found["fare"].dtype == np.float32
    assert found["fare"].tolist() == [[1, 2.5]]
    assert found["seconds"].dtype == np.int64
    assert found["seconds"].tolist() == [[10, -20]]
    assert found["company"].tolist() == [[b"\xc3\xa4", b"\x00\xff"]]


@pytest.mark.parametrize(
    "dtype", [t for t in tensors.DTYPES.values() if t != np.dtype(object)], ids=str
)
def test_numbers_of_every_type(server: ModelServer, dtype: np.dtype) -> None:
    array = np.array([[0, 1], [1, 0]]).astype(dtype)
    server.signatures["serving_default"] = ({"x": tensors.number_of(dtype)}, {})
    with Client(server.address, cast_inputs=False) as client:
        outputs = None if array.dtype.kind == "b" else client.predict(MODEL, {"x": array}).outputs
        if outputs is None:
            server.signatures["serving_default"] = ({"t": tensors.number_of(dtype)}, {})
            client.predict(MODEL, {"t": array})
    (proto,) = predict_pb2.PredictRequest.FromString(server.received[-1].body).inputs.values()
    found = tf.make_ndarray(proto)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, array)


def test_a_label(client: Client, server: ModelServer) -> None:
    client.regress(MODEL, [{"fare": 1.0}], label="canary")
    request = regression_pb2.RegressionRequest.FromString(server.received[-1].body)
    assert request.model_spec.version_label == "canary"


def test_examples_in_a_prediction_parse_as_TensorFlow_parses_them(
    client: Client, server: ModelServer
) -> None:
    rows: list[dict[str, object] | bytes] = [
        {"fare": 1.5, "hour": 3, "company": "ä"},
        {"fare": np.float32(2), "company": None},
    ]
    client.predict(MODEL, examples=rows, signature="rows")
    request = predict_pb2.PredictRequest.FromString(server.received[-1].body)
    assert request.inputs["examples"].dtype == TEXT
    features = {
        "fare": tf.io.FixedLenFeature([], tf.float32),
        "hour": tf.io.FixedLenFeature([], tf.int64, default_value=-1),
        "company": tf.io.FixedLenFeature([], tf.string, default_value="none"),
    }
    parsed = tf.io.parse_example(tf.make_ndarray(request.inputs["examples"]), features)
    assert parsed["fare"].numpy().tolist() == [1.5, 2]
    assert parsed["hour"].numpy().tolist() == [3, -1]
    assert parsed["company"].numpy().tolist() == ["ä".encode(), b"none"]


def test_serialized_examples_that_TensorFlow_made_are_taken(
    client: Client, server: ModelServer
) -> None:
    fare = tf.train.Feature(float_list=tf.train.FloatList(value=[2.5]))
    example = tf.train.Example(features=tf.train.Features(feature={"fare": fare}))
    assert client.regress(MODEL, [example.SerializeToString()]).values.tolist() == [5]
    answer = client.predict(MODEL, {"examples": serialize([{"fare": 2.5}])}, signature="rows")
    assert answer.outputs["outputs"].tolist() == [[5]]
    sent = regression_pb2.RegressionRequest.FromString(server.received[0].body)
    assert list(sent.input.example_list.examples) == [example]


def test_classify_with_a_context(client: Client, server: ModelServer) -> None:
    client.classify(MODEL, [{"fare": 1.0}], context={"city": "Chicago"}, signature="s")
    (call,) = server.received
    request = classification_pb2.ClassificationRequest.FromString(call.body)
    assert request.model_spec.signature_name == "s"
    shared = request.input.example_list_with_context.context.features.feature
    assert shared["city"].bytes_list.value == [b"Chicago"]


def test_status(client: Client, server: ModelServer) -> None:
    client.status(MODEL, version=3)
    (call,) = server.received
    assert call.method == "/tensorflow.serving.ModelService/GetModelStatus"
    request = get_model_status_pb2.GetModelStatusRequest.FromString(call.body)
    assert (request.model_spec.name, request.model_spec.version.value) == (MODEL, 3)


def test_numbers_here_are_TensorFlows() -> None:
    assert (tf.float32.as_datatype_enum, tf.string.as_datatype_enum) == (FLOAT, TEXT)
