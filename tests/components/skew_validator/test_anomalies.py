"""Findings as TFDV's anomalies, read by TFDV and by Ringway's own gate."""

from __future__ import annotations

from pathlib import Path

import tensorflow_data_validation as tfdv
from ml_metadata.proto import metadata_store_pb2
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2

from components.skew_validator.anomalies import with_findings
from components.skew_validator.findings import ALARM, NOT_COMPARED, OK, Finding, Measure
from pipelines import diagnosis
from pipelines.lineage.keys import RunState
from pipelines.runners.local import gates

Info = anomalies_pb2.AnomalyInfo
SCHEMA = schema_pb2.Schema(feature=[schema_pb2.Feature(name="fare")])
FARE = Finding(
    kind="distribution",
    feature="fare",
    status=ALARM,
    reason="expected a median of 7.85, received a median of 785.",
    measures=(Measure(distance="kolmogorov_smirnov", value=0.9, status=ALARM),),
)
DRIFT = Finding(
    kind="comparator",
    feature="fare",
    status=ALARM,
    reason="jensen_shannon: expected at most 0.1, received 0.9.",
    measures=(Measure(distance="jensen_shannon", value=0.9, threshold=0.1, status=ALARM),),
)
FEW = Finding(kind="distribution", feature="company", status=NOT_COMPARED, reason="few rows.")
NOTHING = Finding(kind="distribution", feature="", status=NOT_COMPARED, reason="no baseline.")


def test_alarms_are_errors_on_their_features_path() -> None:
    found = with_findings(None, SCHEMA, [FARE, DRIFT])
    [info] = found.anomaly_info.values()
    assert list(info.path.step) == ["fare"]
    assert info.severity == Info.ERROR
    assert [reason.type for reason in info.reason] == [
        Info.CUSTOM_VALIDATION,
        Info.COMPARATOR_JENSEN_SHANNON_DIVERGENCE_HIGH,
    ]
    assert found.baseline == SCHEMA


def test_what_was_not_compared_is_a_warning() -> None:
    found = with_findings(None, SCHEMA, [FEW, NOTHING])
    assert found.anomaly_info["company"].severity == Info.WARNING
    assert found.dataset_anomaly_info.severity == Info.WARNING
    assert found.dataset_anomaly_info.description == "no baseline."


def test_what_may_stay_uncompared_and_what_is_well_are_left_out() -> None:
    optional = Finding(kind="drift", feature="x", status=NOT_COMPARED, optional=True)
    well = Finding(kind="drift", feature="y", status=OK)
    assert not with_findings(None, SCHEMA, [optional, well]).anomaly_info


def test_what_tfdv_found_stays() -> None:
    before = anomalies_pb2.Anomalies()
    info = before.anomaly_info["fare"]
    info.path.step.append("fare")
    info.severity = Info.ERROR
    info.reason.add(type=Info.FLOAT_TYPE_BIG_FLOAT, short_description="Out", description="950.")
    schema = Finding(kind="schema", feature="fare", status=ALARM, reason="Out: 950.")
    few = Finding(kind="comparator", feature="fare", status=NOT_COMPARED, reason="few rows.")
    found = with_findings(before, SCHEMA, [schema, FARE, few])
    [after] = found.anomaly_info.values()
    assert [one.description for one in after.reason] == ["950.", FARE.reason, "few rows."]
    assert after.severity == Info.ERROR


def test_tfdv_displays_and_reads_them(tmp_path: Path) -> None:
    found = with_findings(None, SCHEMA, [FARE, FEW, NOTHING])
    frame = tfdv.utils.display_util.get_anomalies_dataframe(found)
    assert FARE.reason in frame["Anomaly long description"].tolist()
    tfdv.display_anomalies(found)
    path = str(tmp_path / "anomalies.pbtxt")
    tfdv.write_anomalies_text(found, path)
    assert tfdv.load_anomalies_text(path) == found


def test_the_gate_of_a_run_reads_them(tmp_path: Path) -> None:
    found = with_findings(None, SCHEMA, [FARE, FEW, NOTHING])
    assert [one.feature for one in diagnosis.describe(found, "error")] == ["fare"]
    assert {one.feature for one in diagnosis.describe(found, "warning")} == {"fare", "company", ""}
    folder = tmp_path / "Split-serving"
    folder.mkdir()
    (folder / "SchemaDiff.pb").write_bytes(found.SerializeToString())
    (tmp_path / "findings.json").write_text("{}")
    artifact = metadata_store_pb2.Artifact(uri=str(tmp_path))
    outputs = {"anomalies": [("ExampleAnomalies", artifact)]}
    result = gates.read("SkewValidator", outputs, fail_on="error")
    assert result is not None
    assert result.state == RunState.ANOMALIES
    [objection] = result.objections
    assert objection.subject == "fare"
    assert objection.reason == f"{FARE.reason} (split serving)"
