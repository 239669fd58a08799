"""The executor on real artifacts, read by stock TFDV and by the runner's gate."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from quality_artifacts import examples_artifact, run
from quality_rows import table
from tensorflow_data_validation import load_anomalies_text, write_anomalies_text
from tensorflow_metadata.proto.v0 import anomalies_pb2
from tfx.components.util import examples_utils
from tfx.proto import example_gen_pb2

from components.data_quality_validator.errors import RulesError
from pipelines.runners.local import gates

ROWS: list[dict[str, Any]] = [
    {"n": 1, "m": 5, "x": 0.5, "s": b"a", "time": 100},
    {"n": 0, "m": 5, "x": 1.5, "s": b"b", "time": 200},
    {"n": 3, "m": 0, "x": None, "s": b"a", "time": 300},
    {"n": 4, "m": 1, "s": b"d", "time": 9000},
]
FAULTS = {
    "accuracy": table("accuracy.condition", holds="n > 0 or m == 0"),
    "completeness": table("completeness.presence", column="x", min_share=0.75),
    "consistency": table("consistency.duplicates", key=["s"]),
    "timeliness": table("timeliness.gap", column="time", max_gap="1h"),
}
KEPT = table("accuracy.range", column="m", min=0, max=5)


def written(artifact: Any) -> tuple[dict[str, anomalies_pb2.Anomalies], dict[str, Any]]:
    folder = Path(artifact.uri)
    found = {
        path.parent.name: anomalies_pb2.Anomalies.FromString(path.read_bytes())
        for path in folder.glob("*/SchemaDiff.pb")
    }
    return found, json.loads((folder / "quality.json").read_text())


def gate(artifact: Any, fail_on: Any = "error") -> Any:
    outputs = {"anomalies": [("ExampleAnomalies", artifact.mlmd_artifact)]}
    return gates.read("DataQualityValidator", outputs, fail_on=fail_on)


@pytest.mark.parametrize("side", FAULTS)
def test_a_fault_on_each_side_stops_a_run_with_rule_share_bound_and_rows(
    tmp_path: Path, side: str
) -> None:
    examples = examples_artifact(tmp_path / "examples", {"train": ROWS[:2], "eval": ROWS[2:]})
    artifact = run(tmp_path, FAULTS[side] + KEPT, examples)
    found, report = written(artifact)
    assert set(found) == {"Split-train", "Split-eval"}
    assert found["Split-train"] == found["Split-eval"]
    (info,) = found["Split-train"].anomaly_info.values()
    assert info.severity == anomalies_pb2.AnomalyInfo.ERROR
    assert info.reason[0].type == anomalies_pb2.AnomalyInfo.CUSTOM_VALIDATION
    assert [one["verdict"] for one in report["measurements"]].count("BROKEN") == 1
    assert [one["verdict"] for one in report["measurements"]].count("OK") == 1
    (objection,) = gate(artifact).objections
    assert objection.subject.startswith(side)
    place = f"stands under {objection.subject} in {tmp_path / 'quality.toml'}"
    assert place in objection.reason
    assert objection.reason.endswith("(split eval, train)")
    assert artifact.get_int_custom_property("blessed") == 0
    assert artifact.get_string_custom_property("status") == "ALARM"
    assert artifact.get_string_custom_property("cause").startswith(objection.subject)


def test_the_rows_at_fault_are_shown_with_their_values(tmp_path: Path) -> None:
    examples = examples_artifact(tmp_path / "examples", {"train": ROWS, "eval": ROWS[:1]}, files=3)
    _, report = written(run(tmp_path, "".join(FAULTS.values()), examples))
    shown = {one["side"]: one["examples"] for one in report["measurements"]}
    assert shown["accuracy"] == [{"split": "train", "row": 1, "values": {"n": "0", "m": "5"}}]
    assert shown["completeness"][0] == {
        "split": "train",
        "row": 2,
        "values": {"x": "(missing)"},
    }
    assert [(one["split"], one["row"]) for one in shown["consistency"]] == [
        ("train", 0),
        ("train", 2),
        ("eval", 0),
    ]
    assert shown["consistency"][0]["values"] == {"s": "'a'"}
    assert report["rows"] == {"train": 4, "eval": 1}


def test_whole_rows_that_repeat_are_shown_by_their_first_features(tmp_path: Path) -> None:
    examples = examples_artifact(tmp_path / "examples", {"train": [ROWS[0], ROWS[1], ROWS[0]]})
    _, report = written(run(tmp_path, table("consistency.duplicates"), examples))
    (found,) = report["measurements"]
    assert [one["row"] for one in found["examples"]] == [0, 2]
    assert found["examples"][0]["values"]["s"] == "a"


def test_sound_data_is_blessed_and_all_is_measured(tmp_path: Path) -> None:
    examples = examples_artifact(tmp_path / "examples", {"train": ROWS}, span=12)
    artifact = run(tmp_path, KEPT, examples)
    found, report = written(artifact)
    assert not found["Split-train"].anomaly_info
    assert gate(artifact).objections == ()
    assert artifact.get_int_custom_property("blessed") == 1
    assert artifact.get_string_custom_property("cause") == ""
    assert (report["status"], report["span"]) == ("OK", 12)
    (measured,) = report["measurements"]
    assert (measured["measured"], measured["bound"], measured["judged"]) == (0.0, 0.0, 4)


def test_a_warning_is_told_and_lets_pass(tmp_path: Path) -> None:
    examples = examples_artifact(tmp_path / "examples", {"train": ROWS})
    artifact = run(tmp_path, FAULTS["accuracy"] + 'severity = "warning"\n', examples)
    found, _ = written(artifact)
    (info,) = found["Split-train"].anomaly_info.values()
    assert info.severity == anomalies_pb2.AnomalyInfo.WARNING
    assert artifact.get_int_custom_property("blessed") == 1
    assert artifact.get_int_custom_property("broken") == 1
    assert gate(artifact).objections == ()
    assert len(gate(artifact, "warning").objections) == 1


@pytest.mark.parametrize(
    ("rows", "holds", "reason"),
    [
        ([{"n": 1.5}, {"n": 2.5}], "n > 0", "cannot be read as INT"),
        ([{"n": [1, 2]}], "n > 0", "has up to 2 values in a row"),
        ([{"s": b"a"}], "n > 0", "no row has the values"),
        ([], "n > 0", "there are no rows"),
    ],
)
def test_what_cannot_be_measured_stops_a_run_too(
    tmp_path: Path, rows: list[dict[str, Any]], holds: str, reason: str
) -> None:
    examples = examples_artifact(tmp_path / "examples", {"train": rows})
    rules = table("accuracy.condition", holds=holds)
    artifact = run(tmp_path, rules, examples)
    (objection,) = gate(artifact).objections
    assert reason in objection.reason
    assert artifact.get_string_custom_property("status") == "NOT_MEASURED"
    assert artifact.get_int_custom_property("not_measured") == 1


def test_a_column_of_another_type_spares_the_rules_of_others(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [{"n": b"one", "x": 2.0}, {"n": 2, "x": 0.1}]
    rules = table("accuracy.range", column="n", max=1)
    rules += table("accuracy.range", column="x", max=0.1).replace('"accuracy.range"', '"x"')
    examples = examples_artifact(tmp_path / "examples", {"train": rows})
    _, report = written(run(tmp_path, rules, examples))
    assert [one["verdict"] for one in report["measurements"]] == ["NOT_MEASURED", "BROKEN"]
    assert report["measurements"][1]["measured"] == 0.5


def test_the_time_that_is_passed_in_counts(tmp_path: Path) -> None:
    rules = table("timeliness.age", column="time", max_age="1h")
    examples = examples_artifact(tmp_path / "examples", {"train": ROWS})
    assert run(tmp_path, rules, examples, now_sec=9000.0).get_int_custom_property("blessed") == 1
    assert run(tmp_path, rules, examples).get_int_custom_property("blessed") == 0  # years later


@pytest.mark.parametrize(("first_span", "verdict"), [(2, "BROKEN"), (None, "OK")])
def test_of_a_range_the_oldest_span_is_known(
    tmp_path: Path, first_span: int | None, verdict: str
) -> None:
    # Spans of an hour; the rows are of the third, but for its first 100 s.
    rules = table("timeliness.gap", column="time", max_gap="30m", relative_to="span",
                  span_length="1h") + "first_span = 1970-01-01T00:00:00Z\n"  # fmt: skip
    rows: list[dict[str, Any]] = [{"time": 7200 + second} for second in (100, 1800, 3500)]
    examples = examples_artifact(tmp_path / "examples", {"train": rows}, span=3)
    if first_span is not None:
        examples.set_int_custom_property("first_span", first_span)
    _, report = written(run(tmp_path, rules, examples))
    assert report["measurements"][0]["verdict"] == verdict
    assert (report["first_span"], report["span"]) == (first_span or 3, 3)


def test_stock_tools_read_the_anomalies(tmp_path: Path) -> None:
    examples = examples_artifact(tmp_path / "examples", {"train": ROWS})
    found, _ = written(run(tmp_path, FAULTS["accuracy"], examples))
    write_anomalies_text(found["Split-train"], str(tmp_path / "anomalies.pbtxt"))
    assert load_anomalies_text(str(tmp_path / "anomalies.pbtxt")) == found["Split-train"]


def test_rules_that_make_no_sense_fail_the_node(tmp_path: Path) -> None:
    examples = examples_artifact(tmp_path / "examples", {"train": ROWS})
    with pytest.raises(RulesError, match=r"quality\.toml: rule .* compares a text"):
        run(tmp_path, table("accuracy.condition", holds="s > 1"), examples)


def test_other_payloads_are_refused(tmp_path: Path) -> None:
    examples = examples_artifact(tmp_path / "examples", {"train": ROWS})
    examples_utils.set_payload_format(examples, example_gen_pb2.FORMAT_PARQUET)
    with pytest.raises(ValueError, match="FORMAT_TF_EXAMPLE, received FORMAT_PARQUET"):
        run(tmp_path, KEPT, examples)
