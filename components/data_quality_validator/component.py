"""`DataQualityValidator`: examples in, anomalies out, by rules that are written down as data.

It stands beside stock ExampleValidator, which holds statistics against the schema, and gives the
same `ExampleAnomalies`, so that whatever stops at the one stops at the other.
"""

from __future__ import annotations

import math
from typing import Any

from tfx.dsl.components.base import executor_spec
from tfx.dsl.components.base.base_component import BaseComponent
from tfx.types import channel, standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.data_quality_validator import executor
from components.data_quality_validator.keys import (
    ANOMALIES,
    EXAMPLES,
    HOUR,
    NOW_SEC,
    RULES_PATH,
    SCHEMA,
)


class DataQualityValidatorSpec(ComponentSpec):
    """What goes into a `DataQualityValidator`, and what comes out."""

    PARAMETERS = {  # noqa: RUF012  (TFX reads class attributes)
        RULES_PATH: ExecutionParameter(type=str),
        NOW_SEC: ExecutionParameter(type=float, optional=True),
        HOUR: ExecutionParameter(type=int, optional=True),
    }
    INPUTS = {  # noqa: RUF012
        EXAMPLES: ChannelParameter(type=standard_artifacts.Examples),
        SCHEMA: ChannelParameter(type=standard_artifacts.Schema),
    }
    OUTPUTS = {  # noqa: RUF012
        ANOMALIES: ChannelParameter(type=standard_artifacts.ExampleAnomalies),
    }


class DataQualityValidator(BaseComponent):
    """Measures accuracy, completeness, consistency and timeliness of a span of examples.

    The output `anomalies` holds a `SchemaDiff.pb` for each split, an `Anomalies` message with an
    entry for each rule that the data breaks, and `quality.json` with all that was measured. Its
    custom properties are those of `components.data_quality_validator.keys`. What a rule is stands
    in `components.data_quality_validator.rules`.
    """

    SPEC_CLASS = DataQualityValidatorSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        examples: channel.BaseChannel,
        schema: channel.BaseChannel,
        *,
        rules_path: str,
        now_sec: float | None = None,
        hour: int | None = None,
    ) -> None:
        """Describes the node.

        Args:
            examples: Of type `Examples`, tf.Examples in TFRecord files.
            schema: Of type `Schema`; the types of the columns are those it says.
            rules_path: A TOML file.
            now_sec: Seconds since 1970, from which the age of the newest row counts where a rule
                asks for that; if None, when the node is run.
            hour: Hour in which the pipeline is made, since 1970. A node's result is reused while
                its inputs and parameters are the same, and so would be the age that was found
                long ago; with this, it is reused within the hour. See `clock.hour_asked_for`.

        Raises:
            ValueError: The path is empty, or the time is no finite number.
        """
        if not rules_path:
            raise ValueError(f"{RULES_PATH}: expected the path of a TOML file, received ''")
        if now_sec is not None and not math.isfinite(now_sec):
            raise ValueError(f"{NOW_SEC}: expected seconds since 1970, received {now_sec!r}")
        parameters: dict[str, Any] = {RULES_PATH: rules_path}
        if now_sec is not None:
            parameters[NOW_SEC] = float(now_sec)  # TFX takes no int for a float
        if hour is not None:
            parameters[HOUR] = hour
        super().__init__(
            spec=DataQualityValidatorSpec(
                examples=examples,
                schema=schema,
                anomalies=channel.Channel(type=standard_artifacts.ExampleAnomalies),
                **parameters,
            )
        )
