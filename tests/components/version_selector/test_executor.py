"""The executor on real SavedModels and examples."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import reuse_models as models
from tfx.types import artifact_utils, standard_artifacts

from components.version_selector import findings, keys
from components.version_selector.choice import VersionChoice
from components.version_selector.executor import Executor

ROWS = 600


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("versions")
    return {
        column: models.scoring(root / column, column) for column in ("good", "fair", "noise")
    } | {"other": models.scoring(root / "other", "good", label="something_else")}


@pytest.fixture(scope="module")
def examples(tmp_path_factory) -> standard_artifacts.Examples:
    random = np.random.default_rng(1)
    artifact = standard_artifacts.Examples()
    artifact.uri = str(tmp_path_factory.mktemp("examples"))
    artifact.split_names = artifact_utils.encode_split_names(["newest"])
    late = random.random(ROWS) < 0.3
    columns = {
        "happened": np.where(late, 60.0, 0.0),
        "good": late + random.normal(size=ROWS),
        "fair": late + 3 * random.normal(size=ROWS),
        "noise": random.normal(size=ROWS),
    }
    columns["happened"][:10] = np.nan  # cancelled: no label
    rows = [{name: float(values[i]) for name, values in columns.items()} for i in range(ROWS)]
    models.write_examples(Path(artifact.uri), "newest", [models.example(row) for row in rows])
    return artifact


def _select(
    examples: Any, tmp_path: Path, versions: dict[int, Path], **changed: Any
) -> tuple[findings.Findings, VersionChoice]:
    choice = VersionChoice()
    choice.uri = str(tmp_path / "choice")
    Path(choice.uri).mkdir()
    (tmp_path / "models").mkdir()
    for version, folder in versions.items():
        (tmp_path / "models" / str(version)).symlink_to(folder)
    parameters = {
        keys.MODELS_FOLDER: str(tmp_path / "models"),
        keys.VERSIONS: json.dumps(list(versions)),
        keys.SERVING_VERSION: 9,
        keys.PASSED_OVER: json.dumps({"was rolled back": [2]}),
        keys.SPLIT: "newest",
        keys.LABEL: models.LABEL,
        keys.PREDICTION_OUTPUT: "",
        keys.ERROR_RATE: 0.05,
        keys.MIN_GAIN: 0.0,
        keys.MIN_METRIC: 0.0,
        keys.MIN_EXAMPLES: 500,
        keys.MAX_EXAMPLES: 100_000,
    } | changed
    Executor().Do({keys.EXAMPLES: [examples]}, {keys.CHOICE: [choice]}, parameters)
    return findings.from_json((Path(choice.uri) / keys.FINDINGS_FILE).read_text()), choice


def test_the_version_that_new_data_suit_is_chosen(examples, folders, tmp_path) -> None:
    versions = {7: folders["fair"], 8: folders["good"], 9: folders["noise"]}
    found, choice = _select(examples, tmp_path, versions)
    assert found.chosen == 8
    assert (found.examples, found.unlabelled) == (590, 10)
    assert choice.get_int_custom_property(keys.CHOSEN_VERSION) == 8
    because = choice.get_string_custom_property(keys.BECAUSE)
    assert because == found.because
    assert "deploy version 8" in because
    assert "version 2 was rolled back" in because
    areas = {one.version: one.auc for one in found.versions}
    # N(1, s) against N(0, s): Phi(1 / (s sqrt 2)) is 0.760 for s = 1, 0.593 for s = 3.
    assert areas[8] == pytest.approx(0.760, abs=0.06)
    assert areas[7] == pytest.approx(0.593, abs=0.08)
    assert found.serving_auc == pytest.approx(0.5, abs=0.08)


def test_nothing_is_chosen_where_the_best_serves(examples, folders, tmp_path) -> None:
    versions = {8: folders["noise"], 9: folders["good"]}
    found, choice = _select(examples, tmp_path, versions)
    assert found.chosen is None
    assert not choice.has_custom_property(keys.CHOSEN_VERSION)
    assert found.because.startswith("train: version 8 gains -0.2")


def test_a_version_that_ranks_alike_is_no_gain(examples, folders, tmp_path) -> None:
    versions = {8: folders["good"], 9: folders["good"]}
    found, _ = _select(examples, tmp_path, versions)
    assert found.chosen is None
    assert [(one.gain, one.gain_low) for one in found.versions] == [(0.0, 0.0)]


def test_too_few_examples_choose_nothing(examples, folders, tmp_path) -> None:
    versions = {8: folders["good"], 9: folders["noise"]}
    found, _ = _select(examples, tmp_path, versions, **{keys.MIN_EXAMPLES: 1000})
    assert found.chosen is None
    assert "590 of 1000 examples" in found.because


def test_an_older_version_that_cannot_be_asked_is_passed_over(examples, folders, tmp_path) -> None:
    (tmp_path / "broken").mkdir()
    versions = {6: tmp_path / "broken", 8: folders["good"], 9: folders["noise"]}
    found, _ = _select(examples, tmp_path, versions)
    assert found.chosen == 8
    why = dict(found.passed_over)
    assert why[2] == "was rolled back"
    assert why[6].startswith("cannot be asked: ")


def test_nothing_is_compared_where_the_serving_version_tells_no_label(
    examples, folders, tmp_path
) -> None:
    versions = {8: folders["good"], 9: folders["other"]}
    found, _ = _select(examples, tmp_path, versions)
    assert found.chosen is None
    assert "expected the label 'happened_xf'" in found.because
