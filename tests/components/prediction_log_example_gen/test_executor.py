"""The executor on logs that `RequestLog` wrote, with stock StatisticsGen and TFDV after it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import log_gen_records as logs
import numpy as np
import pytest
import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx.components.statistics_gen.executor import Executor as StatisticsGen
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.types import standard_artifacts

from components.prediction_log_example_gen.executor import (
    Executor,
    plan_of,
    read_report,
    read_schema,
)
from serving.request_log import LogReader

EXAMPLE = {"company": b"Blue", "area": 8, "fare": 12.5}


def context(root: Path) -> Any:
    return BaseBeamExecutor.Context(
        beam_pipeline_args=["--runner=DirectRunner"], tmp_dir=str(root / "tmp"), unique_id="1"
    )


def run(root: Path, folder: Path, **parameters: Any) -> Any:
    """Returns the artifact that the executor wrote about the hour from `START` on."""
    schema = standard_artifacts.Schema()
    schema.uri = str(root / "schema")
    Path(schema.uri).mkdir(parents=True)
    (Path(schema.uri) / "schema.pbtxt").write_text(logs.SCHEMA_TEXT)
    examples = standard_artifacts.Examples()
    examples.uri = str(root / "examples")
    given = {
        "log_folder": str(folder),
        "window_sec": logs.HOUR,
        "start_sec": logs.START,
        "end_sec": logs.START + logs.HOUR,
        "absent": json.dumps({"company": "", "area": 0, "fare": float("nan")}),
        "prediction_output": "",
        "split": "serving",
        **parameters,
    }
    Executor(context(root)).Do({"schema": [schema]}, {"examples": [examples]}, given)
    return examples


def statistics(root: Path, examples: Any) -> Any:
    made = standard_artifacts.ExampleStatistics()
    made.uri = str(root / "statistics")
    StatisticsGen(context(root)).Do({"examples": [examples]}, {"statistics": [made]}, {})
    path = Path(made.uri) / "Split-serving" / "FeatureStats.pb"
    return tfdv.load_stats_binary(str(path)).datasets[0]


def all_kinds() -> list[tuple[bytes, ...]]:
    """Makes seven rows in five records, of every kind that is read."""
    one, other = logs.example(**EXAMPLE), logs.example(company=b"Red", area=3, fare=4.0)
    context = logs.example(company=b"Green", area=5)
    multi = logs.multi_inference([one], [0.5])
    return [
        logs.record("predict", logs.taxi_rows([5.0, float("nan")]), "tensors"),
        logs.record("predict", logs.serialized([one, other], [0.1, 0.2]), "serialized"),
        logs.record("classify", logs.classify([one], [0.75]), "classify"),
        logs.record("regress", logs.regress([logs.example(fare=2.0)], context, [3.5]), "regress"),
        logs.record("multi_inference", multi, "multi"),
    ]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """A log of every kind, with one of each thing that can be amiss, and what was made of it."""
    root = tmp_path_factory.mktemp("made")
    folder = root / "log"
    folder.mkdir()
    mistyped = logs.predict(
        {"company": np.array([7]), "area": np.array([2.5]), "fare": np.array([1], np.int64)}, {}
    )
    logs.write_log(
        folder,
        [
            *all_kinds(),
            logs.record("predict", logs.taxi_rows([5.0, float("nan")]), "tensors"),
            logs.record("predict", logs.taxi_rows([6.0]), "twice"),
            logs.record("predict", logs.taxi_rows([7.0]), "twice"),
            logs.record("predict", logs.taxi_rows([7.0]), "late", now=logs.START - 1),
            logs.record("predict", logs.taxi_rows([7.0]), "next", now=logs.START + logs.HOUR),
            logs.record("predict", mistyped, "mistyped"),
            logs.record("predict", logs.serialized([b"\xff", EXAMPLE_ROW], [1, 2]), "broken row"),
            (b"\xff\xff",),
        ],
    )
    early = logs.write_log(
        folder,
        [
            logs.record("predict", logs.taxi_rows([8.0]), "before", now=logs.START - 10),
            logs.record("predict", logs.taxi_rows([9.0]), "in time", now=logs.START + 1),
        ],
        started=logs.START - 10,
    )
    bad = logs.write_log(
        folder, [logs.record("predict", logs.taxi_rows([1.0]), f"b{n}") for n in range(3)], name="b"
    )
    data = bytearray(bad.read_bytes())
    data[20] ^= 1  # in the first record's data
    bad.write_bytes(data[:-3])  # and the last one's end is lost
    (folder / f".{bad.name}.tmp").write_bytes(b"")
    os.utime(early, (logs.NOW, logs.NOW))
    return root, run(root, folder)


EXAMPLE_ROW = logs.example(**EXAMPLE).SerializeToString()


def rows_of(examples: Any) -> dict[tuple[bytes, int], dict[str, Any]]:
    found = [logs.values(text) for text in logs.written(Path(examples.uri) / "Split-serving")]
    return {(row["ringway_request_id"][0], row["ringway_row"][0]): row for row in found}


def test_each_row_is_an_example_with_what_is_known_of_it(made) -> None:
    rows = rows_of(made[1])
    assert sorted(rows) == [
        (b"b1", 0), (b"broken row", 1), (b"classify", 0), (b"in time", 0), (b"mistyped", 0),
        (b"multi", 0), (b"regress", 0), (b"serialized", 0), (b"serialized", 1),
        (b"tensors", 0), (b"tensors", 1), (b"twice", 0),
    ]  # fmt: skip
    assert rows[b"tensors", 0] == {
        "company": [b"Blue"],
        "area": [8],
        "fare": [5.0],
        "ringway_request_id": [b"tensors"],
        "ringway_row": [0],
        "ringway_served_at": [int(logs.NOW)],
        "ringway_model_name": [b"taxi"],
        "ringway_model_version": [7],
        "ringway_signature": [b"serving_default"],
        "ringway_sampling_rate": [0.5],
        "ringway_rollout": [],
        "ringway_arm": [],
        "ringway_prediction": [pytest.approx(0.05)],
    }
    assert rows[b"tensors", 1]["fare"] is None  # NaN stands for none
    assert rows[b"regress", 0]["company"] == [b"Green"]  # of the context
    assert rows[b"regress", 0]["fare"] == [2.0]
    assert rows[b"mistyped", 0]["company"] == [b"7"]
    assert rows[b"mistyped", 0]["area"] is None
    assert rows[b"mistyped", 0]["fare"] == [1.0]


def test_an_id_that_was_used_twice_loses_no_row(made) -> None:
    found = map(logs.values, logs.written(Path(made[1].uri) / "Split-serving"))
    fares = [row["fare"] for row in found if row["ringway_request_id"] == [b"twice"]]
    assert sorted(fares) == [[6.0], [7.0]]


def test_predictions_of_every_kind_are_kept(made) -> None:
    rows = rows_of(made[1])
    assert rows[b"serialized", 1]["ringway_prediction"] == [pytest.approx(0.2)]
    assert rows[b"classify", 0]["ringway_prediction"] == [0.25, 0.75]
    assert rows[b"classify", 0]["ringway_prediction_classes"] == [b"0", b"1"]
    assert rows[b"regress", 0]["ringway_prediction"] == [3.5]
    assert "ringway_prediction" not in rows[b"multi", 0]
    assert rows[b"multi", 0]["ringway_prediction_regression/outputs"] == [0.5]


def test_what_was_not_used_is_counted(made) -> None:
    report = read_report(made[1])
    assert report["shards"] == {"read": 3, "torn": 1, "unfinished": 1, "unreadable": 0}
    # 13 of the first shard, 2 of the one before, 2 of the damaged one, whose third is torn.
    assert report["records"] == {
        "found": 17, "used": 12, "late": 1, "after": 1, "of_neighbours": 1, "corrupt": 1,
        "not_readable": 1,
    }  # fmt: skip
    assert report["rows"] == {
        "found": 16, "written": 13, "duplicate": 2, "conflicting": 1, "not_readable": 1,
    }  # fmt: skip
    assert report["absent"] == {"fare": 2}  # of the duplicate, too
    assert report["cast"] == {"company": {"INT to BYTES": 1}, "fare": {"INT to FLOAT": 1}}
    assert report["not_cast"] == {"area": {"FLOAT to INT": 1}}
    [example] = report["examples"]["not_cast / area / FLOAT to INT"]
    assert "2.5 is no whole number" in example
    [example] = report["examples"]["rows / conflicting"]
    assert example == "request 'twice', row 0"


def test_records_are_those_that_the_logs_own_reader_finds(made) -> None:
    root, examples = made
    reader = LogReader(root / "log", since=logs.START, until=logs.START + logs.HOUR)
    found = sum(1 for _ in reader)
    counts = reader.counts
    report = read_report(examples)
    records, shards = report["records"], report["shards"]
    assert found == records["used"]
    assert counts.outside == sum(records[what] for what in ("late", "after", "of_neighbours"))
    assert counts.corrupt == records["corrupt"] + records["not_readable"]
    assert (counts.shards, counts.torn) == (shards["read"], shards["torn"])


def test_the_artifact_says_what_it_holds(made) -> None:
    examples = made[1]
    assert (examples.span, examples.version, examples.split_names) == (logs.SPAN, 0, '["serving"]')
    assert examples.get_string_custom_property("payload_format") == "FORMAT_TF_EXAMPLE"
    assert examples.get_int_custom_property("rows_written") == 13
    assert examples.get_int_custom_property("records_late") == 1
    assert examples.get_float_custom_property("ringway_sampling_rate") == 0.5


def test_stock_statistics_find_the_types_of_the_schema(made) -> None:
    root, examples = made
    found = statistics(root, examples)
    assert found.num_examples == 13
    inferred = {
        feature.name: feature.type
        for feature in tfdv.infer_schema(tfdv_list(found)).feature
        if not feature.name.startswith("ringway_")
    }
    types = {"company": schema_pb2.BYTES, "area": schema_pb2.INT, "fare": schema_pb2.FLOAT}
    assert inferred == types
    counts = {f.path.step[0]: f for f in found.features}
    assert counts["fare"].num_stats.common_stats.num_missing == 1
    assert counts["area"].num_stats.common_stats.num_missing == 1


def tfdv_list(dataset: Any) -> Any:
    from tensorflow_metadata.proto.v0 import statistics_pb2

    return statistics_pb2.DatasetFeatureStatisticsList(datasets=[dataset])


def test_two_runs_give_the_same_examples_and_report(made, tmp_path: Path) -> None:
    root, first = made
    second = run(tmp_path, root / "log")
    folder = Path(first.uri) / "Split-serving"
    assert logs.written(Path(second.uri) / "Split-serving") == logs.written(folder)
    assert read_report(second) == read_report(first)


def test_stock_statistics_read_columns_that_callers_send_in_several_types(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    sent: list[dict[str, Any]] = [{"miles": 1, "note": b"x"}, {"miles": 1.5, "note": 2}]
    rows = [logs.classify([logs.example(area=1, **extra)], [0.5]) for extra in sent]
    logs.write_log(folder, [logs.record("classify", rows[n], f"id {n}") for n in range(2)])
    examples = run(tmp_path, folder)
    assert read_report(examples)["mixed_columns"] == {
        "miles": {"INT to FLOAT": 1},
        "note": {"left out": 2},
    }
    assert statistics(tmp_path, examples).num_examples == 2


def test_a_log_without_shards_gives_no_examples(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    folder.mkdir()
    examples = run(tmp_path, folder)
    assert logs.written(Path(examples.uri) / "Split-serving") == []
    assert examples.get_int_custom_property("rows_written") == 0
    assert statistics(tmp_path, examples).num_examples == 0


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="log_folder: expected the folder"):
        run(tmp_path, tmp_path / "none")


def test_a_schema_can_be_a_file(tmp_path: Path) -> None:
    path = tmp_path / "taxi.pbtxt"
    path.write_text(logs.SCHEMA_TEXT)
    assert read_schema({}, {"schema_path": str(path)}) == logs.SCHEMA


@pytest.mark.parametrize(
    ("text", "message"), [(None, "where there is none"), ("feature {", "expected a Schema in text")]
)
def test_a_file_that_is_no_schema_is_an_error(tmp_path: Path, text, message: str) -> None:
    path = tmp_path / "schema.pbtxt"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ValueError, match=message):
        read_schema({}, {"schema_path": str(path)})


def test_absent_values_of_no_feature_are_an_error() -> None:
    parameters = {"window_sec": 10, "start_sec": 0, "end_sec": 10, "absent": '{"miles": 0}'}
    with pytest.raises(ValueError, match="no feature 'miles'"):
        plan_of(logs.SCHEMA, parameters)


def test_a_shadow_s_answers_are_read_when_they_are_asked_for(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    folder.mkdir()
    records = [
        logs.record("predict", logs.taxi_rows([5.0]), "a", rollout=("r1", arm))
        for arm in ("stable", "shadow")
    ]
    records.append(logs.record("predict", logs.taxi_rows([5.0]), "b", rollout=("r1", "candidate")))
    logs.write_log(folder, records)
    answered = {("a", "stable"), ("b", "candidate")}
    for arms, expected in {
        "answered": answered,
        "shadow": {("a", "shadow")},
        "all": answered | {("a", "shadow")},
    }.items():
        examples = run(tmp_path / arms, folder, arms=arms)
        found = [logs.values(text) for text in logs.written(Path(examples.uri) / "Split-serving")]
        pairs = {
            (row["ringway_request_id"][0].decode(), row["ringway_arm"][0].decode()) for row in found
        }
        assert pairs == expected
        assert {row["ringway_rollout"][0] for row in found} == {b"r1"}
        assert examples.get_int_custom_property("rows_duplicate") == 0
    assert read_report(examples)["arms"] == {"r1": {"candidate": 1, "shadow": 1, "stable": 1}}
