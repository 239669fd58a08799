"""Warm-up requests: answered before a version counts as loaded, or the version fails."""

import pytest
import saved_models
import tensorflow as tf

from serving.backends.local import warmup
from serving.backends.local.loader import LocalLoader
from serving.backends.local.options import LocalOptions
from serving.wire import messages
from serving.wire.errors import ServingError, StatusCode

LOADER = LocalLoader(LocalOptions())


def _example(**features):
    example = messages.Example()
    for name, value in features.items():
        example.features.feature[name].float_list.value.append(value)
    return example


def _predict(*values, signature="", outputs=()):
    log = messages.PredictionLog()
    request = log.predict_log.request
    request.model_spec.name = "m"
    request.model_spec.signature_name = signature
    request.output_filter.extend(outputs)
    request.inputs["x"].dtype = 1
    request.inputs["x"].float_val.extend(values)
    request.inputs["x"].tensor_shape.dim.add().size = len(values)
    return log


def _with_examples(request, signature):
    request.model_spec.name = "m"
    request.model_spec.signature_name = signature
    request.input.example_list.examples.append(_example(x=1.0))


def _classify(signature):
    log = messages.PredictionLog()
    _with_examples(log.classify_log.request, signature)
    return log


def _regress(signature):
    log = messages.PredictionLog()
    _with_examples(log.regress_log.request, signature)
    return log


def _multi_inference(**methods):
    log = messages.PredictionLog()
    request = log.multi_inference_log.request
    request.input.example_list.examples.append(_example(x=1.0))
    for signature, method in methods.items():
        task = request.tasks.add(method_name=method)
        task.model_spec.name = "m"
        task.model_spec.signature_name = signature
    return log


@pytest.fixture
def folder(tmp_path):
    return saved_models.half_plus_two_of_tf1(tmp_path / "1")


class Counting:
    """A servable that counts what it is asked."""

    def __init__(self, servable):
        self._servable = servable
        self.signatures = servable.signatures
        self.signature_def_map = servable.signature_def_map
        self.close = servable.close
        self.calls = []

    def run(self, signature, inputs, outputs=()):
        self.calls.append((signature, tuple(outputs)))
        return self._servable.run(signature, inputs, outputs)


def test_no_file_is_no_fault(folder):
    assert warmup.warm_up(LOADER.load("m", 1, folder), folder) == 0


def test_every_kind_is_answered_as_often_as_asked(folder):
    logs = [
        _predict(1.0, 2.0, outputs=["y"]),
        _classify("classify_x_to_y"),
        _regress("regress_x_to_y2"),
        _multi_inference(
            regress_x_to_y=saved_models.REGRESS, classify_x_to_y=saved_models.CLASSIFY
        ),
    ]
    servable = Counting(LOADER.load("m", 1, folder))
    saved_models.with_warmup(folder, logs)
    assert warmup.warm_up(servable, folder, iterations=2) == 4
    assert servable.calls == [
        *[("serving_default", ("y",))] * 2,
        *[("classify_x_to_y", ())] * 2,
        *[("regress_x_to_y2", ())] * 2,
        *[("regress_x_to_y", ()), ("classify_x_to_y", ())] * 2,
    ]


def test_a_load_replays_what_the_version_brings(folder, caplog):
    caplog.set_level("INFO", "serving")
    saved_models.with_warmup(folder, [_predict(1.0)] * 3)
    LOADER.load("m", 1, folder)
    assert "replayed 3 warm-up requests" in caplog.text


def test_warm_ups_are_reported_with_what_they_took(folder):
    reports = []
    loader = LocalLoader(LocalOptions(), on_warmup=lambda *report: reports.append(report))
    loader.load("m", 1, folder)
    assert reports == []
    saved_models.with_warmup(folder, [_predict(1.0)])
    loader.load("m", 1, folder)
    saved_models.with_warmup(folder, [_predict(1.0, signature="none")])
    with pytest.raises(ServingError) as caught:
        loader.load("m", 1, folder)
    assert [(report[0], report[2]) for report in reports] == [
        (folder, None),
        (folder, caught.value),
    ]
    assert all(seconds > 0 for _, seconds, _ in reports)


def test_what_tensorflow_wrote_is_read(folder):
    path = folder / warmup.REQUESTS
    path.parent.mkdir()
    with tf.io.TFRecordWriter(str(path)) as writer:
        writer.write(_predict(1.0).SerializeToString())
    assert warmup.warm_up(LOADER.load("m", 1, folder), folder) == 1


@pytest.mark.parametrize(
    ("log", "code", "message"),
    [
        (
            _predict(1.0, signature="none"),
            StatusCode.FAILED_PRECONDITION,
            'Serving signature key "none" not found.',
        ),
        (
            _predict(1.0, outputs=["none"]),
            StatusCode.INVALID_ARGUMENT,
            "output tensor alias not found in signature: none",
        ),
        (_classify("regress_x_to_y"), StatusCode.FAILED_PRECONDITION, "Expected classification"),
        (_regress("none"), StatusCode.INVALID_ARGUMENT, "No signature was found with the name"),
        (
            _multi_inference(regress_x_to_y=saved_models.PREDICT),
            StatusCode.UNIMPLEMENTED,
            "Unsupported signature method_name: tensorflow/serving/predict",
        ),
        (messages.PredictionLog(), StatusCode.UNIMPLEMENTED, "for warmup: 0 (none)"),
    ],
)
def test_a_request_that_cannot_be_answered_fails_the_load(folder, log, code, message):
    saved_models.with_warmup(folder, [_predict(1.0), log])
    with pytest.raises(ServingError) as caught:
        LOADER.load("m", 1, folder)
    assert caught.value.code == code
    assert message in caught.value.message


def test_session_run_is_not_replayed(folder):
    log = messages.PredictionLog()
    log.session_run_log.SetInParent()
    saved_models.with_warmup(folder, [log])
    with pytest.raises(ServingError, match=r"Unsupported log_type for warmup: 5") as caught:
        LOADER.load("m", 1, folder)
    assert caught.value.code == StatusCode.UNIMPLEMENTED


def _write(folder, content):
    path = folder / warmup.REQUESTS
    path.parent.mkdir()
    path.write_bytes(content)


def test_a_file_that_is_no_tfrecord_is_data_loss(folder):
    _write(folder, b"requests in a format of my own")
    with pytest.raises(ServingError, match="verify your warmup data is in TFRecord") as caught:
        LOADER.load("m", 1, folder)
    assert caught.value.code == StatusCode.DATA_LOSS


def test_a_file_cut_short_is_data_loss(folder):
    saved_models.with_warmup(folder, [_predict(1.0)] * 2)
    path = folder / warmup.REQUESTS
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ServingError) as caught:
        LOADER.load("m", 1, folder)
    assert caught.value.code == StatusCode.DATA_LOSS


def test_a_record_that_is_no_log_is_refused(folder):
    path = folder / warmup.REQUESTS
    path.parent.mkdir()
    with tf.io.TFRecordWriter(str(path)) as writer:
        writer.write(b"\xff\xff")
    with pytest.raises(ServingError, match="Failed to parse warmup record: number 1") as caught:
        LOADER.load("m", 1, folder)
    assert caught.value.code == StatusCode.INVALID_ARGUMENT


def test_a_thousand_records_are_the_limit(folder):
    servable = LOADER.load("m", 1, folder)
    saved_models.with_warmup(folder, [_predict(1.0)] * 1000)
    assert warmup.warm_up(servable, folder) == 1000
    saved_models.with_warmup(folder, [_predict(1.0)] * 1001)
    with pytest.raises(ServingError, match=r"exceeds the maximum \(1000\)") as caught:
        warmup.warm_up(servable, folder)
    assert caught.value.code == StatusCode.INVALID_ARGUMENT


def test_warming_up_can_be_switched_off(folder):
    _write(folder, b"requests in a format of my own")
    cold = LocalLoader(LocalOptions(enable_warmup=False)).load("m", 1, folder)
    assert "serving_default" in cold.signatures
