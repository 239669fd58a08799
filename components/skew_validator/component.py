"""`SkewValidator`: blesses what was served, if it is distributed as what the model was trained on.

What is compared, and how, is told in `validation`; what it is held to in `terms`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tfx.dsl.components.base import executor_spec
from tfx.dsl.components.base.base_beam_component import BaseBeamComponent
from tfx.types import channel, standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.skew_validator import executor, keys
from components.skew_validator.settings import Settings

_EXAMPLES = standard_artifacts.Examples
_STATISTICS = standard_artifacts.ExampleStatistics

# Fewer are always too few, and a sample of everything needs some memory.
_MIN_ROWS = 1_000


class SkewValidatorSpec(ComponentSpec):
    """What goes into a `SkewValidator`, and what comes out."""

    PARAMETERS = {  # noqa: RUF012  (TFX reads class attributes)
        keys.TERMS: ExecutionParameter(type=str),
        keys.SEED: ExecutionParameter(type=int),
        keys.TRAINING_SPLIT: ExecutionParameter(type=str),
        keys.SERVING_SPLIT: ExecutionParameter(type=str),
        keys.EVAL_SPLIT: ExecutionParameter(type=str),
        keys.MODEL_VERSION: ExecutionParameter(type=str),
        keys.LABEL: ExecutionParameter(type=str),
        keys.TITLE: ExecutionParameter(type=str),
        keys.AGAINST: ExecutionParameter(type=str),
        keys.ENVIRONMENT: ExecutionParameter(type=str),
        keys.MAX_ROWS: ExecutionParameter(type=int),
        keys.PREDICTION_OUTPUT: ExecutionParameter(type=str),
    }
    INPUTS = {  # noqa: RUF012
        keys.SERVING_EXAMPLES: ChannelParameter(type=_EXAMPLES),
        keys.SERVING_STATISTICS: ChannelParameter(type=_STATISTICS, optional=True),
        keys.SCHEMA: ChannelParameter(type=standard_artifacts.Schema),
        keys.TRAINING_EXAMPLES: ChannelParameter(type=_EXAMPLES, optional=True),
        keys.TRAINING_STATISTICS: ChannelParameter(type=_STATISTICS, optional=True),
        keys.PREVIOUS_EXAMPLES: ChannelParameter(type=_EXAMPLES, optional=True),
        keys.PREVIOUS_STATISTICS: ChannelParameter(type=_STATISTICS, optional=True),
        keys.MODEL: ChannelParameter(type=standard_artifacts.Model, optional=True),
    }
    OUTPUTS = {  # noqa: RUF012
        keys.ANOMALIES: ChannelParameter(type=standard_artifacts.ExampleAnomalies),
    }


class SkewValidator(BaseBeamComponent):
    """Compares what was served with what the model was trained on, or with what came before.

    The output `anomalies` is an `ExampleAnomalies` that stock tools read. Beside the anomalies its
    folder holds the findings, as JSON and as a page to look at; its custom properties are those of
    `components.skew_validator.keys`. Anomalies don't fail the node.
    """

    SPEC_CLASS = SkewValidatorSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)

    def __init__(  # noqa: PLR0913  (inputs and parameters of the node, given by name)
        self,
        *,
        serving_examples: channel.BaseChannel,
        schema: channel.BaseChannel,
        training_examples: channel.BaseChannel | None = None,
        training_statistics: channel.BaseChannel | None = None,
        serving_statistics: channel.BaseChannel | None = None,
        previous_examples: channel.BaseChannel | None = None,
        previous_statistics: channel.BaseChannel | None = None,
        model: channel.BaseChannel | None = None,
        terms: Mapping[str, Any] | None = None,
        against: str = keys.TRAINING,
        seed: int = 0,
        training_split: str = "train",
        serving_split: str = "serving",
        eval_split: str = "eval",
        model_version: str = "",
        label: str = "",
        title: str = "Skew",
        environment: str = "SERVING",
        max_rows: int = 1_000_000,
        prediction_output: str = "",
    ) -> None:
        """Describes the node.

        Args:
            serving_examples: Of type `Examples`: what was served.
            schema: Of type `Schema`, with the environments TRAINING and SERVING.
            training_examples: Of type `Examples`: what the model was trained on. Without them there
                is nothing to compare with, unless `against` is "previous".
            training_statistics: Of type `ExampleStatistics`: those of the training examples. Made
                from the examples where they are not given.
            serving_statistics: Likewise of the examples that were served.
            previous_examples: Of type `Examples`: what was served before; what `against` "previous"
                compares with.
            previous_statistics: Likewise of those.
            model: Of type `Model`: predictions are compared with those that it makes on the eval
                split of the training examples. Without it they are not compared.
            terms: What the check is held to: the fields of `settings.Settings`, by name.
            against: "training" or "previous". The schema's `skew_comparator` is read for the first,
                `drift_comparator` for the second.
            seed: Of the random splits, and of the choice of rows where there are too many.
            training_split: The split of the training examples to compare with.
            serving_split: The split of the other examples.
            eval_split: The split of the training examples that predictions are made for.
            model_version: Only rows that this version served count for predictions; all if empty.
            label: The column that is predicted. It is compared where the schema expects it in the
                environment.
            title: Of the report.
            environment: The schema's environment that serving has to obey.
            max_rows: Rows of a side that are looked at, a random choice where there are more.
            prediction_output: The model's output that is the prediction. By default the only one,
                or `scores`, as in `PredictionLogExampleGen`.

        Raises:
            ValueError: A parameter is out of range, or the terms name something that is not there.
        """
        if against not in (keys.TRAINING, keys.PREVIOUS):
            raise ValueError(
                f"{keys.AGAINST}: expected {keys.TRAINING!r} or {keys.PREVIOUS!r}, received "
                f"{against!r}"
            )
        if max_rows < _MIN_ROWS:
            raise ValueError(f"{keys.MAX_ROWS}: expected at least {_MIN_ROWS}, received {max_rows}")
        if seed < 0:
            raise ValueError(f"{keys.SEED}: expected 0 or more, received {seed}")
        texts = {
            keys.TRAINING_SPLIT: training_split,
            keys.SERVING_SPLIT: serving_split,
            keys.EVAL_SPLIT: eval_split,
            keys.ENVIRONMENT: environment,
        }
        for key, text in texts.items():
            if not text:
                raise ValueError(f"{key}: expected a text with at least one character")
        settings = Settings.of(terms or {})
        inputs = {
            keys.TRAINING_EXAMPLES: training_examples,
            keys.TRAINING_STATISTICS: training_statistics,
            keys.SERVING_STATISTICS: serving_statistics,
            keys.PREVIOUS_EXAMPLES: previous_examples,
            keys.PREVIOUS_STATISTICS: previous_statistics,
            keys.MODEL: model,
        }
        super().__init__(
            spec=SkewValidatorSpec(
                serving_examples=serving_examples,
                schema=schema,
                **{key: given for key, given in inputs.items() if given is not None},
                anomalies=channel.Channel(type=standard_artifacts.ExampleAnomalies),
                terms=json.dumps(settings.to_dict(), sort_keys=True),
                seed=seed,
                **texts,
                model_version=model_version,
                label=label,
                title=title,
                against=against,
                max_rows=max_rows,
                prediction_output=prediction_output,
            )
        )
