"""`ServingValidator`: blesses a model that Ringway's server serves as it was trained.

It stands where stock TFX has InfraValidator, which needs Docker or Kubernetes, and gives the same
`InfraBlessing`, so that the stock Pusher takes either. What is checked is told in `validation`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tfx.dsl.components.base import executor_spec
from tfx.dsl.components.base.base_component import BaseComponent
from tfx.types import channel, standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.serving_validator import executor
from components.serving_validator.keys import (
    BLESSING,
    CALL_TIMEOUT_SEC,
    EXAMPLES,
    MAX_P99_MS,
    MODEL,
    MODEL_NAME,
    NUM_EXAMPLES,
    SERVER,
    SPLIT,
    START_TIMEOUT_SEC,
)

if TYPE_CHECKING:
    # It is run, not imported. But what a result depends on is found by following imports, and a
    # change of the server is a reason to ask again.
    from serving.server import program  # noqa: F401


class ServingValidatorSpec(ComponentSpec):
    """What goes into a `ServingValidator`, and what comes out."""

    PARAMETERS = {  # noqa: RUF012  (TFX reads class attributes)
        MODEL_NAME: ExecutionParameter(type=str),
        SPLIT: ExecutionParameter(type=str),
        NUM_EXAMPLES: ExecutionParameter(type=int),
        MAX_P99_MS: ExecutionParameter(type=float, optional=True),
        START_TIMEOUT_SEC: ExecutionParameter(type=float),
        CALL_TIMEOUT_SEC: ExecutionParameter(type=float),
        SERVER: ExecutionParameter(type=str),
    }
    INPUTS = {  # noqa: RUF012
        MODEL: ChannelParameter(type=standard_artifacts.Model),
        EXAMPLES: ChannelParameter(type=standard_artifacts.Examples),
    }
    OUTPUTS = {  # noqa: RUF012
        BLESSING: ChannelParameter(type=standard_artifacts.InfraBlessing),
    }


class ServingValidator(BaseComponent):
    """Serves a candidate for a moment and compares its answers with those computed offline.

    The output `blessing` is an `InfraBlessing`. When the model passed, it also holds the model,
    with warm-up requests; a stock Pusher that is given `infra_blessing` and no `model` pushes that
    one. Its custom properties are those of `components.serving_validator.keys`.
    """

    SPEC_CLASS = ServingValidatorSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(  # noqa: PLR0913  (parameters of the node, given by name)
        self,
        model: channel.BaseChannel,
        examples: channel.BaseChannel,
        *,
        model_name: str = "candidate",
        split: str = "eval",
        num_examples: int = 64,
        max_p99_ms: float | None = None,
        start_timeout_sec: float = 120.0,
        call_timeout_sec: float = 30.0,
        server: str = "serving.server.program",
    ) -> None:
        """Describes the node.

        Args:
            model: Of type `Model`: the candidate, a SavedModel.
            examples: Of type `Examples`: raw ones, as they come in for serving.
            model_name: The name to serve it under; stands in the warm-up requests.
            split: The split to take examples from.
            num_examples: How many to replay, the first of the split; all if there are fewer.
            max_p99_ms: Bound of the 99th percentile of single calls, in milliseconds; None for
                none. It is measured on the machine of the pipeline while other nodes run there.
            start_timeout_sec: How long the server may take to load the model.
            call_timeout_sec: How long it may take to answer one call.
            server: Import path of the module that is run as the server. As a parameter it makes
                the server's code part of what the node's result depends on.

        Raises:
            ValueError: A number is not positive, or a text is empty.
        """
        numbers: dict[str, float] = {
            NUM_EXAMPLES: num_examples,
            # TFX takes no int for a float.
            START_TIMEOUT_SEC: float(start_timeout_sec),
            CALL_TIMEOUT_SEC: float(call_timeout_sec),
        }
        if max_p99_ms is not None:
            numbers[MAX_P99_MS] = float(max_p99_ms)
        texts = {MODEL_NAME: model_name, SPLIT: split, SERVER: server}
        for key, number in numbers.items():
            if not (number > 0 and math.isfinite(number)):
                raise ValueError(f"{key}: expected a number above 0, received {number!r}")
        for key, text in texts.items():
            if not text:
                raise ValueError(f"{key}: expected a text with at least one character")
        super().__init__(
            spec=ServingValidatorSpec(
                model=model,
                examples=examples,
                blessing=channel.Channel(type=standard_artifacts.InfraBlessing),
                **numbers,
                **texts,
            )
        )
