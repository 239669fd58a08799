"""What Evaluator measures of a taxi model, and which bounds it must keep to be blessed.

The label is computed by the model's own `transform_features` signature, so that Evaluator, Trainer
and the live model cannot disagree on what a big tip is. What is done with a model that is not
blessed is left to the runner.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

from google.protobuf import wrappers_pb2

# Not `tfma.EvalConfig`, which is not there before all of TFMA was imported.
from tensorflow_model_analysis.proto import config_pb2

from pipelines.config import PipelineConfig
from pipelines.taxi import features

CANDIDATE, BASELINE = "candidate", "baseline"
JUDGED_METRIC = "AUC"
OTHER_METRICS = ("ExampleCount", "BinaryAccuracy", "BinaryCrossentropy", "Calibration")

# An area needs both classes. Cash is tipped in the books once in 2,500 trips, so that its area is
# noise; all slices by means of payment are measured, and this one is judged.
JUDGED_VALUES: Mapping[str, Sequence[str]] = {"payment_type": ("Credit Card",)}


def eval_config(config: PipelineConfig) -> config_pb2.EvalConfig:
    """Returns Evaluator's configuration for the bounds in `config.evaluation`."""
    bounds = config.evaluation
    return make_eval_config(
        min_auc=bounds.min_auc,
        min_slice_auc=bounds.min_slice_auc,
        max_auc_drop=bounds.max_auc_drop,
        min_slice_examples=bounds.min_slice_examples,
        slices=bounds.slices,
    )


def make_eval_config(
    *,
    min_auc: float,
    min_slice_auc: float,
    max_auc_drop: float,
    min_slice_examples: int,
    slices: Sequence[Sequence[str]],
) -> config_pb2.EvalConfig:
    """Returns Evaluator's configuration.

    Args:
        min_auc: Lower bound of the area under the ROC curve on all examples.
        min_slice_auc: The same on each judged slice.
        max_auc_drop: How far the area on all examples may fall below the baseline's. Without a
            baseline, as on the first run, Evaluator drops this bound.
        min_slice_examples: Slices with fewer examples are neither measured nor judged.
        slices: Names of raw columns; each sequence makes a slice per combination of their values.
    """
    whole = config_pb2.MetricThreshold(
        value_threshold=_at_least(min_auc),
        change_threshold=config_pb2.GenericChangeThreshold(
            direction=config_pb2.MetricDirection.HIGHER_IS_BETTER,
            absolute=wrappers_pb2.DoubleValue(value=-max_auc_drop),
        ),
    )
    judged = config_pb2.MetricConfig(
        class_name=JUDGED_METRIC,
        threshold=whole,
        per_slice_thresholds=[
            config_pb2.PerSliceMetricThreshold(
                slicing_specs=[spec for features_ in slices for spec in _judged_specs(features_)],
                threshold=config_pb2.MetricThreshold(value_threshold=_at_least(min_slice_auc)),
            )
        ],
    )
    others = [config_pb2.MetricConfig(class_name=name) for name in OTHER_METRICS]
    return config_pb2.EvalConfig(
        model_specs=[
            config_pb2.ModelSpec(
                name=name,
                is_baseline=name == BASELINE,
                signature_name=features.SERVING_DEFAULT,
                preprocessing_function_names=[features.TRANSFORM_FEATURES],
                label_key=features.TRANSFORMED_LABEL,
            )
            for name in (CANDIDATE, BASELINE)
        ],
        slicing_specs=[
            config_pb2.SlicingSpec(),
            *(config_pb2.SlicingSpec(feature_keys=list(names)) for names in slices),
        ],
        metrics_specs=[config_pb2.MetricsSpec(metrics=[judged, *others])],
        options=config_pb2.Options(
            min_slice_size=wrappers_pb2.Int32Value(value=min_slice_examples)
        ),
    )


def _judged_specs(names: Sequence[str]) -> list[config_pb2.SlicingSpec]:
    """Returns the slices by these columns that a bound holds for."""
    fixed = {name: JUDGED_VALUES[name] for name in names if name in JUDGED_VALUES}
    free = [name for name in names if name not in JUDGED_VALUES]
    return [
        config_pb2.SlicingSpec(feature_keys=free, feature_values=dict(zip(fixed, values, strict=True)))
        for values in itertools.product(*fixed.values())
    ]


def _at_least(bound: float) -> config_pb2.GenericValueThreshold:
    return config_pb2.GenericValueThreshold(lower_bound=wrappers_pb2.DoubleValue(value=bound))
