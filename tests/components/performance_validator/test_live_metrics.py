"""TFMA's metrics fed directly, against TFMA's own pipeline on the same rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tensorflow_model_analysis as tfma
from sklearn.metrics import log_loss, roc_auc_score
from tensorflow_model_analysis.proto import config_pb2

from components.performance_validator import live_metrics, measuring
from components.performance_validator.area import area_of
from components.performance_validator.slices import Coded, Spec, cut
from pipelines import config as configs
from pipelines.tabular.evaluation import eval_config

# TFMA 0.47 makes scalars of arrays in a way that NumPy 1.25 began to warn of.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Conversion of an array with ndim:DeprecationWarning:tensorflow_model_analysis"
)

ROWS = 700
FLIGHTS = eval_config(configs.named("flights"))
VERSION, ARM = "ringway_model_version", "ringway_arm"


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    labels = rng.random(ROWS) < 0.3
    return pd.DataFrame(
        {
            "label": labels.astype(np.float64),
            "ringway_prediction": np.clip(0.3 + 0.2 * labels + rng.normal(0, 0.2, ROWS), 0.01, 0.9),
            "origin": rng.choice(["EWR", "JFK", "LGA"], ROWS),
            "carrier": rng.choice(["UA", "B6", "HA"], ROWS, p=[0.6, 0.39, 0.01]),
            VERSION: rng.choice([3, 4], ROWS),
            ARM: rng.choice(["stable", "candidate"], ROWS),
        }
    )


def coded(values: pd.Series) -> Coded:
    found, codes = np.unique(values.to_numpy(), return_inverse=True)
    return Coded(codes=codes, values=tuple(found.tolist()))


def specs_of(given: config_pb2.EvalConfig) -> tuple[Spec, ...]:
    slices = [Spec(columns=tuple(one.feature_keys)) for one in given.slicing_specs]
    return measuring.specs(slices)


@pytest.fixture(scope="module")
def config() -> config_pb2.EvalConfig:
    return live_metrics.live_config(FLIGHTS, specs_of(FLIGHTS))


@pytest.fixture(scope="module")
def measured(frame, config, tmp_path_factory) -> tuple[Path, Any]:
    """Where metrics were written, and the slices."""
    columns = {name: coded(frame[name]) for name in ("origin", "carrier", VERSION, ARM)}
    slices = cut(columns, specs_of(FLIGHTS), ROWS)
    metrics = live_metrics.compute(
        config, frame.label.to_numpy(), frame.ringway_prediction.to_numpy(), slices
    )
    folder = tmp_path_factory.mktemp("mine")
    live_metrics.write(str(folder), config, metrics)
    return folder, slices


def by_slice(result: Any) -> dict[Any, dict[str, float]]:
    return {
        tuple(sorted(key)): {
            name: value.get("doubleValue", np.nan) for name, value in metrics[""][""].items()
        }
        for key, metrics in result.slicing_metrics
    }


def test_every_metric_of_every_slice_is_tfmas(frame, config, measured, tmp_path):
    mine = by_slice(tfma.load_eval_result(str(measured[0])))
    theirs = by_slice(tfma.analyze_raw_data(frame, config, output_path=str(tmp_path / "theirs")))
    assert mine.keys() == theirs.keys()
    assert len(mine) == 2 * (1 + 3 + 3 + 2)  # versions: whole, origins, carriers, arms
    for key, expected in theirs.items():
        assert mine[key] == pytest.approx(expected, rel=1e-9, nan_ok=True), key


def test_they_are_those_of_scikit_learn(frame, measured):
    mine = by_slice(tfma.load_eval_result(str(measured[0])))
    own = frame[frame[VERSION] == 3]
    found = mine[((VERSION, 3),)]
    assert found["example_count"] == len(own)
    # TFMA's area is one of 10,000 thresholds.
    area = roc_auc_score(own.label, own.ringway_prediction)
    assert found["auc"] == pytest.approx(area, abs=1e-4)
    loss = log_loss(own.label, own.ringway_prediction)
    assert found["binary_crossentropy"] == pytest.approx(loss, rel=1e-9)
    ratio = own.ringway_prediction.mean() / own.label.mean()
    assert found["calibration"] == pytest.approx(ratio, rel=1e-9)


def test_tfmas_area_and_delongs_agree_on_every_slice(frame, measured):
    folder, slices = measured
    mine = by_slice(tfma.load_eval_result(str(folder)))
    compared = 0
    for key in slices.cells:
        rows = slices.rows(key)
        exact = area_of(
            frame.label.to_numpy()[rows], frame.ringway_prediction.to_numpy()[rows], confidence=0.95
        )
        if exact is not None:
            assert mine[key]["auc"] == pytest.approx(exact.value, abs=5e-4)
            compared += 1
    assert compared >= 16


def test_tfma_loads_configuration_and_metrics(measured, config):
    folder, _ = measured
    result = tfma.load_eval_result(str(folder))
    assert result.config == config
    assert len(list(tfma.load_metrics(str(folder)))) == len(result.slicing_metrics)
    assert result.get_metrics_for_slice(((VERSION, 4),))["auc"]["doubleValue"] > 0.5


def test_bounds_and_baseline_are_gone_and_metrics_stay(config):
    assert [spec.name for spec in config.model_specs] == [""]
    [spec] = config.metrics_specs
    names = [metric.class_name for metric in spec.metrics]
    assert names[: len(FLIGHTS.metrics_specs[0].metrics)] == [
        metric.class_name for metric in FLIGHTS.metrics_specs[0].metrics
    ]
    assert {"AUC", "BinaryCrossEntropy", "Calibration", "ExampleCount"} <= set(names)
    assert not any(metric.per_slice_thresholds for metric in spec.metrics)
    assert [list(one.feature_keys) for one in config.slicing_specs][:2] == [
        [VERSION],
        [VERSION, "origin"],
    ]


def test_a_configuration_without_metrics_gets_those_that_are_always_reported():
    config = live_metrics.live_config(config_pb2.EvalConfig(), [Spec()])
    [spec] = config.metrics_specs
    assert [metric.class_name for metric in spec.metrics] == [
        "ExampleCount",
        "AUC",
        "BinaryCrossEntropy",
        "Calibration",
    ]


def test_no_rows_have_no_metrics(config):
    empty = np.empty(0)
    slices = cut({}, specs_of(FLIGHTS), 0)
    assert live_metrics.compute(config, empty, empty, slices) == {}
