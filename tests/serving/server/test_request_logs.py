"""What reaches a log of the calls that are answered, and in which bytes."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from plain_plane import MODEL, PlainPlane

from serving.data_plane import REST, CallContext
from serving.monitoring.metrics import ServerMetrics
from serving.request_log.reader import LogReader
from serving.request_log.shard_names import finished_shards
from serving.request_log.tfrecord import read_records
from serving.request_log.writer import RequestLog
from serving.server.front import Front
from serving.server.grpc.calls import Call
from serving.server.grpc.services import handlers
from serving.server.request_logs import RequestLogs
from serving.wire import messages, tensors

NOW = 1_700_000_000.0
PREDICT = "/tensorflow.serving.PredictionService/Predict"
ANSWER = messages.PredictResponse(model_spec={"name": MODEL, "version": {"value": 3}})


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "log"


@pytest.fixture
def logs(folder):
    return opened(folder, 1.0)


def opened(folder, rate):
    config = messages.LoggingConfig(
        log_collector_config={"filename_prefix": str(folder / "requests")},
        sampling_config={"sampling_rate": rate},
    )
    return RequestLogs(RequestLog.from_config, default=config, clock=lambda: NOW)


def predict_request():
    request = messages.PredictRequest(model_spec={"name": MODEL})
    tensors.fill(request.inputs["x"], np.array([1.0, 2.0], np.float32))
    return request


def offer(logs, request, context):
    return logs.offer("predict", MODEL, request, ANSWER, context, ANSWER.model_spec)


def records(folder):
    return list(LogReader(folder))


def test_a_call_by_grpc_is_logged_as_it_came_and_as_it_went(logs, folder):
    # Two fields of one name, which protobuf merges, and one that it does not know.
    body = predict_request().SerializeToString() * 2 + bytes.fromhex("c23e 03") + b"new"
    front = Front(
        PlainPlane(), metrics=ServerMetrics(), logs=logs, clock=lambda: 0.0, max_pending=0
    )
    call = Call(PREDICT, {"x-request-id": "order-1"})

    async def ask():
        return await handlers(front)[PREDICT](body, call)

    answer = asyncio.run(ask())
    logs.close(10)
    ((_, path),) = finished_shards(folder)
    (data,) = read_records(path)
    assert body in data
    assert answer in data
    record = messages.PredictionLog.FromString(data)
    assert record.predict_log.request == messages.PredictRequest.FromString(body)
    assert record.predict_log.response == messages.PredictResponse.FromString(answer)
    assert tensors.to_array(record.predict_log.response.outputs["y"]).tolist() == [2, 4]
    assert record.log_metadata.request_id == "order-1"


def test_arrays_of_a_call_by_rest_are_logged_as_inputs(logs, folder):
    request = messages.PredictRequest(model_spec={"name": MODEL})
    inputs = {"x": np.array([[1.0], [2.0]], np.float32)}
    assert offer(logs, request, CallContext("r-1", entrypoint=REST, inputs=inputs))
    logs.close(10)
    (record,) = records(folder)
    assert tensors.to_array(record.predict_log.request.inputs["x"]).tolist() == [[1.0], [2.0]]
    assert record.predict_log.response == ANSWER
    assert record.log_metadata.model_spec == ANSWER.model_spec
    assert record.log_metadata.timestamp_secs == NOW
    assert record.log_metadata.sampling_config.sampling_rate == 1.0


def test_bytes_that_were_made_for_the_log_are_there_for_the_answer(logs):
    context = CallContext("r-1", request_bytes=predict_request().SerializeToString())
    assert offer(logs, predict_request(), context)
    assert context.response_bytes == ANSWER.SerializeToString()
    logs.close(10)


def test_a_call_outside_the_sample_costs_no_bytes(folder):
    logs = opened(folder, 0.0)
    context = CallContext("r-1")
    assert offer(logs, predict_request(), context) is None
    assert context.response_bytes is None
    logs.close(10)
    assert records(folder) == []


def test_a_closed_log_refuses(logs, folder):
    logs.close(10)
    assert offer(logs, predict_request(), CallContext("r-1")) is False
    ((_, counters),) = logs.counters()
    assert (counters.offered, counters.dropped_queue) == (1, 1)
    assert records(folder) == []
