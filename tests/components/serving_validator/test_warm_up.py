from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from components.serving_validator import warm_up
from components.serving_validator.feeds import Feed


def test_official_messages_read_what_is_written(tmp_path: Path) -> None:
    texts = np.empty(10, object)
    texts[:] = [bytes([65 + index]) for index in range(10)]
    feeds = [
        Feed("serving_default", {"examples": texts}),
        Feed("columns", {"fare": np.arange(10, dtype=np.float32)}),
    ]
    assert warm_up.write(tmp_path, "taxi", feeds) == 4
    path = tmp_path / "assets.extra" / "tf_serving_warmup_requests"
    records = list(tf.data.TFRecordDataset(str(path)).as_numpy_iterator())
    logs = [prediction_log_pb2.PredictionLog.FromString(record) for record in records]
    asked = [log.predict_log.request for log in logs]
    assert {request.model_spec.name for request in asked} == {"taxi"}
    assert not any(request.model_spec.HasField("version") for request in asked)
    sent = [
        (request.model_spec.signature_name, name, tf.make_ndarray(tensor).tolist())
        for request in asked
        for name, tensor in request.inputs.items()
    ]
    assert sent == [
        ("serving_default", "examples", [b"A"]),
        ("serving_default", "examples", [b"A", b"B", b"C", b"D", b"E", b"F", b"G", b"H"]),
        ("columns", "fare", [0.0]),
        ("columns", "fare", [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]),
    ]


@pytest.mark.parametrize(("examples", "expected"), [(1, [1]), (3, [1, 3])])
def test_fewer_examples_make_smaller_requests(examples: int, expected: list[int]) -> None:
    feed = Feed("s", {"x": np.zeros(examples, np.float32)})
    logs = map(prediction_log_pb2.PredictionLog.FromString, warm_up.requests("m", [feed]))
    sizes = [len(tf.make_ndarray(log.predict_log.request.inputs["x"])) for log in logs]
    assert sizes == expected


def test_requests_of_the_models_author_stay(tmp_path: Path) -> None:
    path = tmp_path / "assets.extra" / "tf_serving_warmup_requests"
    path.parent.mkdir()
    path.write_bytes(b"mine")
    assert warm_up.write(tmp_path, "taxi", [Feed("s", {"x": np.zeros(1)})]) == 0
    assert path.read_bytes() == b"mine"
