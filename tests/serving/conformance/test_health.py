"""Health checks and reflection, with the official packages' stubs."""

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from model_server import refused

SERVICES = ["tensorflow.serving.PredictionService", "tensorflow.serving.ModelService"]


@pytest.mark.parametrize("service", ["", *SERVICES])
def test_services_are_healthy(server, service):
    stub = health_pb2_grpc.HealthStub(server.channel)
    answer = stub.Check(health_pb2.HealthCheckRequest(service=service))
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_other_services_are_unknown(server):
    stub = health_pb2_grpc.HealthStub(server.channel)
    with refused(grpc.StatusCode.NOT_FOUND):
        stub.Check(health_pb2.HealthCheckRequest(service="other"))
    watch = stub.Watch(health_pb2.HealthCheckRequest(service="other"))
    assert next(watch).status == health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
    watch.cancel()


def test_services_are_listed(server):
    stub = reflection_pb2_grpc.ServerReflectionStub(server.channel)
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    [answer] = stub.ServerReflectionInfo(iter([request]))
    assert set(SERVICES) <= {each.name for each in answer.list_services_response.service}
