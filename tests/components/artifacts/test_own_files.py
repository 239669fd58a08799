"""What lies beside an artifact's splits."""

from __future__ import annotations

from pathlib import Path

from tfx.types import standard_artifacts

from components.artifacts import own_files


def test_a_file_is_named_by_the_artifacts_uri() -> None:
    artifact = standard_artifacts.Examples()
    artifact.uri = "gs://bucket/examples/7"

    assert own_files.path_of(artifact, "report.json") == "gs://bucket/examples/7/report.json"


def test_json_beside_an_artifact_is_read(tmp_path: Path) -> None:
    artifact = standard_artifacts.Examples()
    artifact.uri = str(tmp_path)
    (tmp_path / "report.json").write_text('{"rows": {"joined": 3}}')

    assert own_files.read_json(artifact, "report.json") == {"rows": {"joined": 3}}
