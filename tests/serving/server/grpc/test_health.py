import asyncio

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_servers import running

from serving.server.grpc import GrpcServer
from serving.server.grpc.health import Health

TIMEOUT = 30
Status = health_pb2.HealthCheckResponse.ServingStatus


@pytest.fixture
def health() -> Health:
    health = Health()
    health.set("", serving=True)
    health.set("tensorflow.serving.PredictionService", serving=True)
    return health


@pytest.fixture
def server(health):
    with running(lambda: GrpcServer(unary=health.unary, streams=health.streams)) as server:
        yield server


@pytest.fixture
def stub(server):
    with grpc.insecure_channel(server.address) as channel:
        yield health_pb2_grpc.HealthStub(channel)


def tell(server, function, *arguments, **options) -> None:
    async def call():
        function(*arguments, **options)

    server.do(call())


def request(service: str) -> health_pb2.HealthCheckRequest:
    return health_pb2.HealthCheckRequest(service=service)


@pytest.mark.parametrize("service", ["", "tensorflow.serving.PredictionService"])
def test_check_tells_what_was_set(stub, server, health, service):
    assert stub.Check(request(service), timeout=TIMEOUT).status == Status.Value("SERVING")
    tell(server, health.set, service, serving=False)
    assert stub.Check(request(service), timeout=TIMEOUT).status == Status.Value("NOT_SERVING")


def test_check_does_not_know_other_services(stub):
    with pytest.raises(grpc.RpcError) as caught:
        stub.Check(request("other"), timeout=TIMEOUT)
    assert caught.value.code() == grpc.StatusCode.NOT_FOUND


def test_watch_tells_changes_until_the_server_goes(stub, server, health):
    changes = stub.Watch(request("model"), timeout=TIMEOUT)
    assert next(changes).status == Status.Value("SERVICE_UNKNOWN")
    tell(server, health.set, "model", serving=True)
    assert next(changes).status == Status.Value("SERVING")
    tell(server, health.set, "", serving=False)  # another service: nothing to tell
    tell(server, health.set, "model", serving=False)
    assert next(changes).status == Status.Value("NOT_SERVING")
    tell(server, health.close)
    assert list(changes) == []
    tell(server, health.set, "model", serving=True)
    assert stub.Check(request("model"), timeout=TIMEOUT).status == Status.Value("NOT_SERVING")


def test_a_watcher_that_goes_is_forgotten(stub, server, health):
    for _ in range(3):
        changes = stub.Watch(request(""), timeout=TIMEOUT)
        assert next(changes).status == Status.Value("SERVING")
        changes.cancel()

    async def forgotten():
        while health._watchers:
            await asyncio.sleep(0.01)

    server.do(forgotten())


def test_a_request_that_is_not_a_check_is_refused(server):
    with grpc.insecure_channel(server.address) as channel:
        with pytest.raises(grpc.RpcError) as caught:
            channel.unary_unary("/grpc.health.v1.Health/Check")(b"\xff", timeout=TIMEOUT)
        assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
