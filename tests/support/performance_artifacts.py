"""Served taxi trips with labels, an evaluation to compare with, and what became of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import tensorflow_model_analysis as tfma
from google.protobuf import json_format
from skew_artifacts import Row, examples
from tensorflow_model_analysis.proto import config_pb2
from tfx import types
from tfx.types import standard_artifacts

from components.feedback_join import keys as join
from components.performance_validator import findings, keys
from components.performance_validator.executor import Executor
from components.performance_validator.findings import Findings

LABEL_FN = "performance_artifacts.big_tip"  # below
CONFIG = config_pb2.EvalConfig(
    model_specs=[
        config_pb2.ModelSpec(name="candidate", label_key="label_xf"),
        config_pb2.ModelSpec(name="baseline", is_baseline=True, label_key="label_xf"),
    ],
    slicing_specs=[config_pb2.SlicingSpec(), config_pb2.SlicingSpec(feature_keys=["company"])],
    metrics_specs=[
        config_pb2.MetricsSpec(
            metrics=[
                config_pb2.MetricConfig(class_name="AUC"),
                config_pb2.MetricConfig(
                    class_name="SliceAUC",
                    module="pipelines.tabular.slice_auc",
                    config='{"min_examples": 400, "min_of_each_class": 10}',
                ),
                config_pb2.MetricConfig(class_name="BinaryAccuracy"),
            ]
        )
    ],
)


def big_tip(columns: Mapping[str, np.ndarray]) -> np.ndarray:
    """Returns 1 where a tip is more than two dollars."""
    tips = columns["tips"]
    return np.where(np.isnan(tips), np.nan, tips > 2)


def trips(
    count: int, *, skill: float, version: int | None = 7, arm: str = "", seed: int = 0
) -> list[Row]:
    """Returns served rows with labels, a third of them 1.

    Args:
        count: How many.
        skill: How far predictions for 1 lie above those for 0, in standard deviations; the area is
            Phi(skill / sqrt 2): 0.5 for 0, 0.7602 for 1, 0.9214 for 2.
        version: That served.
        arm: Of a rollout.
        seed: Of the rows.
    """
    rng = np.random.default_rng(seed)
    labels = rng.random(count) < 1 / 3
    scores = 1 / (1 + np.exp(-rng.normal(skill * labels, 1.0)))
    found: list[Row] = []
    for label, score in zip(labels, scores, strict=True):
        row: Row = {
            "company": [b"Blue", b"Red"][int(rng.integers(2))],
            "fare": 10.0,
            "tips": 5.0 if label else 1.0,
            "ringway_prediction": float(score),
            "ringway_request_id": b"%08x" % len(found),
        }
        row |= {} if version is None else {"ringway_model_version": version}
        row |= {"ringway_arm": arm.encode()} if arm else {}
        found.append(row)
    return found


def labels_of(rows: Sequence[Row]) -> np.ndarray:
    return np.array([float(row["tips"] > 2) for row in rows])


def scores_of(rows: Sequence[Row]) -> np.ndarray:
    # Examples hold them in 32 bits.
    return np.array([row["ringway_prediction"] for row in rows], np.float32).astype(np.float64)


def labelled(folder: Path, rows: Sequence[Row], unmatched: int = 0) -> types.Artifact:
    """Makes what the join writes; the rows that found no label are of the first one's version."""
    artifact = examples(folder, **{join.SPLIT: rows})
    versions: dict[str, dict[str, dict[str, int]]] = {}
    for place, row in enumerate([*rows, *(rows[0] for _ in range(unmatched))]):
        version = str(row.get("ringway_model_version", ""))
        arm = row.get("ringway_arm", b"").decode()
        counts = versions.setdefault(version, {}).setdefault(arm, {"served": 0})
        counts["served"] += 1
        counts["matched"] = counts.get("matched", 0) + (place < len(rows))
    (folder / join.REPORT_FILE).write_text(json.dumps({"versions": versions}))
    artifact.set_int_custom_property(join.SERVED, len(rows) + unmatched)
    artifact.set_int_custom_property(join.MATCHED, len(rows))
    return artifact


def evaluation(folder: Path, rows: Sequence[Row]) -> types.Artifact:
    """Makes an evaluation with TFMA itself, as Evaluator does of its eval split."""
    config = config_pb2.EvalConfig(
        model_specs=[config_pb2.ModelSpec(label_key="label", prediction_key="prediction")],
        slicing_specs=CONFIG.slicing_specs,
        metrics_specs=[config_pb2.MetricsSpec(metrics=[config_pb2.MetricConfig(class_name="AUC")])],
    )
    frame = pd.DataFrame(
        {
            "label": labels_of(rows),
            "prediction": scores_of(rows),
            "company": [row["company"].decode() for row in rows],
        }
    )
    tfma.analyze_raw_data(frame, config, output_path=str(folder))
    artifact = standard_artifacts.ModelEvaluation()
    artifact.uri = str(folder)
    return artifact


class Validated:
    """What the executor wrote."""

    def __init__(self, artifact: types.Artifact) -> None:
        self.artifact = artifact
        self.folder = Path(artifact.uri)
        text = (self.folder / keys.FINDINGS_FILE).read_text(encoding="utf-8")
        self.findings: Findings = findings.from_json(text)


def execute(
    root: Path,
    rows: types.Artifact,
    evaluations: Mapping[str, types.Artifact] | None = None,
    *,
    config: config_pb2.EvalConfig = CONFIG,
    label_fn: str = LABEL_FN,
    identifiers: Sequence[str] = (),
    **terms: Any,
) -> Validated:
    output = standard_artifacts.ModelEvaluation()
    output.uri = str(root / "performance")
    given = dict(evaluations or {})
    Executor().Do(
        {keys.LABELLED_EXAMPLES: [rows], keys.EVALUATIONS: list(given.values())},
        {keys.PERFORMANCE: [output]},
        {
            keys.TERMS: json.dumps(terms),
            keys.EVAL_CONFIG: json_format.MessageToJson(config),
            keys.LABEL_FN: label_fn,
            keys.EVALUATED: json.dumps({version: one.uri for version, one in given.items()}),
            keys.IDENTIFIERS: json.dumps(list(identifiers)),
            keys.TITLE: "taxi: one day",
        },
    )
    return Validated(output)
