"""What every call passes: the limit, the counters, the request log."""

from __future__ import annotations

import asyncio
import time

import numpy as np
import pytest
from plain_plane import MODEL, PlainPlane

from serving.data_plane import CallContext
from serving.monitoring.metrics import ServerMetrics
from serving.request_log.reader import LogReader
from serving.request_log.writer import RequestLog
from serving.server.front import Front
from serving.server.request_logs import RequestLogs
from serving.wire import tensors
from serving.wire.errors import ServingError, StatusCode
from serving.wire.messages import (
    LoggingConfig,
    MultiInferenceRequest,
    PredictRequest,
    RegressionRequest,
)


def predict_request(model=MODEL):
    request = PredictRequest(model_spec={"name": model})
    tensors.fill(request.inputs["x"], np.array([1.0, 2.0], np.float32))
    return request


def context(entrypoint="GRPC"):
    return CallContext(request_id="r-1", entrypoint=entrypoint)


def logging_config(prefix, rate=1.0):
    return LoggingConfig(
        log_collector_config={"filename_prefix": str(prefix)},
        sampling_config={"sampling_rate": rate},
    )


@pytest.fixture
def metrics():
    return ServerMetrics()


def make_front(plane, metrics, *, logging=None, max_pending=0, **others):
    logs = RequestLogs(RequestLog.from_config, default=logging, clock=lambda: 1_700_000_000.0)
    front = Front(
        plane,
        metrics=metrics,
        logs=logs,
        clock=time.monotonic,
        max_pending=max_pending,
        **others,
    )
    return front, logs


def test_a_call_is_answered_counted_and_timed(metrics):
    async def call():
        front, _ = make_front(PlainPlane(), metrics)
        return await front.predict(predict_request(), context())

    response = asyncio.run(call())
    assert tensors.to_array(response.outputs["y"]).tolist() == [2, 4]
    labels = ("3", "serving_default")
    assert metrics.request_count.value(MODEL, "OK", *labels) == 1
    assert metrics.request_latency.count(MODEL, "Predict", "GRPC", *labels) == 1


def test_rest_is_timed_under_its_own_names(metrics):
    async def call():
        front, _ = make_front(PlainPlane(), metrics)
        await front.predict(predict_request(), context("REST"))

    asyncio.run(call())
    assert metrics.request_latency.count(MODEL, "predict", "REST", "3", "serving_default") == 1


def test_examples_are_counted(metrics):
    request = RegressionRequest(model_spec={"name": MODEL})
    for _ in range(3):
        request.input.example_list.examples.add()

    async def call():
        front, _ = make_front(PlainPlane(), metrics)
        await front.regress(request, context())

    asyncio.run(call())
    assert metrics.example_count_total.value(MODEL) == 3
    assert metrics.example_counts.count(MODEL) == 1


def test_names_of_models_that_never_answered_are_no_labels(metrics):
    async def call():
        front, _ = make_front(PlainPlane(), metrics)
        for number in range(50):
            with pytest.raises(ServingError):
                await front.predict(predict_request(f"model-{number}"), context())

    asyncio.run(call())
    assert metrics.request_count.items() == {("", "NOT_FOUND", "", ""): 50}


def test_failures_of_a_configured_model_have_its_name_before_it_ever_answered(metrics):
    async def call():
        front, _ = make_front(PlainPlane(), metrics, knows={"model-1"}.__contains__)
        for model in ("model-1", "model-2"):
            with pytest.raises(ServingError):
                await front.predict(predict_request(model), context())

    asyncio.run(call())
    assert metrics.request_count.items() == {
        ("model-1", "NOT_FOUND", "", ""): 1,
        ("", "NOT_FOUND", "", ""): 1,
    }


def test_calls_that_a_transport_refuses_are_counted(metrics):
    front, _ = make_front(PlainPlane(), metrics, knows={"model-1"}.__contains__)
    for model in ("model-1", "model-2", ""):
        front.refused(model, ServingError(StatusCode.INVALID_ARGUMENT, "no JSON"))
    assert metrics.request_count.items() == {
        ("model-1", "INVALID_ARGUMENT", "", ""): 1,
        ("", "INVALID_ARGUMENT", "", ""): 2,
    }


def test_past_the_limit_calls_are_shed_and_then_taken_again(metrics):
    async def call():
        plane = PlainPlane()
        plane.gate.clear()
        front, _ = make_front(plane, metrics, max_pending=2)
        waiting = [
            asyncio.ensure_future(front.predict(predict_request(), context())) for _ in range(2)
        ]
        await asyncio.sleep(0)
        with pytest.raises(ServingError, match="2 requests") as raised:
            await front.predict(predict_request(), context())
        plane.gate.set()
        await asyncio.gather(*waiting)
        await front.predict(predict_request(), context())
        return raised.value.code, front.pending

    assert asyncio.run(call()) == (StatusCode.RESOURCE_EXHAUSTED, 0)
    assert metrics.request_count.value("", "RESOURCE_EXHAUSTED", "", "") == 1


def test_a_cancelled_call_frees_its_place_and_is_counted(metrics):
    async def call():
        plane = PlainPlane()
        plane.gate.clear()
        front, _ = make_front(plane, metrics, max_pending=1)
        task = asyncio.ensure_future(front.predict(predict_request(), context()))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return front.pending

    assert asyncio.run(call()) == 0
    assert metrics.request_count.value("", "CANCELLED", "", "") == 1


def test_a_multi_inference_without_tasks_is_counted_under_no_model(metrics):
    async def call():
        front, _ = make_front(PlainPlane(), metrics)
        with pytest.raises(IndexError):
            await front.multi_inference(MultiInferenceRequest(), context())

    asyncio.run(call())
    assert metrics.request_count.value("", "INTERNAL", "", "") == 1


def records(folder):
    return list(LogReader(folder))


def test_answered_calls_are_logged_with_their_id(metrics, tmp_path):
    async def call():
        front, logs = make_front(
            PlainPlane(), metrics, logging=logging_config(tmp_path / "log" / "double")
        )
        await front.predict(predict_request(), context())
        with pytest.raises(ServingError):
            await front.predict(predict_request("other"), context())
        logs.close(5)

    asyncio.run(call())
    (record,) = records(tmp_path / "log")
    assert record.log_metadata.request_id == "r-1"
    assert record.log_metadata.timestamp_secs == 1_700_000_000
    assert record.log_metadata.model_spec.version.value == 3
    assert tensors.to_array(record.predict_log.request.inputs["x"]).tolist() == [1, 2]
    assert tensors.to_array(record.predict_log.response.outputs["y"]).tolist() == [2, 4]
    assert metrics.log_count.value(MODEL, "OK") == 1


def test_a_models_own_log_comes_before_the_default(metrics, tmp_path):
    async def call():
        front, logs = make_front(PlainPlane(), metrics, logging=logging_config(tmp_path / "all/x"))
        logs.configure({MODEL: logging_config(tmp_path / "own/x")})
        await front.predict(predict_request(), context())
        logs.configure({})
        await front.predict(predict_request(), context())
        logs.close(5)

    asyncio.run(call())
    assert len(records(tmp_path / "own")) == 1
    assert len(records(tmp_path / "all")) == 1


def test_a_bad_log_is_refused_and_the_old_ones_go_on(metrics, tmp_path):
    async def call():
        front, logs = make_front(PlainPlane(), metrics)
        logs.configure({MODEL: logging_config(tmp_path / "own/x")})
        with pytest.raises(ServingError) as raised:
            logs.configure({MODEL: logging_config(tmp_path / "new/x", rate=2)})
        await front.predict(predict_request(), context())
        logs.close(5)
        return raised.value.code

    assert asyncio.run(call()) == StatusCode.INVALID_ARGUMENT
    assert len(records(tmp_path / "own")) == 1
