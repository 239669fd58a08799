"""`FeedbackJoin`: the served rows whose label has come, with the label.

Which label counts is told in `matching`, what a drop file looks like in `label_rows`, what the
report says in `report`.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence

from tfx.dsl.components.base import executor_spec
from tfx.dsl.components.base.base_beam_component import BaseBeamComponent
from tfx.types import channel, standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.feedback_join import executor, keys
from components.prediction_log_example_gen.keys import is_extra


class FeedbackJoinSpec(ComponentSpec):
    """What goes into a `FeedbackJoin`, and what comes out."""

    PARAMETERS = {  # noqa: RUF012  (TFX reads class attributes)
        keys.LABELS_FOLDER: ExecutionParameter(type=str),
        keys.LABELS_FINGERPRINT: ExecutionParameter(type=str),
        keys.COLUMNS: ExecutionParameter(type=str),
        keys.IDENTIFIERS: ExecutionParameter(type=str),
        keys.MAX_DELAY_SEC: ExecutionParameter(type=float),
        keys.AS_OF_SEC: ExecutionParameter(type=float),
        keys.CONTRADICTIONS: ExecutionParameter(type=str),
    }
    INPUTS = {  # noqa: RUF012
        keys.SERVED_EXAMPLES: ChannelParameter(type=standard_artifacts.Examples),
        keys.SCHEMA: ChannelParameter(type=standard_artifacts.Schema, optional=True),
    }
    OUTPUTS = {  # noqa: RUF012
        keys.LABELLED_EXAMPLES: ChannelParameter(type=standard_artifacts.Examples),
    }


class FeedbackJoin(BaseBeamComponent):
    """Joins what was served with labels that were delivered into a folder.

    The output `labelled_examples` has one split, `labelled`: the served rows whose label is known,
    with all their columns, the delivered ones, and `ringway_labelled_at`. In its folder lies
    `report.json`; its counts are custom properties, too, by the names in
    `components.feedback_join.keys`.
    """

    SPEC_CLASS = FeedbackJoinSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)

    def __init__(  # noqa: PLR0913  (inputs and parameters of the node, given by name)
        self,
        *,
        served_examples: channel.BaseChannel,
        labels_folder: str | os.PathLike[str],
        columns: Sequence[str],
        max_delay_sec: float,
        as_of_sec: float,
        identifiers: Sequence[str] = (),
        contradictions: str = keys.LATEST,
        labels_fingerprint: str = "",
        schema: channel.BaseChannel | None = None,
    ) -> None:
        """Describes the node.

        Args:
            served_examples: Of `PredictionLogExampleGen`; all splits are read.
            labels_folder: Where CSV and Parquet files of labels are dropped; may be missing as long
                as none has come.
            columns: Those that are delivered.
            max_delay_sec: How long after a request its label may be known.
            as_of_sec: Labels that were delivered, or known, later than this are not looked at; in
                seconds since 1970.
            identifiers: Columns that together name an entity, by which a label may find its row in
                place of a request's id. Their values are texts or whole numbers.
            contradictions: What counts of different labels of one row: `"latest"`, or with `"drop"`
                none.
            labels_fingerprint: What identifies the files, as `drop_folder.fingerprint` gives it.
                TFX's cache knows the folder by its name alone.
            schema: Of type `Schema`: tells the types of the delivered columns. What it does not
                tell is of type FLOAT.

        Raises:
            ValueError: A parameter makes no sense.
        """
        _check_columns(columns, identifiers)
        for name, number in ((keys.MAX_DELAY_SEC, max_delay_sec), (keys.AS_OF_SEC, as_of_sec)):
            if not 0 <= number < math.inf:
                raise ValueError(f"{name}: expected seconds from 0 on, received {number!r}")
        if contradictions not in {keys.LATEST, keys.DROP}:
            raise ValueError(
                f"{keys.CONTRADICTIONS}: expected {keys.LATEST!r} or {keys.DROP!r}, received "
                f"{contradictions!r}"
            )
        if not os.fspath(labels_folder):
            raise ValueError(f"{keys.LABELS_FOLDER}: expected a folder's name")
        super().__init__(
            spec=FeedbackJoinSpec(
                **({} if schema is None else {keys.SCHEMA: schema}),
                served_examples=served_examples,
                labelled_examples=channel.Channel(type=standard_artifacts.Examples),
                labels_folder=os.fspath(labels_folder),
                labels_fingerprint=labels_fingerprint,
                columns=json.dumps(list(columns)),
                identifiers=json.dumps(list(identifiers)),
                max_delay_sec=float(max_delay_sec),
                as_of_sec=float(as_of_sec),
                contradictions=contradictions,
            )
        )


def _check_columns(columns: Sequence[str], identifiers: Sequence[str]) -> None:
    kept = {keys.REQUEST_ID, keys.ROW, keys.LABELLED_AT, *identifiers}
    wrong = [name for name in columns if not name or is_extra(name) or name in kept]
    if not columns or len(set(columns)) < len(columns) or wrong:
        raise ValueError(
            f"{keys.COLUMNS}: expected distinct names, at least one, and none of "
            f"{', '.join(sorted(kept))}, received {list(columns)}"
        )
