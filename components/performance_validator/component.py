"""`PerformanceValidator`: blesses what was served, if the model did what its evaluation promised.

What is measured is told in `live_metrics`; when it is degraded, in `verdict`.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

from google.protobuf import json_format
from tensorflow_model_analysis.proto import config_pb2
from tfx.dsl.components.base import executor_spec
from tfx.dsl.components.base.base_component import BaseComponent
from tfx.types import channel, standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.performance_validator import executor, keys
from components.performance_validator.verdict import Terms


class PerformanceValidatorSpec(ComponentSpec):
    """What goes into a `PerformanceValidator`, and what comes out."""

    PARAMETERS = {  # noqa: RUF012  (TFX reads class attributes)
        keys.TERMS: ExecutionParameter(type=str),
        keys.EVAL_CONFIG: ExecutionParameter(type=str),
        keys.LABEL_FN: ExecutionParameter(type=str),
        keys.EVALUATED: ExecutionParameter(type=str),
        keys.IDENTIFIERS: ExecutionParameter(type=str, optional=True),
        keys.TITLE: ExecutionParameter(type=str),
    }
    INPUTS = {  # noqa: RUF012
        keys.LABELLED_EXAMPLES: ChannelParameter(type=standard_artifacts.Examples),
        keys.EVALUATIONS: ChannelParameter(type=standard_artifacts.ModelEvaluation, optional=True),
    }
    OUTPUTS = {  # noqa: RUF012
        keys.PERFORMANCE: ChannelParameter(type=standard_artifacts.ModelEvaluation),
    }


class PerformanceValidator(BaseComponent):
    """Measures models on rows that they answered and whose labels have come since.

    Predictions stand in the rows, so no model is loaded. The output `performance` is a
    `ModelEvaluation` that TFMA reads, its metrics those of Evaluator, its slices those of Evaluator
    for each version. Beside them lie the findings as JSON; its custom properties are those of
    `components.performance_validator.keys`. Degraded performance doesn't fail the node.
    """

    SPEC_CLASS = PerformanceValidatorSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(  # noqa: PLR0913  (inputs and parameters of the node, given by name)
        self,
        *,
        labelled_examples: channel.BaseChannel,
        eval_config: config_pb2.EvalConfig,
        label_fn: str,
        evaluations: channel.BaseChannel | None = None,
        evaluated: Mapping[str, str] | None = None,
        terms: Mapping[str, Any] | None = None,
        identifiers: Sequence[str] = (),
        title: str = "Live performance",
    ) -> None:
        """Describes the node.

        Args:
            labelled_examples: Of `FeedbackJoin`.
            eval_config: As Evaluator takes it; its bounds are not looked at.
            label_fn: Import path of a function from arrays by column to an array of 0, 1, or NaN
                where the label cannot be told.
            evaluations: Of type `ModelEvaluation`, any number: those of the versions that served.
            evaluated: By version, the URI of its evaluation.
            terms: What performance is held to: the fields of `verdict.Terms`, by name.
            identifiers: Columns that together name an entity. Of several answers of a version about
                one entity the first counts for the area, as they have one label between them.
            title: What is looked at.

        Raises:
            ValueError: A parameter makes no sense.
        """
        if "." not in label_fn:
            raise ValueError(
                f"{keys.LABEL_FN}: expected the import path of a function, received {label_fn!r}"
            )
        held = dataclasses.asdict(Terms.of(terms or {}))
        config = json_format.MessageToDict(eval_config, preserving_proto_field_name=True)
        super().__init__(
            spec=PerformanceValidatorSpec(
                labelled_examples=labelled_examples,
                **({} if evaluations is None else {keys.EVALUATIONS: evaluations}),
                performance=channel.Channel(type=standard_artifacts.ModelEvaluation),
                terms=json.dumps(held, sort_keys=True),
                eval_config=json.dumps(config, sort_keys=True),
                label_fn=label_fn,
                evaluated=json.dumps(dict(evaluated or {}), sort_keys=True),
                identifiers=json.dumps(list(identifiers)),
                title=title,
            )
        )
