"""Labels of a request, from drop files as programs write them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.prediction_log_example_gen.inputs import Row, Served
from pipelines.lineage import request_answer, request_labels
from pipelines.lineage.request_labels import Terms
from serving.wire.messages import PredictionLog
from serving.wire.tensors import to_proto

NOON = 1_372_939_200  # 2013-07-04T12:00:00Z


def terms(folder: Path, **config: Any) -> Terms:
    given = {"label": "kind", "feedback": {"max_delay_sec": 3600.0}, **config}
    return Terms.of(given, folder)


def drop(folder: Path, text: str, name: str = "labels-20130704T121500Z-a.csv") -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text)


def test_text_labels_are_read_by_the_schema(tmp_path: Path) -> None:
    schema = tmp_path / "schema.pbtxt"
    schema.write_text("feature { name: 'kind' type: BYTES }")
    drop(tmp_path / "drop", "request_id,kind\na,fraud\n")
    found = terms(tmp_path / "drop", schema_path=str(schema))
    [label] = request_labels.delivered(found, "a", [], NOON)
    assert label["label"] == {"kind": "fraud"}
    # A schema that is gone says nothing: a label is a number then.
    found = terms(tmp_path / "drop", schema_path=str(tmp_path / "gone.pbtxt"))
    assert request_labels.delivered(found, "a", [], NOON) == []


@pytest.mark.parametrize("request_id", ['say "a"', "a,b", "plain"])
def test_ids_are_found_as_csv_writes_them(tmp_path: Path, request_id: str) -> None:
    quoted = '"' + request_id.replace('"', '""') + '"'
    drop(tmp_path / "drop", f"request_id,kind\n{quoted},1\n")
    [label] = request_labels.delivered(terms(tmp_path / "drop"), request_id, [], NOON)
    assert label["label"] == {"kind": 1.0}


def test_entities_are_found_as_csv_writes_them(tmp_path: Path) -> None:
    drop(tmp_path / "drop", 'trip,kind\n"so ""called""",1\n')
    found = terms(tmp_path / "drop", skew={"identifiers": ["trip"]})
    row = Row({"trip": Served("bytes_list", [b'so "called"'])})
    [label] = request_labels.delivered(found, "a", [row], NOON)
    assert label["label"] == {"kind": 1.0}


def test_cells_that_nobody_can_read_do_no_harm_to_others(tmp_path: Path) -> None:
    drop(tmp_path / "drop", f"request_id,row,kind\na,{'9' * 5000},1\na,,2\n")
    far = pa.array([10**15, None], pa.timestamp("s"))
    table = pa.table({"request_id": ["a", "a"], "kind": [1.0, 2.0], "labelled_at": far})
    pq.write_table(table, tmp_path / "drop" / "labels-20130704T121500Z-b.parquet")
    [label] = request_labels.delivered(terms(tmp_path / "drop"), "a", [], NOON)
    assert (label["label"], label["duplicate"]) == ({"kind": 2.0}, 1)


def test_what_is_no_number_is_null_in_json() -> None:
    record = PredictionLog()
    log = record.predict_log
    log.request.inputs["x"].CopyFrom(to_proto(np.array([1.0, np.inf], np.float32)))
    log.response.outputs["y"].CopyFrom(to_proto(np.array([np.nan, 0.5], np.float32)))
    found = request_answer.document(record)
    assert found["shown"] == [
        {"asked": {"x": 1.0}, "answered": {"y": None}},
        {"asked": {"x": None}, "answered": {"y": 0.5}},
    ]
    json.dumps(found, allow_nan=False)
