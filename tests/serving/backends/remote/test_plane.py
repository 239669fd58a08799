"""In front of another server: requests go through as they are, errors come back as they were."""

from __future__ import annotations

import asyncio
import contextlib
import time

import numpy as np
import pytest
from plain_plane import MODEL, VERSION, PlainPlane

from serving.backends.remote.plane import RemotePlane
from serving.data_plane import CallContext
from serving.server.grpc.services import handlers
from serving.server.grpc.transport import GrpcServer
from serving.wire import messages, tensors
from serving.wire.errors import ServingError, StatusCode


class Described(PlainPlane):
    """Knows its signature, and its state."""

    def __init__(self):
        super().__init__()
        self.asked_for_metadata = 0

    async def get_model_metadata(self, request, context):
        self.asked_for_metadata += 1
        response = messages.GetModelMetadataResponse(model_spec={"name": MODEL})
        response.model_spec.version.value = VERSION
        known = messages.SignatureDefMap()
        known.signature_def["serving_default"].inputs["x"].name = "x:0"
        response.metadata["signature_def"].Pack(known)
        return response

    async def get_model_status(self, request, context):
        state = 30 if request.model_spec.name == MODEL else 20
        status = {"version": VERSION, "state": state}
        return messages.GetModelStatusResponse(model_version_status=[status])


@contextlib.asynccontextmanager
async def chained(plane, models=(MODEL,)):
    server = GrpcServer(unary=handlers(plane))
    port = await server.start_tcp("127.0.0.1", 0)
    remote = RemotePlane(f"grpc://127.0.0.1:{port}", models=models, clock=time.monotonic)
    try:
        yield remote
    finally:
        await remote.close()
        await server.drain(1)


def predict_request(model=MODEL):
    request = messages.PredictRequest(model_spec={"name": model})
    tensors.fill(request.inputs["x"], np.array([1.5, 2.0], np.float32))
    return request


def context(deadline=None):
    return CallContext("r-1", deadline)


def test_answers_come_back_and_the_request_id_goes_along():
    async def ask():
        plane = Described()
        async with chained(plane) as remote:
            response = await remote.predict(predict_request(), context())
        return response, plane.seen

    response, seen = asyncio.run(ask())
    assert tensors.to_array(response.outputs["y"]).tolist() == [3, 4]
    assert response.model_spec.version.value == VERSION
    assert seen[0].request_id == "r-1"


def test_errors_keep_their_code_and_text():
    async def ask():
        async with chained(Described()) as remote:
            await remote.predict(predict_request("other"), context())

    with pytest.raises(
        ServingError, match=r"^Servable not found for request: Latest\(other\)$"
    ) as e:
        asyncio.run(ask())
    assert e.value.code == StatusCode.NOT_FOUND


def test_what_is_left_of_a_deadline_holds_behind_too():
    async def ask():
        plane = Described()
        plane.gate.clear()
        async with chained(plane) as remote:
            with pytest.raises(ServingError) as raised:
                await remote.predict(predict_request(), context(time.monotonic() + 0.2))
            plane.gate.set()
        return raised.value.code, plane.seen[0].deadline

    code, deadline = asyncio.run(ask())
    assert code == StatusCode.DEADLINE_EXCEEDED
    assert deadline is not None


def test_a_server_that_is_gone_is_named():
    async def ask():
        remote = RemotePlane("grpc://127.0.0.1:1", models=[MODEL], clock=time.monotonic)
        try:
            assert not await remote.ready()
            await remote.predict(predict_request(), context())
        finally:
            await remote.close()

    with pytest.raises(ServingError, match=r"grpc://127\.0\.0\.1:1 does not answer") as raised:
        asyncio.run(ask())
    assert raised.value.code == StatusCode.UNAVAILABLE


def test_without_models_it_is_ready_when_something_listens(monkeypatch):
    monkeypatch.setattr("serving.backends.remote.plane.PROBE_TIMEOUT_SEC", 0.3)

    async def ask():
        remote = RemotePlane("grpc://127.0.0.1:1", models=[], clock=time.monotonic)
        try:
            return await remote.ready()
        finally:
            await remote.close()

    assert asyncio.run(ask()) is False


def test_signatures_are_asked_for_once():
    async def ask():
        plane = Described()
        async with chained(plane) as remote:
            spec = messages.ModelSpec(name=MODEL)
            answers = [await remote.signature(spec) for _ in range(3)]
            spec.signature_name = "other"
            with pytest.raises(ServingError, match='"other" not found in signature def'):
                await remote.signature(spec)
        return answers, plane.asked_for_metadata

    answers, asked = asyncio.run(ask())
    assert [(version, list(found.inputs)) for version, found in answers] == [(VERSION, ["x"])] * 3
    assert asked == 1


@pytest.mark.parametrize(("models", "ready"), [([], True), ([MODEL], True), ([MODEL, "b"], False)])
def test_it_is_ready_when_all_its_models_are_available_behind(models, ready):
    async def ask():
        async with chained(Described(), models) as remote:
            return await remote.ready()

    assert asyncio.run(ask()) is ready


@pytest.mark.parametrize("url", ["", "grpc://", "http://host:8500", "host:8500"])
def test_other_urls_are_refused(url):
    async def make():
        RemotePlane(url, models=[], clock=time.monotonic)

    with pytest.raises(ServingError, match="grpc://host:port"):
        asyncio.run(make())
