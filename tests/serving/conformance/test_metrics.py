"""What Prometheus reads on the REST port: TensorFlow Serving's names, labels and buckets."""

import re

import grpc
import pytest
import serving_requests as ask
from model_server import refused, until
from prometheus_client.parser import text_string_to_metric_families

PATH = "/monitoring/prometheus/metrics"
SERVING = ":tensorflow:serving:"


@pytest.fixture(scope="module")
def text(server):
    half = ask.spec("half")
    server.prediction.Predict(ask.predict(half, x=[1.0]))
    server.prediction.Regress(
        ask.regress(ask.spec("half", signature="regress_x_to_y"), ask.example(x=1.0))
    )
    server.ask("POST", "/v1/models/half:predict", {"instances": [1.0]})
    with refused(grpc.StatusCode.FAILED_PRECONDITION):
        server.prediction.Predict(ask.predict(ask.spec("half", signature="s"), x=[1.0]))
    server.ask("POST", "/v1/models/half:predict", {"signature_name": "s", "instances": [1.0]})
    for _ in range(3):
        with refused(grpc.StatusCode.NOT_FOUND):
            server.prediction.Predict(ask.predict(ask.spec("made-up-name"), x=[1.0]))
    answer = until(lambda: server.ask("GET", PATH))
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/plain")
    return answer.body.decode()


@pytest.fixture(scope="module")
def samples(text):
    return [sample for family in text_string_to_metric_families(text) for sample in family.samples]


def total(samples, name, **labels):
    return sum(
        sample.value
        for sample in samples
        if sample.name in {SERVING + name, SERVING + name + "_total"}
        and labels.items() <= sample.labels.items()
    )


def test_comments_are_types_only(text):
    comments = {line.split()[1] for line in text.splitlines() if line.startswith("#")}
    assert comments == {"TYPE"}


@pytest.mark.parametrize(
    "name",
    [
        "request_count",
        "request_latency",
        "runtime_latency",
        "request_example_counts",
        "request_example_count_total",
        "request_log_count",
        "model_warmup_latency",
        "batching_session:queuing_latency",
        "batching_session:processed_batch_size",
        "batching_session:padding_size",
    ],
)
def test_metrics_of_tensorflow_serving_are_there(text, name):
    assert re.search(rf"^# TYPE {SERVING}{name} (counter|histogram)$", text, re.MULTILINE)


def test_loads_are_counted_by_path(text):
    assert re.search(
        r'^:tensorflow:cc:saved_model:load_attempt_count\{model_path="[^"]*/half/00000123",'
        r'status="success"[^}]*\} 1$',
        text,
        re.MULTILINE,
    )


@pytest.mark.parametrize(
    ("status", "least"), [("OK", 3), ("FAILED_PRECONDITION", 1), ("INVALID_ARGUMENT", 1)]
)
def test_requests_are_counted_by_status(samples, status, least):
    assert total(samples, "request_count", model_name="half", status=status) >= least


def test_callers_cannot_add_names(text):
    assert "made-up-name" not in text


@pytest.mark.parametrize(
    ("api", "entrypoint"), [("Predict", "GRPC"), ("Regress", "GRPC"), ("predict", "REST")]
)
def test_latencies_are_kept_by_call_and_entrypoint(samples, api, entrypoint):
    labels = {"model_name": "half", "API": api, "entrypoint": entrypoint}
    count = total(samples, "request_latency_count", **labels)
    assert count >= 1
    buckets = [
        sample
        for sample in samples
        if sample.name == SERVING + "request_latency_bucket"
        and labels.items() <= sample.labels.items()
    ]
    one_series = {tuple(sorted((k, v) for k, v in b.labels.items() if k != "le")) for b in buckets}
    bounds = sorted({float(bucket.labels["le"]) for bucket in buckets})
    assert bounds[:3] == pytest.approx([10, 18, 32.4])
    assert len(bounds) == 34  # 33 and +Inf
    assert len(buckets) == 34 * len(one_series)
    assert total(samples, "request_latency_bucket", **labels, le="+Inf") == count


def test_examples_are_counted(samples):
    assert total(samples, "request_example_count_total", model="half") >= 1


def test_runtime_is_measured(samples):
    assert total(samples, "runtime_latency_count", model_name="half") >= 1
