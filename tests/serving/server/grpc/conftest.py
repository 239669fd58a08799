from __future__ import annotations

from collections.abc import Iterator

import grpc
import pytest
from grpc_servers import UNLIMITED, Methods, Running, running


@pytest.fixture
def methods() -> Methods:
    return Methods()


@pytest.fixture(params=["asyncio", "uvloop"])
def server(request: pytest.FixtureRequest, methods: Methods) -> Iterator[Running]:
    """A server on either event loop."""
    with running(methods.server, loop=request.param) as server:
        yield server


@pytest.fixture
def channel(server: Running) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(server.address, options=UNLIMITED) as channel:
        yield channel
