"""Requests are logged as PredictionLogs, which TensorFlow's own reader reads."""

import grpc
import pytest
import serving_requests as ask
import tensorflow as tf
from model_server import refused, until
from served_models import push, serve
from tensorflow_serving.apis import prediction_log_pb2


@pytest.fixture
def half(model_root, tmp_path):
    base = tmp_path / f"half-{tmp_path.name}"
    push(model_root / "half" / "124", base, 1)
    return base


def logging(prefix, rate=1.0, kind=""):
    return (
        f'logging_config {{ log_collector_config {{ type: "{kind}" filename_prefix: "{prefix}" }} '
        f"sampling_config {{ sampling_rate: {rate} }} }}"
    )


def logged(folder):
    files = sorted(str(path) for path in folder.glob("*.tfrecord"))
    return [
        prediction_log_pb2.PredictionLog.FromString(record)
        for record in tf.data.TFRecordDataset(files).as_numpy_iterator()
    ]


def call_all(server, name):
    regress = ask.spec(name, signature="regress_x_to_y")
    x = ask.example(x=2.0)
    server.prediction.Predict(ask.predict(ask.spec(name), x=[2.0]))
    server.prediction.Regress(ask.regress(regress, x))
    server.prediction.Classify(ask.classify(ask.spec(name, signature="classify_x_to_y"), x))
    server.prediction.MultiInference(ask.multi_inference([(regress, ask.REGRESS)], x))
    server.ask("POST", f"/v1/models/{name}:predict", {"instances": [2.0]})
    with refused(grpc.StatusCode.FAILED_PRECONDITION):
        server.prediction.Predict(ask.predict(ask.spec(name, signature="s"), x=[2.0]))


def test_answered_calls_are_logged(empty_server, half):
    folder = half.parent / "log"
    serve(empty_server, half, more=logging(folder / "requests"))
    call_all(empty_server, half.name)
    serve(empty_server, half)  # completes the log
    logs = until(lambda: logged(folder))
    assert [log.WhichOneof("log_type") for log in logs] == [
        "predict_log",
        "regress_log",
        "classify_log",
        "multi_inference_log",
        "predict_log",
    ]
    for log in logs:
        assert log.log_metadata.model_spec.name == half.name
        assert log.log_metadata.model_spec.version.value == 1
        assert log.log_metadata.sampling_config.sampling_rate == 1.0
    assert ask.values(logs[0].predict_log.response) == [3.0]
    assert list(logs[0].predict_log.request.inputs["x"].float_val) == [2.0]


def test_a_rate_of_zero_logs_nothing(empty_server, half):
    folder = half.parent / "log"
    serve(empty_server, half, more=logging(folder / "requests", rate=0))
    call_all(empty_server, half.name)
    serve(empty_server, half)
    assert logged(folder) == []


def test_logs_that_cannot_be_opened_refuse_the_configuration(empty_server, half):
    serve(empty_server, half)
    with refused(grpc.StatusCode.INVALID_ARGUMENT):
        serve(empty_server, half, more=logging("", kind="no such collector"))
    empty_server.prediction.Predict(ask.predict(ask.spec(half.name), x=[2.0]))
