"""Which files belong to a split, over several artifacts."""

from __future__ import annotations

from pathlib import Path

import pytest
from tfx import types
from tfx.components.util import examples_utils
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils, standard_artifacts

from components.artifacts import example_files


def _artifact(folder: Path, **files: list[str]) -> types.Artifact:
    """Returns examples with files of some names in each split."""
    artifact = standard_artifacts.Examples()
    artifact.uri = str(folder)
    artifact.split_names = artifact_utils.encode_split_names(list(files))
    examples_utils.set_payload_format(artifact, example_gen_pb2.FORMAT_TF_EXAMPLE)
    for split, names in files.items():
        place = folder / f"Split-{split}"
        place.mkdir(parents=True)
        for name in names:
            (place / name).write_bytes(b"")
    return artifact


def _names(files: list[str], folder: Path) -> list[str]:
    return [str(Path(file).relative_to(folder)) for file in files]


def test_files_are_in_the_order_of_artifacts_and_names(tmp_path: Path) -> None:
    one = _artifact(tmp_path / "1", train=["b", "a"], eval=["c"])
    two = _artifact(tmp_path / "2", eval=["e", "d"])

    assert _names(example_files.of_split([two, one], "eval"), tmp_path) == [
        *("2/Split-eval/d", "2/Split-eval/e", "1/Split-eval/c"),
    ]
    assert example_files.of_split([one, two], "test") == []
    found = example_files.by_split([one, two])
    assert list(found) == ["train", "eval"]
    assert _names(found["train"], tmp_path) == ["1/Split-train/a", "1/Split-train/b"]
    assert found["eval"] == example_files.of_split([one, two], "eval")


def test_examples_of_another_format_are_refused_by_their_address(tmp_path: Path) -> None:
    sound, other = _artifact(tmp_path / "1", eval=[]), _artifact(tmp_path / "2", train=[])
    examples_utils.set_payload_format(other, example_gen_pb2.FORMAT_PROTO)
    reason = "2: expected examples in FORMAT_TF_EXAMPLE, received FORMAT_PROTO"

    with pytest.raises(ValueError, match=reason):
        example_files.of_split([sound, other], "eval")
    with pytest.raises(ValueError, match=reason):
        example_files.by_split([sound, other])
