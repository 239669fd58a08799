"""Recorded requests are replayed before a version serves."""

import pytest
import saved_models
import serving_requests as ask
from model_server import until
from served_models import AVAILABLE, END, error_of, push, reaches, serve
from tensorflow_serving.apis import prediction_log_pb2

PredictionLog = prediction_log_pb2.PredictionLog
DATA_LOSS, UNIMPLEMENTED, INVALID, PRECONDITION = 15, 12, 3, 9
SPEC = ask.spec("any name")
REGRESS = ask.spec("m", signature="regress_x_to_y")
CLASSIFY = ask.spec("m", signature="classify_x_to_y")
X = ask.example(x=1.0)


def predict_log(**inputs):
    log = PredictionLog()
    log.predict_log.request.CopyFrom(ask.predict(SPEC, **inputs))
    return log


def every_kind():
    classify, regress, multi = PredictionLog(), PredictionLog(), PredictionLog()
    classify.classify_log.request.CopyFrom(ask.classify(CLASSIFY, X))
    regress.regress_log.request.CopyFrom(ask.regress(REGRESS, X))
    multi.multi_inference_log.request.CopyFrom(ask.multi_inference([(REGRESS, ask.REGRESS)], X))
    return [predict_log(x=[1.0]), classify, regress, multi]


def session_run():
    log = PredictionLog()
    log.session_run_log.SetInParent()
    return log


@pytest.fixture
def half(model_root, tmp_path):
    base = tmp_path / f"half-{tmp_path.name}"
    push(model_root / "half" / "124", base, 1)
    return base


def add(base, logs):
    draft = base.parent / "draft"
    push(base / "1", base.parent, "draft")
    saved_models.with_warmup(draft, logs)
    return draft.rename(base / "2")


def test_every_kind_of_request_is_replayed(empty_server, half):
    serve(empty_server, half)
    folder = add(half, every_kind())
    reaches(empty_server, half.name, {2: AVAILABLE, 1: END})
    text = empty_server.ask("GET", "/monitoring/prometheus/metrics").body.decode()
    name = ":tensorflow:serving:model_warmup_latency_count"
    assert f'{name}{{model_path="{folder}",status="success"}} 1' in text


@pytest.mark.parametrize(
    ("logs", "code"),
    [
        ([predict_log(x=[1.0]), predict_log(z=[1.0])], INVALID),
        ([session_run()], UNIMPLEMENTED),
        ([predict_log(x=[1.0])] * 1001, INVALID),
    ],
)
def test_a_request_that_fails_fails_the_load(empty_server, half, logs, code):
    serve(empty_server, half)
    add(half, logs)
    reaches(empty_server, half.name, {2: END, 1: AVAILABLE})
    assert error_of(empty_server, half.name, 2).error_code == code


def test_a_file_that_is_no_tfrecord_is_lost_data(empty_server, half):
    serve(empty_server, half)
    push(half / "1", half.parent, "draft")
    (half.parent / "draft" / "assets.extra").mkdir()
    path = half.parent / "draft" / "assets.extra" / "tf_serving_warmup_requests"
    path.write_bytes(b"this is no TFRecord, though it is long enough for the head of one")
    (half.parent / "draft").rename(half / "2")
    reaches(empty_server, half.name, {2: END, 1: AVAILABLE})
    assert error_of(empty_server, half.name, 2).error_code == DATA_LOSS
    until(lambda: "TFRecord" in empty_server.stderr)
