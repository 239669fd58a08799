import os
from pathlib import Path

import log_gen_records as logs
import pytest

from components.prediction_log_example_gen.windows import Range
from pipelines.skew import served_log
from serving.wire.messages import PredictionLog

HOUR = Range(3600, logs.START, logs.START + 3600)


def spec(version=7, name="taxi"):
    made = logs.model_spec(version=version or 1)
    made.name = name
    if version is None:
        made.ClearField("version")
    return made


def rows(count, request_id, *, now=logs.NOW, made=None):
    return logs.record("predict", logs.taxi_rows([5.0] * count), request_id, now=now, spec=made)


def test_rows_are_counted_by_version_within_the_window(tmp_path):
    logs.write_log(
        tmp_path,
        [
            rows(3, "a"),
            rows(2, "b", made=spec(8)),
            rows(4, "c", made=spec(8)),
            rows(5, "d", made=spec(None)),
            rows(7, "e", now=logs.START - 1),
            rows(9, "f", made=spec(name="other")),
        ],
    )
    assert served_log.rows_by_version(tmp_path, "taxi", HOUR) == {"7": 3, "8": 6, "": 5}


@pytest.mark.parametrize(
    ("method", "pair", "expected"),
    [
        ("predict", logs.taxi_rows([1.0, 2.0]), 2),
        ("predict", logs.serialized([logs.example(fare=1.0)] * 3, [0.1] * 3), 3),
        ("classify", logs.classify([logs.example(fare=1.0)] * 2, [0.1, 0.2]), 2),
        ("regress", logs.regress([logs.example(fare=1.0)], logs.example(area=2), [0.5]), 1),
        ("multi_inference", logs.multi_inference([logs.example(fare=1.0)] * 2, [1, 2]), 2),
    ],
)
def test_rows_of_every_kind_of_record_are_known(method, pair, expected):
    record = PredictionLog.FromString(logs.content(method, pair))
    assert served_log.rows_of(record) == expected


def test_a_record_without_an_answer_counts_as_one_row():
    assert served_log.rows_of(PredictionLog()) == 1


def test_the_newest_record_of_the_model_is_found_in_any_shard(tmp_path):
    first = logs.write_log(tmp_path, [rows(1, "a", now=logs.NOW + 5)], name="r")
    second = logs.write_log(
        tmp_path,
        [rows(1, "b", now=logs.NOW), rows(1, "c", now=logs.NOW + 9, made=spec(name="other"))],
        name="s",
    )
    for path in (first, second):
        os.utime(path, (logs.NOW + 10, logs.NOW + 10))
    assert served_log.newest(tmp_path, "taxi") == logs.NOW + 5


def test_shards_that_are_too_old_to_matter_are_not_opened(tmp_path):
    old = logs.write_log(tmp_path, [rows(1, "a", now=logs.NOW + 50)])
    os.utime(old, (logs.NOW, logs.NOW))  # a clock that went back, so that opening it would show
    logs.write_log(tmp_path, [rows(1, "b", now=logs.NOW + 5)], name="s")
    assert served_log.newest(tmp_path, "taxi") == logs.NOW + 5


def test_a_log_that_holds_nothing_of_the_model_has_no_newest(tmp_path):
    assert served_log.newest(tmp_path / "nowhere", "taxi") is None
    logs.write_log(tmp_path, [rows(1, "a", made=spec(name="other"))])
    assert served_log.newest(tmp_path, "taxi") is None


def test_damage_is_passed_over(tmp_path):
    path = logs.write_log(tmp_path, [rows(1, "a"), rows(2, "b"), rows(4, "c")])
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1  # in the second record
    path.write_bytes(data[:-3])  # and the third is torn
    assert served_log.rows_by_version(tmp_path, "taxi", HOUR) == {"7": 1}


def unfinished(folder: Path) -> Path:
    path = folder / ".r-20261121T170140Z-host-4711-000000.tfrecord.tmp"
    path.write_bytes(b"")
    return path


def test_only_unfinished_shards_are_being_written(tmp_path):
    logs.write_log(tmp_path, [rows(1, "a")])
    (tmp_path / ".other.tmp").write_bytes(b"")
    path = unfinished(tmp_path)
    assert served_log.being_written(tmp_path) == [path.name]
    assert served_log.being_written(tmp_path / "nowhere") == []


def test_waits_until_a_shard_is_finished(tmp_path):
    path = unfinished(tmp_path)
    waits = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            path.unlink()

    left = served_log.wait_until_finished(tmp_path, [path.name], clock=lambda: 0.0, sleep=sleep)
    assert left == []
    assert len(waits) == 3


def test_does_not_wait_for_ever_for_what_a_dead_server_left(tmp_path):
    path = unfinished(tmp_path)
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    left = served_log.wait_until_finished(
        tmp_path, [path.name], timeout_sec=5.0, clock=lambda: now[0], sleep=sleep
    )
    assert left == [path.name]
    assert now[0] == pytest.approx(5.0, abs=0.5)
