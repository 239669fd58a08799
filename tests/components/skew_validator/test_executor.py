"""The executor on real artifacts: taxi trips as they were trained on, and as they are served."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tensorflow_data_validation as tfdv
from skew_artifacts import (
    Checked,
    Row,
    examples,
    execute,
    requests,
    schema_artifact,
    taxi_schema,
    trips,
    write_rows,
)
from tfx import types
from tfx.types import standard_artifacts

from components.skew_validator import findings, keys
from components.skew_validator.rows import CorruptExamplesError

TRAINING_ROWS = 6000
SERVED_ROWS = 2000


@pytest.fixture(scope="module")
def training(tmp_path_factory: pytest.TempPathFactory) -> types.Artifact:
    return examples(tmp_path_factory.mktemp("training"), train=trips(0, TRAINING_ROWS))


def check(root: Path, training: types.Artifact | None, served: list[Row], **more: Any) -> Checked:
    inputs = {
        keys.SERVING_EXAMPLES: examples(root / "serving", serving=served),
        keys.SCHEMA: schema_artifact(root / "schema", more.pop("schema", taxi_schema())),
    }
    if training:
        inputs[keys.TRAINING_EXAMPLES] = training
    return execute(root, inputs, **more)


def served(**changes: Any) -> list[Row]:
    return requests(trips(TRAINING_ROWS, TRAINING_ROWS + SERVED_ROWS), **changes)


def test_the_same_distribution_is_blessed(tmp_path: Path, training: types.Artifact) -> None:
    found = check(tmp_path, training, served())
    assert found.status == findings.OK, found.findings.cause
    assert found.alarms == []
    assert found.of(findings.NOT_COMPARED) == []
    assert found.findings.cause == ""
    assert (found.findings.training_rows, found.findings.serving_rows) == (6000, 2000)
    assert found.findings.training_what == "train split of span 3"
    assert found.findings.model_versions == ("7",)
    assert found.artifact.get_int_custom_property(keys.BLESSED) == 1
    assert found.artifact.get_string_custom_property(keys.STATUS) == "OK"
    assert dict(found.anomalies.anomaly_info) == {}
    compared = {one.feature for one in found.findings.findings if one.kind == "distribution"}
    assert {"fare", "company", "trip_start_hour"} <= compared
    assert not compared & {"tips", "pickup_latitude", "ringway_served_at"}


def test_fares_in_cents_alarm_and_nothing_else_does(
    tmp_path: Path, training: types.Artifact
) -> None:
    def cents(fare: float) -> float:
        return fare * 100

    found = check(tmp_path, training, served(fare=cents))
    assert found.status == findings.ALARM
    # Beyond the schema's 1,000 dollars, and distributed otherwise.
    assert found.alarms == [("schema", "fare"), ("distribution", "fare")]
    assert found.findings.cause.startswith("fare: ")
    finding = found.finding("distribution", "fare")
    assert "expected a median of 7.8" in finding.reason
    assert "received a median of 805" in finding.reason
    assert finding.first_seen == "2026-11-18T11:06:40Z"
    assert finding.histogram is not None
    assert sum(finding.histogram.serving) == pytest.approx(1)
    assert found.artifact.get_int_custom_property(keys.BLESSED) == 0
    assert found.artifact.get_int_custom_property(keys.ALARMS) == 2
    assert list(found.anomalies.anomaly_info) == ["fare"]
    frame = tfdv.utils.display_util.get_anomalies_dataframe(found.anomalies)
    assert list(frame.index) == ["'fare'"]
    assert "fare" in found.report


def test_a_column_that_is_gone_is_skew_against_the_schema(
    tmp_path: Path, training: types.Artifact
) -> None:
    lacking = [{k: v for k, v in row.items() if k != "company"} for row in served()]
    found = check(tmp_path, training, lacking)
    assert found.status == findings.ALARM
    assert found.alarms == [("schema", "company")]
    assert found.of(findings.NOT_COMPARED) == []
    finding = found.finding("schema", "company")
    assert finding.reason == (
        "expected a value in 50% of the rows or more, received none in 2,000 rows."
    )
    assert finding.first_seen == "2026-11-18T11:06:40Z"
    [info] = found.anomalies.anomaly_info.values()
    assert [reason.short_description for reason in info.reason] == ["Column dropped"]


def test_columns_that_no_model_takes_may_be_sent(tmp_path: Path, training: types.Artifact) -> None:
    whole = trips(TRAINING_ROWS, TRAINING_ROWS + SERVED_ROWS)
    found = check(tmp_path, training, whole)
    assert found.status == findings.OK, found.findings.cause
    remark = found.finding("schema", "pickup_latitude")
    assert remark.status == findings.OK
    assert "SERVING" in remark.reason
    assert {info.severity for info in found.anomalies.anomaly_info.values()} == {1}  # WARNING


def test_a_fault_that_begins_later_is_dated(tmp_path: Path, training: types.Artifact) -> None:
    rows = served()
    for row in rows[1000:]:
        row["trip_start_hour"] = (row["trip_start_hour"] + 5) % 24
    found = check(tmp_path, training, rows)
    assert found.alarms[0] == ("distribution", "trip_start_hour")
    assert {feature for _, feature in found.alarms} == {"trip_start_hour"}
    # The fifth of eight parts.
    assert found.finding("distribution", "trip_start_hour").first_seen == "2026-11-18T11:23:20Z"


def test_without_a_baseline_nothing_is_blessed(tmp_path: Path) -> None:
    found = check(tmp_path, None, served())
    assert found.status == findings.NOT_COMPARED
    assert found.findings.cause.startswith("expected a training sample to compare with")
    assert found.artifact.get_int_custom_property(keys.BLESSED) == 0
    assert found.anomalies.dataset_anomaly_info.severity == 1  # WARNING


def test_without_served_rows_nothing_is_blessed(tmp_path: Path, training: types.Artifact) -> None:
    found = check(tmp_path, training, [])
    assert found.status == findings.NOT_COMPARED
    assert "served" in found.findings.cause
    assert found.findings.serving_rows == 0


def test_a_few_rows_are_not_compared(tmp_path: Path, training: types.Artifact) -> None:
    found = check(tmp_path, training, served()[:20])
    assert found.status == findings.NOT_COMPARED
    assert found.alarms == []
    assert found.artifact.get_int_custom_property(keys.NOT_COMPARED) > 0
    reasons = [one.reason for one in found.findings.findings if one.kind == "distribution"]
    assert any("Take a longer window" in reason for reason in reasons)


def test_a_schema_without_the_environment_is_not_compared(
    tmp_path: Path, training: types.Artifact
) -> None:
    schema = taxi_schema()
    del schema.default_environment[:]
    found = check(tmp_path, training, served(), schema=schema)
    assert found.status == findings.NOT_COMPARED
    assert "default_environment 'SERVING'" in found.findings.cause


def test_the_same_check_twice_gives_the_same_findings(
    tmp_path: Path, training: types.Artifact
) -> None:
    twice = [check(tmp_path / name, training, served(), max_rows=1000) for name in "ab"]
    assert twice[0].json == twice[1].json
    assert twice[0].report == twice[1].report
    assert twice[0].anomalies == twice[1].anomalies
    assert "Of 6,000 rows of the baseline, 1,000 chosen" in twice[0].findings.notes[0]


def test_the_previous_window_is_a_baseline(tmp_path: Path) -> None:
    def later(hour: int) -> int:
        return (hour + 5) % 24

    inputs = {
        keys.SERVING_EXAMPLES: examples(tmp_path / "now", serving=served(trip_start_hour=later)),
        keys.PREVIOUS_EXAMPLES: examples(
            tmp_path / "before", serving=requests(trips(0, TRAINING_ROWS))
        ),
        keys.SCHEMA: schema_artifact(tmp_path / "schema", taxi_schema()),
    }
    found = execute(tmp_path, inputs, against=keys.PREVIOUS)
    assert found.findings.against == "previous"
    assert ("drift", "trip_start_hour") in found.alarms
    assert {feature for _, feature in found.alarms} == {"trip_start_hour"}


def test_corrupt_examples_are_an_error_that_names_the_file(
    tmp_path: Path, training: types.Artifact
) -> None:
    artifact = examples(tmp_path / "serving", serving=served()[:100])
    [path] = (tmp_path / "serving" / "Split-serving").iterdir()
    path.write_bytes(path.read_bytes()[:-200])
    inputs = {
        keys.SERVING_EXAMPLES: artifact,
        keys.TRAINING_EXAMPLES: training,
        keys.SCHEMA: schema_artifact(tmp_path / "schema", taxi_schema()),
    }
    with pytest.raises(CorruptExamplesError, match=path.name):
        execute(tmp_path, inputs)


def test_rows_of_the_same_entity_are_compared(tmp_path: Path) -> None:
    rows = [row | {"trip_start_timestamp": place} for place, row in enumerate(trips(0, 800))]
    artifact = examples(tmp_path / "training", train=rows)
    shuffled = requests(rows)
    # The same hours, and hence the same distribution, in the wrong rows.
    for place, row in enumerate(shuffled):
        row["trip_start_timestamp"] = place
        row["trip_start_hour"] = rows[place - 1]["trip_start_hour"]
    terms = {"identifiers": ["trip_start_timestamp"], "detectable_shift": 0.3}
    found = check(tmp_path, artifact, shuffled, terms=terms)
    assert found.alarms == [("feature", "trip_start_hour")]
    finding = found.finding("feature", "trip_start_hour")
    wrong = sum(
        row["trip_start_hour"] != rows[place - 1]["trip_start_hour"]
        for place, row in enumerate(rows)
    )
    assert finding.mismatch_rate == pytest.approx(wrong / 800)
    assert found.finding("schema", "trip_start_timestamp").status == findings.OK
    assert found.findings.counts["serving rows joined by entity"] == 800


def test_statistics_that_are_given_are_taken(tmp_path: Path, training: types.Artifact) -> None:
    # Of other rows, so that it shows which were taken.
    path = tmp_path / "statistics" / "Split-serving" / "FeatureStats.pb"
    path.parent.mkdir(parents=True)
    lacking = [{k: v for k, v in row.items() if k != "company"} for row in served()[:100]]
    records = write_rows(tmp_path / "lacking.gz", lacking)
    tfdv.write_stats_text(tfdv.generate_statistics_from_tfrecord(records), str(path) + "txt")
    path.write_bytes(tfdv.load_stats_text(str(path) + "txt").SerializeToString())
    statistics = standard_artifacts.ExampleStatistics()
    statistics.uri = str(path.parent.parent)
    statistics.split_names = '["serving"]'
    inputs = {
        keys.SERVING_EXAMPLES: examples(tmp_path / "serving", serving=served()),
        keys.SERVING_STATISTICS: statistics,
        keys.TRAINING_EXAMPLES: training,
        keys.SCHEMA: schema_artifact(tmp_path / "schema", taxi_schema()),
    }
    found = execute(tmp_path, inputs)
    assert ("schema", "company") in found.alarms


def test_a_schema_that_is_none_is_an_error(tmp_path: Path, training: types.Artifact) -> None:
    artifact = schema_artifact(tmp_path / "schema", taxi_schema())
    (tmp_path / "schema" / "schema.pbtxt").write_text("feature {")
    with pytest.raises(ValueError, match="schema: expected a Schema in text form"):
        execute(tmp_path, {keys.SERVING_EXAMPLES: training, keys.SCHEMA: artifact})
