"""TensorFlow Serving's messages, without TensorFlow.

The package `tensorflow-serving-api` brings all of TensorFlow into a process: seconds and a
gigabyte. Here the same messages come from `protos/`, under their own names in a descriptor pool of
their own, so that both can live in one process. A message of one is a message of the other by way
of its bytes.

`protos/messages.binpb` is what `make protos` compiles from the `.proto` files beside it.

What is in a message is for others: tensors for `serving.wire.tensors`, JSON for
`serving.wire.rest`.
"""

from __future__ import annotations

from importlib import resources
from typing import Any

from google.protobuf import (
    any_pb2,
    descriptor_pb2,
    descriptor_pool,
    message_factory,
    wrappers_pb2,
)

PREDICTION_SERVICE = "tensorflow.serving.PredictionService"
MODEL_SERVICE = "tensorflow.serving.ModelService"


def _load() -> descriptor_pool.DescriptorPool:
    pool = descriptor_pool.DescriptorPool()
    for known in (any_pb2, wrappers_pb2):
        pool.AddSerializedFile(known.DESCRIPTOR.serialized_pb)
    compiled = resources.files("serving.wire").joinpath("protos/messages.binpb").read_bytes()
    for file in descriptor_pb2.FileDescriptorSet.FromString(compiled).file:
        pool.AddSerializedFile(file.SerializeToString())
    return pool


POOL = _load()


def _message(name: str) -> Any:
    return message_factory.GetMessageClass(POOL.FindMessageTypeByName(name))


def _serving(name: str) -> Any:
    return _message(f"tensorflow.serving.{name}")


DataType = POOL.FindEnumTypeByName("tensorflow.DataType")

TensorShapeProto = _message("tensorflow.TensorShapeProto")
TensorProto = _message("tensorflow.TensorProto")
TensorInfo = _message("tensorflow.TensorInfo")
SignatureDef = _message("tensorflow.SignatureDef")
Example = _message("tensorflow.Example")
Feature = _message("tensorflow.Feature")

ModelSpec = _serving("ModelSpec")
Input = _serving("Input")
PredictRequest = _serving("PredictRequest")
PredictResponse = _serving("PredictResponse")
Classifications = _serving("Classifications")
ClassificationResult = _serving("ClassificationResult")
ClassificationRequest = _serving("ClassificationRequest")
ClassificationResponse = _serving("ClassificationResponse")
Regression = _serving("Regression")
RegressionResult = _serving("RegressionResult")
RegressionRequest = _serving("RegressionRequest")
RegressionResponse = _serving("RegressionResponse")
InferenceTask = _serving("InferenceTask")
InferenceResult = _serving("InferenceResult")
MultiInferenceRequest = _serving("MultiInferenceRequest")
MultiInferenceResponse = _serving("MultiInferenceResponse")
SignatureDefMap = _serving("SignatureDefMap")
GetModelMetadataRequest = _serving("GetModelMetadataRequest")
GetModelMetadataResponse = _serving("GetModelMetadataResponse")

StatusProto = _serving("StatusProto")
GetModelStatusRequest = _serving("GetModelStatusRequest")
GetModelStatusResponse = _serving("GetModelStatusResponse")
ModelVersionStatus = _serving("ModelVersionStatus")
ReloadConfigRequest = _serving("ReloadConfigRequest")
ReloadConfigResponse = _serving("ReloadConfigResponse")

ModelConfig = _serving("ModelConfig")
ModelServerConfig = _serving("ModelServerConfig")
LoggingConfig = _serving("LoggingConfig")
BatchingParameters = _serving("BatchingParameters")
MonitoringConfig = _serving("MonitoringConfig")
SSLConfig = _serving("SSLConfig")

LogMetadata = _serving("LogMetadata")
PredictionLog = _serving("PredictionLog")
