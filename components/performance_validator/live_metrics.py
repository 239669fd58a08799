"""What TFMA's metrics say of predictions that stand in rows, without a model and without Beam.

TFMA adds rows to each metric of each slice one by one, and within a Beam pipeline most of the time
goes into handing them over: 10 s for 6,000 rows in 40 slices. Here TFMA's own computations are fed
directly, each row once, into accumulators of the finest cells; those of a slice are merged from
its cells, as Beam merges those of its bundles. That takes 2 s, and gives the same numbers.

What needs whole queries, or compares slices, is left out, plots too.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_model_analysis as tfma
from google.protobuf import json_format
from tensorflow_model_analysis.metrics import metric_specs, metric_types
from tensorflow_model_analysis.proto import config_pb2
from tensorflow_model_analysis.writers import metrics_plots_and_validations_writer as tfma_writer

from components.performance_validator.slices import Key, Slices, Spec

LABEL, PREDICTION = "label", "ringway_prediction"

# Reported in any case.
_ALWAYS = ("ExampleCount", "AUC", "BinaryCrossEntropy", "Calibration")

_METRICS_FILE = "metrics-00000-of-00001.tfrecord"
_CONFIG_FILE = "eval_config.json"

Metrics = Mapping[metric_types.MetricKey, Any]


def live_config(given: config_pb2.EvalConfig, specs: Sequence[Spec]) -> config_pb2.EvalConfig:
    """Returns Evaluator's configuration for rows that hold predictions: same metrics, no bounds.

    Args:
        given: As Evaluator takes it.
        specs: The slices to make.
    """
    metrics_specs = [_unbounded(one) for one in given.metrics_specs if not one.query_key] or [
        config_pb2.MetricsSpec()
    ]
    known = {metric.class_name for one in metrics_specs for metric in one.metrics}
    lacking = [name for name in _ALWAYS if name not in known]
    metrics_specs[0].metrics.extend(config_pb2.MetricConfig(class_name=name) for name in lacking)
    return config_pb2.EvalConfig(
        model_specs=[config_pb2.ModelSpec(label_key=LABEL, prediction_key=PREDICTION)],
        metrics_specs=metrics_specs,
        slicing_specs=[
            config_pb2.SlicingSpec(feature_keys=spec.columns, feature_values=dict(spec.only))
            for spec in specs
        ],
    )


def compute(
    config: config_pb2.EvalConfig, labels: np.ndarray, predictions: np.ndarray, slices: Slices
) -> dict[Key, Metrics]:
    """Returns the metrics of each slice.

    Args:
        config: As `live_config` makes it.
        labels: 1 or 0, shape `(rows,)`.
        predictions: Likewise, from 0 to 1.
        slices: What to make metrics of.
    """
    computing = _Computations(config)
    # Of one class alone TFMA divides 0 by 0, and of a prediction of 0 it takes the logarithm.
    with np.errstate(divide="ignore", invalid="ignore"):
        cells = computing.accumulated(labels, predictions, slices.cell_of)
        return {
            key: computing.extracted([cells[cell] for cell in own])
            for key, own in slices.cells.items()
        }


def write(folder: str, config: config_pb2.EvalConfig, metrics: Mapping[Key, Metrics]) -> None:
    """Writes metrics so that `tfma.load_eval_result` and `tfma.load_metrics` read them."""
    run = config_pb2.EvalRun(
        eval_config=config,
        version=tfma.version.VERSION,
        data_location="what was served, with labels",
        file_format="tfrecords",
        model_locations={"": ""},
    )
    with tf.io.gfile.GFile(f"{folder}/{_CONFIG_FILE}", "w") as file:
        file.write(json_format.MessageToJson(run))
    with tf.io.TFRecordWriter(f"{folder}/{_METRICS_FILE}") as file:
        for item in metrics.items():
            proto = tfma_writer.convert_slice_metrics_to_proto(item, None)
            file.write(proto.SerializeToString(deterministic=True))


def numbers(metrics: Metrics) -> dict[str, float]:
    """Returns the metrics of a slice that are numbers, by name; NaN among them."""
    return {
        key.name: float(value)
        for key, value in metrics.items()
        if isinstance(value, int | float | np.number)
        or (isinstance(value, np.ndarray) and value.size == 1)
    }


def _unbounded(given: config_pb2.MetricsSpec) -> config_pb2.MetricsSpec:
    spec = config_pb2.MetricsSpec()
    spec.CopyFrom(given)
    for field in ("model_names", "thresholds", "per_slice_thresholds", "cross_slice_thresholds"):
        spec.ClearField(field)
    for metric in spec.metrics:
        for field in ("threshold", "per_slice_thresholds", "cross_slice_thresholds"):
            metric.ClearField(field)
    return spec


class _Computations:
    """TFMA's computations of a configuration: those that see rows, and those made of others."""

    def __init__(self, config: config_pb2.EvalConfig) -> None:
        made = metric_specs.to_computations(list(config.metrics_specs), eval_config=config)
        unique = dict.fromkeys(made)  # metrics bring what they are made of, often the same
        self._direct = [one for one in unique if isinstance(one, metric_types.MetricComputation)]
        self._derived = [
            one for one in unique if isinstance(one, metric_types.DerivedMetricComputation)
        ]

    def accumulated(
        self, labels: np.ndarray, predictions: np.ndarray, cell_of: np.ndarray
    ) -> dict[int, bytes]:
        """Returns the accumulators of each cell, pickled, as merging may change what it merges."""
        combiners = [one.combiner for one in self._direct]
        shared = [_is_standard(one) for one in self._direct]
        cells: dict[int, list[Any]] = {}
        for row, cell in enumerate(cell_of.tolist()):
            extracts = {
                tfma.LABELS_KEY: labels[row : row + 1],
                tfma.PREDICTIONS_KEY: predictions[row : row + 1],
            }
            standard = metric_types.StandardMetricInputs(extracts)
            sums = cells.get(cell) or [one.create_accumulator() for one in combiners]
            cells[cell] = [
                combiner.add_input(total, standard)
                if is_shared
                else combiner.add_inputs(total, list(_preprocessed(computation, extracts)))
                for computation, combiner, total, is_shared in zip(
                    self._direct, combiners, sums, shared, strict=True
                )
            ]
        return {cell: pickle.dumps(sums) for cell, sums in cells.items()}

    def extracted(self, cells: Sequence[bytes]) -> Metrics:
        """Returns the metrics of cells taken together."""
        parts = [pickle.loads(cell) for cell in cells]
        found: dict[Any, Any] = {}
        for number, computation in enumerate(self._direct):
            combiner = computation.combiner
            # An iterator: TFMA's cross entropy adds the first of a list twice.
            merged = combiner.merge_accumulators(iter([sums[number] for sums in parts]))
            found.update(combiner.extract_output(merged))
        for derived in self._derived:
            found.update(derived.result(found))
        return {key: value for key, value in found.items() if _is_metric(key)}


def _is_standard(computation: Any) -> bool:
    kinds = [type(one) for one in computation.preprocessors or ()]
    return kinds in ([], [metric_types.StandardMetricInputsPreprocessor])


def _preprocessed(computation: Any, extracts: Mapping[str, Any]) -> Iterator[Any]:
    found = [extracts]
    for preprocessor in computation.preprocessors:
        found = [made for one in found for made in preprocessor.process(one)]
    yield from found


def _is_metric(key: Any) -> bool:
    # Plots and attributions have kinds of keys of their own; what metrics are made of is private.
    return type(key) is metric_types.MetricKey and not (
        key.name.startswith("_") and not key.name.startswith("__")
    )
