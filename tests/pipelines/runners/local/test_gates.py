from pathlib import Path
from typing import Any

from ml_metadata.proto import metadata_store_pb2 as proto

from pipelines.lineage.keys import RunState
from pipelines.runners.local import evidence, gates


def blessing(folder: Path, **properties: Any) -> gates.Outputs:
    artifact = proto.Artifact(uri=str(folder), type="InfraBlessing")
    for key, value in properties.items():
        if isinstance(value, int):
            artifact.custom_properties[key].int_value = value
        else:
            artifact.custom_properties[key].string_value = value
    return {"blessing": [("InfraBlessing", artifact)]}


def test_a_blessed_server_lets_the_run_pass(tmp_path: Path) -> None:
    gate = gates.read("ServingValidator", blessing(tmp_path, blessed=1, cause=""), fail_on="error")
    assert gate is not None
    assert gate.blessed
    assert gate.objections == ()


def test_an_objection_to_serving_tells_the_cause(tmp_path: Path) -> None:
    cause = "Signature 'serving_default' answers otherwise in the server than offline"
    gate = gates.read(
        "ServingValidator", blessing(tmp_path, blessed=0, cause=cause), fail_on="error"
    )
    assert gate is not None
    assert (gate.state, gate.blessed) == (RunState.REJECTED, False)
    [objection] = gate.objections
    assert (objection.subject, objection.reason) == ("serving", cause)
    assert "ServingValidator" in objection.remedy


def test_stock_infra_blessings_are_read_as_before(tmp_path: Path) -> None:
    refused = gates.read("InfraValidator", blessing(tmp_path, blessed=0), fail_on="error")
    assert refused is not None
    assert [objection.subject for objection in refused.objections] == ["the model"]
    (tmp_path / "INFRA_BLESSED").touch()
    by_marker = gates.read("InfraValidator", blessing(tmp_path), fail_on="error")
    assert by_marker is not None
    assert by_marker.blessed


def test_rows_of_a_serving_validator_are_the_examples_that_it_compared(tmp_path: Path) -> None:
    assert evidence.rows(blessing(tmp_path, examples_compared=64)) == 64
    assert evidence.rows(blessing(tmp_path, blessed=1)) is None
