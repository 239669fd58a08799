"""A started server with API keys: who gets in over gRPC and REST, and what needs no key."""

from __future__ import annotations

import grpc
import numpy as np
import pytest
import saved_models
from grpc_health.v1 import health_pb2, health_pb2_grpc
from model_server import ModelServer, refused, until

from serving.client import Client, Unauthenticated

MODEL = "half"
KEY = "a-key-of-ours"


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    file = tmp_path_factory.mktemp("keys") / "keys.txt"
    file.write_text(f"# of the tests\n{KEY}\n")
    return file


@pytest.fixture(scope="module")
def server(keys, tmp_path_factory):
    folder = tmp_path_factory.mktemp("server")
    saved_models.half_plus_two(folder / "models" / "1")
    flags = [
        f"--model_name={MODEL}",
        f"--model_base_path={folder / 'models'}",
        f"--api_keys_file={keys}",
        "--enable_grpc_healthcheck_service=true",
        "--prometheus_metrics",
    ]
    with ModelServer(folder, *flags) as started:
        yield started


def predict(server, key):
    with Client(f"127.0.0.1:{server.grpc_port}", api_key=key) as client:
        return client.predict(MODEL, {"x": np.array([2.0], np.float32)}).outputs["y"].tolist()


def predict_rest(server, headers):
    return server.ask("POST", f"/v1/models/{MODEL}:predict", {"instances": [2.0]}, headers)


def test_a_caller_with_a_key_gets_in(server):
    assert predict(server, KEY) == [3.0]
    assert predict_rest(server, {"authorization": f"Bearer {KEY}"}).status == 200


@pytest.mark.parametrize("key", [None, "another", KEY + "x", KEY[:-1]])
def test_a_caller_without_one_does_not(server, key):
    with pytest.raises(Unauthenticated, match="API key"):
        predict(server, key)
    answer = predict_rest(server, {} if key is None else {"authorization": f"Bearer {key}"})
    assert answer.status == 401
    assert "API key" in answer.error


def test_reflection_and_reloading_need_a_key_too(server):
    with refused(grpc.StatusCode.UNAUTHENTICATED):
        server.raw("/tensorflow.serving.ModelService/HandleReloadConfigRequest", b"")
    stream = server.channel.stream_stream(
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
    )
    with refused(grpc.StatusCode.UNAUTHENTICATED):
        list(stream(iter([b""])))


def test_probes_need_none(server):
    for path in ("/healthz", "/readyz"):
        assert server.ask("GET", path).status == 200
    stub = health_pb2_grpc.HealthStub(server.channel)
    answer = stub.Check(health_pb2.HealthCheckRequest(), timeout=20)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_a_new_key_counts_without_a_restart(server, keys):
    keys.write_text(f"{KEY}\nthe-next-one\n")
    header = {"authorization": "Bearer the-next-one"}
    until(lambda: predict_rest(server, header).status == 200)
