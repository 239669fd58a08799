"""`PredictionLogExampleGen`: the served rows of a window, as examples like those of training.

Its output is as that of stock CsvExampleGen, so that StatisticsGen and all that follows read it.
What becomes of records is told in `records`, what the report says in `report`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from tfx.dsl.components.base import executor_spec
from tfx.dsl.components.base.base_beam_component import BaseBeamComponent
from tfx.types import channel, standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.prediction_log_example_gen import executor, keys, windows
from components.prediction_log_example_gen.plan import ARMS, absent_values


class PredictionLogExampleGenSpec(ComponentSpec):
    """What goes into a `PredictionLogExampleGen`, and what comes out."""

    PARAMETERS = {  # noqa: RUF012  (TFX reads class attributes)
        keys.LOG_FOLDER: ExecutionParameter(type=str),
        keys.LOG_PREFIX: ExecutionParameter(type=str),
        keys.WINDOW_SEC: ExecutionParameter(type=int),
        keys.START_SEC: ExecutionParameter(type=int),
        keys.END_SEC: ExecutionParameter(type=int),
        keys.SCHEMA_PATH: ExecutionParameter(type=str),
        keys.ABSENT: ExecutionParameter(type=str),
        keys.MODEL_NAME: ExecutionParameter(type=str),
        keys.PREDICTION_OUTPUT: ExecutionParameter(type=str),
        keys.SPLIT: ExecutionParameter(type=str),
        keys.LOG_FINGERPRINT: ExecutionParameter(type=str),
        keys.ARMS: ExecutionParameter(type=str),
    }
    INPUTS = {  # noqa: RUF012
        keys.SCHEMA: ChannelParameter(type=standard_artifacts.Schema, optional=True),
    }
    OUTPUTS = {  # noqa: RUF012
        keys.EXAMPLES: ChannelParameter(type=standard_artifacts.Examples),
    }


class PredictionLogExampleGen(BaseBeamComponent):
    """Makes tf.Examples of what a model server logged in a window of time.

    The output `examples` has one split, the window's number as span, and beside the served columns
    those of `components.prediction_log_example_gen.keys` whose names begin with `ringway_`. In its
    folder lies `log_report.json`; the counts are custom properties, too.
    """

    SPEC_CLASS = PredictionLogExampleGenSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)

    def __init__(  # noqa: PLR0913  (parameters of the node, given by name)
        self,
        log_folder: str | os.PathLike[str],
        *,
        window: str,
        span: int | None = None,
        start: int | None = None,
        end: int | None = None,
        schema: channel.BaseChannel | None = None,
        schema_path: str | os.PathLike[str] = "",
        absent: Mapping[str, Any] | None = None,
        model_name: str = "",
        log_prefix: str = "",
        prediction_output: str = "",
        split: str = "serving",
        log_fingerprint: str = "",
        arms: str = keys.ANSWERED,
    ) -> None:
        """Describes the node.

        Args:
            log_folder: Where the shards of the request log lie.
            window: Length of a window, such as `"1h"` or `"1d"`; days are those of UTC.
            span: Number of the window, counted from 1970. Either this, or `start` and `end`.
            start: Start of the first window, in seconds since 1970.
            end: End of the last one. Examples of several windows have the first one's number.
            schema: Of type `Schema`. Either this, or `schema_path`.
            schema_path: A schema in text form.
            absent: By feature the value that callers send for none where the model takes tensors:
                a text or a number, NaN among them. What equals it gives no value.
            model_name: Only what this model answered; anything for "".
            log_prefix: Only shards whose names begin so; all for "".
            prediction_output: The output that `ringway_prediction` holds. For "" it is the only
                one, or the `scores` of Classify. Other outputs stand in columns of their own.
            split: Name of the split.
            log_fingerprint: What identifies the shards, as `shards.fingerprint` gives it. TFX's
                cache knows a log by its parameters alone: without one, a window is not read anew
                when records come late.
            arms: During a rollout, `"answered"` reads what callers got, `"shadow"` what a shadow
                answered to copies of their requests, `"all"` both; `ringway_arm` tells which.

        Raises:
            ValueError: A parameter makes no sense, or two of them contradict each other.
        """
        texts = {keys.LOG_FOLDER: os.fspath(log_folder), keys.SPLIT: split}
        for key, text in texts.items():
            if not text:
                raise ValueError(f"{key}: expected a text with at least one character")
        if arms not in ARMS:
            raise ValueError(f"{keys.ARMS}: expected one of {', '.join(ARMS)}, received {arms!r}")
        if (schema is None) == (not os.fspath(schema_path)):
            raise ValueError("Expected either schema or schema_path.")
        chosen = _range(windows.seconds(window), span, start, end)
        given = json.dumps(dict(absent or {}), sort_keys=True)
        absent_values(given)
        super().__init__(
            spec=PredictionLogExampleGenSpec(
                **({} if schema is None else {keys.SCHEMA: schema}),
                examples=channel.Channel(type=standard_artifacts.Examples),
                **texts,
                log_prefix=log_prefix,
                window_sec=chosen.window_sec,
                start_sec=chosen.start_sec,
                end_sec=chosen.end_sec,
                schema_path=os.fspath(schema_path),
                absent=given,
                model_name=model_name,
                prediction_output=prediction_output,
                log_fingerprint=log_fingerprint,
                arms=arms,
            )
        )


def _range(window_sec: int, span: int | None, start: int | None, end: int | None) -> windows.Range:
    if span is not None and start is None and end is None:
        return windows.of_span(window_sec, span)
    if span is None and start is not None and end is not None:
        return windows.between(window_sec, start, end)
    raise ValueError(
        f"Expected either span, or start and end; received span={span}, start={start}, end={end}."
    )
