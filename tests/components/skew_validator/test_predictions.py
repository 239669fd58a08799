"""Predictions of real models, and what is made of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import validator_models as models
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
from tfx.types import standard_artifacts

from components.skew_validator import findings, keys, predictions
from components.skew_validator.predictions import predicted
from components.skew_validator.verdict import NotCompared


class Tenth(tf.Module):
    """Answers a tenth of the fare, and its double under another name."""

    def __init__(self, outputs: int = 1) -> None:
        super().__init__()
        self._outputs = outputs

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def serve(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        spec = {"fare": tf.io.FixedLenFeature([], tf.float32, default_value=0.0)}
        fare = tf.io.parse_example(examples, spec)["fare"]
        answers = {"tenth": fare / 10, "fifth": fare / 5}
        return dict(list(answers.items())[: self._outputs])


def model(folder: Path, outputs: int = 1) -> Path:
    module = Tenth(outputs)
    tf.saved_model.save(module, str(folder), signatures={"serving_default": module.serve})
    return folder


def fares(folder: Path, count: int) -> str:
    return write_rows(folder / "eval.gz", [Row(fare=float(place)) for place in range(count)])


def ask(model: Path, paths: list[str], output: str = "") -> predictions.Column | NotCompared:
    return predicted(model, paths, output=output, rng=np.random.default_rng(0))


def test_each_example_is_predicted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predictions, "_ROWS_AT_ONCE", 7)
    found = ask(model(tmp_path / "model"), [fares(tmp_path, 20)])
    assert not isinstance(found, NotCompared)
    assert sorted(found.values.tolist()) == pytest.approx([place / 10 for place in range(20)])
    assert found.present.all()


def test_of_many_examples_some_are_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predictions, "_ROWS_AT_ONCE", 7)
    monkeypatch.setattr(predictions, "MAX_ROWS", 10)
    found = ask(model(tmp_path / "model"), [fares(tmp_path, 100)])
    assert not isinstance(found, NotCompared)
    assert len(set(found.values.tolist())) == 10
    assert found.values.max() > 2  # not the first ones


def test_which_output_it_is_has_to_be_clear(tmp_path: Path) -> None:
    folder, paths = model(tmp_path / "model", outputs=2), [fares(tmp_path, 5)]
    unclear = ask(folder, paths)
    assert isinstance(unclear, NotCompared)
    assert "['fifth', 'tenth']" in unclear.detail
    found = ask(folder, paths, "fifth")
    assert not isinstance(found, NotCompared)
    assert sorted(found.values.tolist()) == pytest.approx([0.0, 0.2, 0.4, 0.6, 0.8])


def test_what_cannot_be_asked_is_not_compared(tmp_path: Path) -> None:
    assert isinstance(ask(model(tmp_path / "model"), []), NotCompared)
    (tmp_path / "none").mkdir()
    refused = ask(tmp_path / "none", [fares(tmp_path, 5)])
    assert isinstance(refused, NotCompared)
    assert "SavedModel" in refused.detail
    models.random(tmp_path / "other")
    assert isinstance(ask(tmp_path / "other", [fares(tmp_path, 5)], "nothing"), NotCompared)


def validate(root: Path, served: list[Row], **parameters: str) -> Checked:
    artifact = standard_artifacts.Model()
    artifact.uri = str(root / "model")
    model(root / "model" / "Format-Serving")
    inputs = {
        keys.TRAINING_EXAMPLES: examples(
            root / "training", train=trips(0, 4000), eval=trips(4000, 6000)
        ),
        keys.SERVING_EXAMPLES: examples(root / "serving", serving=served),
        keys.SCHEMA: schema_artifact(root / "schema", taxi_schema()),
        keys.MODEL: artifact,
    }
    return execute(root, inputs, **parameters)


def answered(share: float = 0.1, version: int = 7) -> list[Row]:
    rows = requests(trips(6000, 8000))
    for row in rows:
        row["ringway_prediction"] = row["fare"] * share
        row["ringway_model_version"] = version
    return rows


def test_the_same_model_predicts_alike(tmp_path: Path) -> None:
    found = validate(tmp_path, answered(), model_version="7")
    assert found.status == findings.OK, found.findings.cause
    assert found.finding("prediction", "ringway_prediction").status == findings.OK


def test_another_model_is_found_though_features_are_alike(tmp_path: Path) -> None:
    found = validate(tmp_path, answered(0.2), model_version="7")
    assert found.alarms == [("prediction", "ringway_prediction")]
    assert list(found.anomalies.anomaly_info) == ["ringway_prediction"]


def test_other_versions_do_not_count(tmp_path: Path) -> None:
    half = answered()[:1000] + answered(0.2, version=8)[1000:]
    found = validate(tmp_path, half, model_version="7")
    assert found.status == findings.OK, found.findings.cause
    assert found.findings.model_versions == ("7", "8")


def test_a_log_without_predictions_is_not_compared(tmp_path: Path) -> None:
    found = validate(tmp_path, requests(trips(6000, 8000)), model_version="7")
    assert found.status == findings.NOT_COMPARED
    assert "served predictions of version 7" in found.findings.cause
