"""What Evaluator measures of a model, and which bounds it must keep to be blessed.

The label is computed by the model's own `transform_features` signature, so that Evaluator, Trainer
and the live model cannot disagree on what it is. What is done with a model that is not
blessed is left to the runner.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from google.protobuf import wrappers_pb2

# Not `tfma.EvalConfig`, which is not there before all of TFMA was imported.
from tensorflow_model_analysis.proto import config_pb2

from pipelines.config import PipelineConfig
from pipelines.tabular.columns import SERVING_DEFAULT, TRANSFORM_FEATURES, transformed_name

CANDIDATE, BASELINE = "candidate", "baseline"

# A slice is judged when it has this many rows with the label 1, and as many with 0. Taxi trips paid
# in cash, in whose books there is one big tip in 2,500 trips, are not.
MIN_OF_EACH_CLASS = 10

# Computed by TFMA in NumPy; metrics of Keras would start TensorFlow anew for each slice.
_SHOWN_METRICS = ("ExampleCount", "BinaryAccuracy", "BinaryCrossEntropy", "Calibration")


def eval_config(config: PipelineConfig) -> config_pb2.EvalConfig:
    """Returns Evaluator's configuration for the bounds in `config.evaluation`."""
    bounds = config.evaluation
    return make_eval_config(
        label=config.label,
        min_auc=bounds.min_auc,
        min_slice_auc=bounds.min_slice_auc,
        max_auc_drop=bounds.max_auc_drop,
        min_slice_examples=bounds.min_slice_examples,
        slices=bounds.slices,
    )


def make_eval_config(
    *,
    label: str,
    min_auc: float,
    min_slice_auc: float,
    max_auc_drop: float,
    min_slice_examples: int,
    slices: Sequence[Sequence[str]],
) -> config_pb2.EvalConfig:
    """Returns Evaluator's configuration.

    Args:
        label: Raw column that the label is made of.
        min_auc: Lower bound of the area under the ROC curve on all examples.
        min_slice_auc: The same on each slice that is judged; which are, `SliceAUC` says.
        max_auc_drop: How far the area on all examples may fall below the baseline's. Without a
            baseline, as on the first run, Evaluator drops this bound.
        min_slice_examples: Slices with fewer examples are shown and not judged.
        slices: Names of raw columns; each sequence makes a slice per combination of their values.
    """
    change = config_pb2.GenericChangeThreshold(
        direction=config_pb2.MetricDirection.HIGHER_IS_BETTER,
        absolute=wrappers_pb2.DoubleValue(value=-max_auc_drop),
    )
    everything = config_pb2.SlicingSpec()
    by_columns = [config_pb2.SlicingSpec(feature_keys=list(names)) for names in slices]
    whole = _bounded(
        config_pb2.MetricConfig(class_name="AUC"),
        [everything],
        config_pb2.MetricThreshold(value_threshold=_at_least(min_auc), change_threshold=change),
    )
    sliced = _bounded(
        config_pb2.MetricConfig(
            class_name="SliceAUC",
            module="pipelines.tabular.slice_auc",
            config=json.dumps(
                {"min_examples": min_slice_examples, "min_of_each_class": MIN_OF_EACH_CLASS}
            ),
        ),
        by_columns,
        config_pb2.MetricThreshold(value_threshold=_at_least(min_slice_auc)),
    )
    shown = [config_pb2.MetricConfig(class_name=name) for name in _SHOWN_METRICS]
    return config_pb2.EvalConfig(
        model_specs=[
            config_pb2.ModelSpec(
                name=name,
                is_baseline=name == BASELINE,
                signature_name=SERVING_DEFAULT,
                preprocessing_function_names=[TRANSFORM_FEATURES],
                label_key=transformed_name(label),
            )
            for name in (CANDIDATE, BASELINE)
        ],
        slicing_specs=[everything, *by_columns],
        metrics_specs=[config_pb2.MetricsSpec(metrics=[whole, sliced, *shown])],
    )


def _bounded(
    metric: config_pb2.MetricConfig,
    slices: list[config_pb2.SlicingSpec],
    threshold: config_pb2.MetricThreshold,
) -> config_pb2.MetricConfig:
    # `MetricConfig.threshold`, in spite of its name, would hold for every slice.
    metric.per_slice_thresholds.add(slicing_specs=slices, threshold=threshold)
    return metric


def _at_least(bound: float) -> config_pb2.GenericValueThreshold:
    return config_pb2.GenericValueThreshold(lower_bound=wrappers_pb2.DoubleValue(value=bound))
