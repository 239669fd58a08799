"""Versions of a server behind: what is known of them, and what it is told."""

from __future__ import annotations

import asyncio
import contextlib
import time

import pytest
from plain_plane import MODEL, PlainPlane

from serving.backends.remote import versions as module
from serving.backends.remote.plane import RemotePlane
from serving.backends.remote.versions import RemoteVersions
from serving.server.grpc.services import handlers
from serving.server.grpc.transport import GrpcServer
from serving.wire import messages
from serving.wire.errors import not_found

START, AVAILABLE, END = 10, 30, 50


class Behind(PlainPlane):
    """Has the versions that it was told to, and notes what it was told."""

    def __init__(self, states=None):
        super().__init__()
        self.states = states or {}
        self.told = []
        self.refuses = False
        self.error = 13

    async def get_model_status(self, request, context):
        if not self.states:
            raise not_found(f"Could not find any versions of model {request.model_spec.name}")
        listed = [{"version": v, "state": state} for v, state in self.states.items()]
        response = messages.GetModelStatusResponse(model_version_status=listed)
        for status in response.model_version_status:
            if status.state == END:
                status.status.error_code = self.error
                status.status.error_message = "no room" if self.error else ""
        return response

    async def reload_config(self, request, context):
        (model,) = request.config.model_config_list.config
        wanted = tuple(model.model_version_policy.specific.versions)
        self.told.append((model.name, model.base_path, wanted))
        response = messages.ReloadConfigResponse()
        response.status.error_code = 3 if self.refuses else 0
        if not self.refuses and wanted:
            self.states = dict.fromkeys(wanted, AVAILABLE)
        return response


@contextlib.asynccontextmanager
async def behind(plane, base_path="", pins=None):
    server = GrpcServer(unary=handlers(plane))
    port = await server.start_tcp("127.0.0.1", 0)
    remote = RemotePlane(f"grpc://127.0.0.1:{port}", models=[MODEL], clock=time.monotonic)
    versions = RemoteVersions(remote, base_path=base_path, clock=time.monotonic)
    await versions.start(pins or {})
    try:
        yield versions
    finally:
        await versions.close()
        await remote.close()
        await server.drain(1)


async def comes(condition):
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.02)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(module, "POLL_SEC", 0.02)
    monkeypatch.setattr(module, "LINGER_SEC", 0.3)
    monkeypatch.setattr(module, "SETTLED_SEC", 0.1)
    monkeypatch.setattr(module, "_TOLD_AGAIN_SEC", 0.3)


def test_states_are_known_from_the_start_and_followed():
    async def run():
        plane = Behind({1: AVAILABLE, 2: START})
        async with behind(plane, pins={MODEL: (1, 2)}) as versions:
            assert versions.available(MODEL) == (1,)
            assert (versions.answers(MODEL, 1), versions.answers(MODEL, 2)) == (True, False)
            assert (versions.answers("other", 1), versions.available("other")) == (False, ())
            plane.states = {1: AVAILABLE, 2: AVAILABLE}
            await comes(lambda: versions.available(MODEL) == (1, 2))
            plane.states[2] = END
            await comes(lambda: versions.failure(MODEL, 2) == "no room")
            assert versions.failure(MODEL, 1) == versions.failure("other", 2) == ""
            assert plane.told == []

    asyncio.run(run())


def test_as_long_as_nothing_is_known_the_first_version_is_asked():
    async def run():
        plane = Behind()
        async with behind(plane, pins={MODEL: (1, 2)}) as versions:
            assert (versions.answers(MODEL, 1), versions.answers(MODEL, 2)) == (True, False)
            assert versions.available(MODEL) == ()

    asyncio.run(run())


def test_a_server_behind_is_told_and_keeps_what_is_let_go_for_a_while():
    async def run():
        plane = Behind({3: AVAILABLE})
        async with behind(plane, "/models/m", {MODEL: (1, 2)}) as versions:
            await comes(lambda: versions.available(MODEL) == (1, 2))
            versions.pin({MODEL: (2,)})
            await asyncio.sleep(0.1)
            assert versions.available(MODEL) == (1, 2)
            await comes(lambda: versions.available(MODEL) == (2,))
            versions.pin({})
            await comes(lambda: plane.told[-1][2] == ())
            assert plane.told == [
                (MODEL, "/models/m", (1, 2)),
                (MODEL, "/models/m", (2,)),
                (MODEL, "/models/m", ()),
            ]

    asyncio.run(run())


def test_a_server_behind_that_refused_or_forgot_is_told_again():
    async def run():
        plane = Behind({3: AVAILABLE})
        plane.refuses = True
        async with behind(plane, "/models/m", {MODEL: (1,)}) as versions:
            await comes(lambda: len(plane.told) >= 2)
            plane.refuses = False
            await comes(lambda: versions.available(MODEL) == (1,))
            plane.states = {3: AVAILABLE}  # it was started anew
            await comes(lambda: versions.available(MODEL) == (1,))

    asyncio.run(run())


def test_without_a_pin_nothing_is_asked_or_told():
    async def run():
        plane = Behind({1: AVAILABLE})
        async with behind(plane, "/models/m") as versions:
            await asyncio.sleep(0.1)
            assert (versions.available(MODEL), plane.told) == ((), [])

    asyncio.run(run())


def test_a_server_behind_that_unloaded_a_version_by_itself_is_told_again():
    async def run():
        plane = Behind({3: AVAILABLE})
        plane.error = 0
        async with behind(plane, "/models/m", {MODEL: (1, 2)}) as versions:
            await comes(lambda: versions.available(MODEL) == (1, 2))
            told = len(plane.told)
            plane.states = {1: END, 2: AVAILABLE}  # it read a configuration of its own
            await comes(lambda: len(plane.told) > told)
            await comes(lambda: versions.available(MODEL) == (1, 2))

    asyncio.run(run())


def test_a_version_that_could_not_be_loaded_is_not_told_again():
    async def run():
        plane = Behind({3: AVAILABLE})
        async with behind(plane, "/models/m", {MODEL: (1, 2)}) as versions:
            await comes(lambda: versions.available(MODEL) == (1, 2))
            told = len(plane.told)
            plane.states = {1: AVAILABLE, 2: END}
            await asyncio.sleep(0.8)
            assert (len(plane.told), versions.failure(MODEL, 2)) == (told, "no room")

    asyncio.run(run())


def test_a_server_behind_that_knows_nothing_of_the_model_is_told():
    async def run():
        plane = Behind()
        async with behind(plane, "/models/m", {MODEL: (1, 2)}) as versions:
            await comes(lambda: versions.available(MODEL) == (1, 2))
            plane.states = {}  # it was started anew
            await comes(lambda: plane.states)
            assert plane.told == [(MODEL, "/models/m", (1, 2))] * 2

    asyncio.run(run())
