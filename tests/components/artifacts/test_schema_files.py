"""A schema that is there, missing, or something else."""

from __future__ import annotations

from pathlib import Path

import pytest
from tfx.types import standard_artifacts

from components.artifacts import schema_files


def test_the_schema_of_an_artifact_is_the_file_in_its_folder(tmp_path: Path) -> None:
    (tmp_path / "schema.pbtxt").write_text('feature { name: "tips" }')
    artifact = standard_artifacts.Schema()
    artifact.uri = str(tmp_path)

    assert [feature.name for feature in schema_files.of([artifact]).feature] == ["tips"]


@pytest.mark.parametrize(
    ("text", "reason"), [(None, "where there is none"), ("feature {", "expected a Schema in text")]
)
def test_what_is_no_schema_is_named(tmp_path: Path, text: str | None, reason: str) -> None:
    path = tmp_path / "mine.pbtxt"
    if text is not None:
        path.write_text(text)

    with pytest.raises(ValueError, match=reason) as caught:
        schema_files.read(str(path))
    assert str(path) in str(caught.value)
