"""TensorFlow and TensorFlow Serving read what is written here, and the other way round."""

from __future__ import annotations

import pytest
from request_log_records import NOW, predict_messages

from serving.request_log.reader import LogReader
from serving.request_log.record import record_parts
from serving.request_log.shard_names import finished_shards
from serving.request_log.tfrecord import (
    CorruptError,
    TornError,
    framed,
    read_records,
    write_records,
)
from serving.request_log.writer import RequestLog
from serving.wire import messages

tf = pytest.importorskip("tensorflow")
prediction_log_pb2 = pytest.importorskip("tensorflow_serving.apis.prediction_log_pb2")


def test_tensorflow_reads_the_log(tmp_path):
    log = RequestLog(tmp_path / "requests", max_shard_bytes=2000)
    request, response = predict_messages()
    for number in range(50):
        parts = record_parts(
            "predict",
            request.SerializeToString(),
            response.SerializeToString(),
            model_spec=response.model_spec.SerializeToString(),
            request_id=f"id-{number}",
            now=NOW + number,
            sampling_rate=0.5,
        )
        log.offer(*parts)
    log.close()
    paths = [str(path) for _, path in finished_shards(tmp_path)]
    assert len(paths) > 1
    for number, data in enumerate(tf.data.TFRecordDataset(paths).as_numpy_iterator()):
        official = prediction_log_pb2.PredictionLog.FromString(data)
        assert official.log_metadata.timestamp_secs == NOW + number
        assert official.log_metadata.model_spec.version.value == 7
        assert official.log_metadata.sampling_config.sampling_rate == 0.5
        inputs = official.predict_log.request.inputs["x"]
        assert tf.make_ndarray(inputs).tolist() == [1.5, -2.0]
        # Our own field survives a reader that does not know it.
        ours = messages.PredictionLog.FromString(official.SerializeToString())
        assert ours.log_metadata.request_id == f"id-{number}"
    assert number == 49


def test_a_log_that_tensorflow_wrote_is_read(tmp_path):
    path = tmp_path / "requests-20261121T163000Z-host-1-000000.tfrecord"
    with tf.io.TFRecordWriter(str(path)) as writer:
        for name in ("a", "b"):
            official = prediction_log_pb2.PredictionLog()
            official.predict_log.request.model_spec.name = name
            official.log_metadata.timestamp_secs = int(NOW)
            writer.write(official.SerializeToString())
    names = [log.predict_log.request.model_spec.name for log in LogReader(tmp_path)]
    assert names == ["a", "b"]


@pytest.mark.parametrize("records", [[], [b""], [b"a", b"b" * 100_000, bytes(range(256))]])
def test_both_write_the_same_bytes(tmp_path, records):
    write_records(tmp_path / "ours", records)
    with tf.io.TFRecordWriter(str(tmp_path / "theirs")) as writer:
        for data in records:
            writer.write(data)
    assert (tmp_path / "ours").read_bytes() == (tmp_path / "theirs").read_bytes()


@pytest.mark.parametrize(
    ("damage", "theirs", "raised", "ours"),
    [
        (lambda file: file[:-1], "truncated record at 19", TornError, "truncated record at 19"),
        (
            lambda file: file[:19] + b"\1" + file[20:],
            "corrupted record at 19",
            CorruptError,
            "corrupted record at 19",
        ),
        # TensorFlow says where the data begins, not the record.
        (
            lambda file: file[:-1] + b"\0",
            "corrupted record at 31",
            CorruptError,
            "corrupted record at 19",
        ),
    ],
)
def test_both_find_the_same_damage(tmp_path, damage, theirs, raised, ours):
    path = tmp_path / "records"
    path.write_bytes(damage(framed(b"one") + framed(b"two")))
    with pytest.raises(tf.errors.DataLossError, match=theirs):
        list(tf.data.TFRecordDataset(str(path)).as_numpy_iterator())
    with pytest.raises(raised, match=ours):
        list(read_records(path))


def test_a_torn_header_is_told_though_tensorflow_passes_over_it(tmp_path):
    path = tmp_path / "records"
    path.write_bytes((framed(b"one") + framed(b"two"))[:25])
    assert list(tf.data.TFRecordDataset(str(path)).as_numpy_iterator()) == [b"one"]
    with pytest.raises(TornError, match="truncated record at 19"):
        list(read_records(path))
