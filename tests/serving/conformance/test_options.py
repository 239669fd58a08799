"""Flags that change how calls are answered, and a stop while calls run."""

import re
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
import saved_models
import serving_requests as ask
from model_server import ModelServer, refused, until
from served_models import config, push
from tensorflow_serving.apis import prediction_log_pb2


def log_that_fails():
    log = prediction_log_pb2.PredictionLog()
    log.predict_log.request.CopyFrom(ask.predict(ask.spec("m"), no_such_input=[1.0]))
    return log


@pytest.fixture(scope="module")
def server(model_root, tmp_path_factory):
    root = tmp_path_factory.mktemp("options")
    for name in ("half/124", "slow/1"):
        push(model_root / name, root / name.partition("/")[0], 1)
    saved_models.with_warmup(root / "half" / "1", [log_that_fails()])
    (root / "models.txt").write_text(config(root / "half", root / "slow"))
    (root / "monitoring.txt").write_text('prometheus_config { enable: true path: "/other/path" }')
    with ModelServer(
        root / "server",
        f"--model_config_file={root}/models.txt",
        f"--monitoring_config_file={root}/monitoring.txt",
        "--enable_serialization_as_tensor_content",
        "--enable_signature_method_name_check=true",
        "--enable_model_warmup=false",
        "--enable_profiler=false",
        "--rest_api_timeout_in_ms=300",
        "--grpc_channel_arguments=grpc.max_concurrent_streams=100,grpc.lb_policy_name=x",
        "--max_pending_requests=0",
        "--tensorflow_intra_op_parallelism=1",
        "--tensorflow_inter_op_parallelism=1",
    ) as running:
        yield running
        assert "Traceback" not in running.stderr


def test_outputs_come_as_content(server):
    y = server.prediction.Predict(ask.predict(ask.spec("half"), x=[2.0, 4.0])).outputs["y"]
    assert (len(y.tensor_content), list(y.float_val)) == (8, [])


def test_warmup_can_be_left_out(server):
    answer = server.ask("POST", "/v1/models/half:predict", {"instances": [2.0]})
    assert answer.json == {"predictions": [3.0]}


@pytest.mark.parametrize(
    ("method", "request_of"), [("Classify", ask.classify), ("Regress", ask.regress)]
)
def test_the_method_of_a_signature_counts(server, method, request_of):
    right = ask.spec("half", signature=f"{method.lower()}_x_to_y")
    wrong = ask.spec("half", signature="serving_default")
    getattr(server.prediction, method)(request_of(right, ask.example(x=1.0)))
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "method_name"):
        getattr(server.prediction, method)(request_of(wrong, ask.example(x=1.0)))


def test_rest_calls_that_take_too_long_are_ended(server):
    answer = server.ask("POST", "/v1/models/slow:predict", {"instances": [1.0]})
    assert answer.status == 504
    assert answer.error


def test_the_profiler_can_be_left_out(server):
    with refused(grpc.StatusCode.UNIMPLEMENTED):
        server.raw("/tensorflow.ProfilerService/Profile", b"\x08\x01")


def test_cors_headers_come_only_when_asked_for(server):
    assert "access-control-allow-origin" not in server.ask("GET", "/v1/models/half").headers


def test_metrics_have_the_path_that_is_configured(server):
    assert server.ask("GET", "/other/path").status == 200
    assert server.ask("GET", "/monitoring/prometheus/metrics").status == 404


def pending(server):
    text = server.ask("GET", "/other/path").body.decode()
    (value,) = re.findall(r"^:ringway:serving:pending_requests (\S+)$", text, re.MULTILINE)
    return float(value)


def test_z_calls_that_run_when_the_server_stops_are_answered(server):
    """Last, for it stops the server that the others use."""
    request = ask.predict(ask.spec("slow"), x=[1.0])
    with ThreadPoolExecutor(1) as pool:
        calls = [server.prediction.Predict.future(request) for _ in range(2)]
        until(lambda: pending(server) == 2)
        stopped = pool.submit(server.stop)
        for call in calls:
            assert call.result().model_spec.name == "slow"
        assert stopped.result() == 0
