"""Requests to a model server, made of the official message classes."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from google.protobuf import text_format
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    input_pb2,
    model_management_pb2,
    model_pb2,
    predict_pb2,
    regression_pb2,
)

CLASSIFY = "tensorflow/serving/classify"
REGRESS = "tensorflow/serving/regress"


def spec(
    name: str, version: int | None = None, label: str | None = None, signature: str = ""
) -> Any:
    """Returns a ModelSpec."""
    message = model_pb2.ModelSpec(name=name, signature_name=signature)
    if version is not None:
        message.version.value = version
    if label is not None:
        message.version_label = label
    return message


def predict(model_spec: Any, outputs: tuple[str, ...] = (), **inputs: Any) -> Any:
    """Returns a PredictRequest of values or TensorProtos; numbers in lists are floats."""
    request = predict_pb2.PredictRequest(model_spec=model_spec, output_filter=outputs)
    for name, value in inputs.items():
        request.inputs[name].CopyFrom(tensor(value))
    return request


def tensor(value: Any, dtype: Any = None) -> Any:
    """Returns a TensorProto with typed fields."""
    if hasattr(value, "tensor_shape"):
        return value
    proto = tf.make_tensor_proto(value, dtype)
    if proto.dtype == tf.float32.as_datatype_enum and proto.tensor_content:
        proto.float_val.extend(tf.make_ndarray(proto).ravel().tolist())
        proto.tensor_content = b""
    return proto


def example(**features: float | bytes) -> Any:
    """Returns a tf.Example of floats and texts."""
    made = tf.train.Example()
    for name, value in features.items():
        feature = made.features.feature[name]
        if isinstance(value, bytes):
            feature.bytes_list.value.append(value)
        else:
            feature.float_list.value.append(value)
    return made


def given(*examples: Any, context: Any = None) -> Any:
    """Returns an Input."""
    made = input_pb2.Input()
    if context is None:
        made.example_list.examples.extend(examples)
        made.example_list.SetInParent()
        return made
    made.example_list_with_context.examples.extend(examples)
    made.example_list_with_context.context.CopyFrom(context)
    return made


def classify(model_spec: Any, *examples: Any, context: Any = None) -> Any:
    """Returns a ClassificationRequest."""
    return classification_pb2.ClassificationRequest(
        model_spec=model_spec, input=given(*examples, context=context)
    )


def regress(model_spec: Any, *examples: Any, context: Any = None) -> Any:
    """Returns a RegressionRequest."""
    return regression_pb2.RegressionRequest(
        model_spec=model_spec, input=given(*examples, context=context)
    )


def multi_inference(tasks: list[tuple[Any, str]], *examples: Any) -> Any:
    """Returns a MultiInferenceRequest of (ModelSpec, method name) tasks."""
    return inference_pb2.MultiInferenceRequest(
        tasks=[
            inference_pb2.InferenceTask(model_spec=model_spec, method_name=method)
            for model_spec, method in tasks
        ],
        input=given(*examples),
    )


def metadata(model_spec: Any, *fields: str) -> Any:
    """Returns a GetModelMetadataRequest."""
    return get_model_metadata_pb2.GetModelMetadataRequest(
        model_spec=model_spec, metadata_field=fields
    )


def status(model_spec: Any) -> Any:
    """Returns a GetModelStatusRequest."""
    return get_model_status_pb2.GetModelStatusRequest(model_spec=model_spec)


def reload(config: str, *metric_names: str) -> Any:
    """Returns a ReloadConfigRequest of a ModelServerConfig's text."""
    request = model_management_pb2.ReloadConfigRequest(metric_names=metric_names)
    text_format.Parse(config, request.config)
    return request


def values(response: Any, name: str = "y") -> list[Any]:
    """Returns an output of a PredictResponse, flat."""
    flat: list[Any] = tf.make_ndarray(response.outputs[name]).ravel().tolist()
    return flat
