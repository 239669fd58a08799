"""Runs `FeedbackJoin`: artifacts and parameters to rules, and the outcome onto the artifact.

The drop folder has to lie in a file system that this machine, and Beam's workers, have mounted.
What is done with it is for `transforms`.
"""

from __future__ import annotations

import json
import logging
import math
import os
from pathlib import Path
from typing import Any

from tensorflow_metadata.proto.v0 import schema_pb2
from tfx import types
from tfx.components.example_gen.write_split import DEFAULT_TF_RECORD_FILE_NAME
from tfx.components.util import examples_utils
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.dsl.io import fileio
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils

from components.artifacts import own_files, schema_files
from components.feedback_join import drop_folder, keys, report, transforms
from components.feedback_join.label_rows import Wanted
from components.prediction_log_example_gen import keys as log
from components.prediction_log_example_gen.plan import kinds_of
from components.prediction_log_example_gen.tally import Tally

_TFRECORD_GZIP = "tfrecords_gzip"
_LOGGER = logging.getLogger(__name__)


class Executor(BaseBeamExecutor):
    """Runs `FeedbackJoin`."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Joins served rows with labels, and writes a report beside the split.

        Args:
            input_dict: `served_examples`, one; `schema`, one or none.
            output_dict: `labelled_examples`, one.
            exec_properties: As the component takes them.

        Raises:
            ValueError: The schema cannot be used.
            OSError: The drop folder cannot be listed.
        """
        served = artifact_utils.get_single_instance(input_dict[keys.SERVED_EXAMPLES])
        labelled = artifact_utils.get_single_instance(output_dict[keys.LABELLED_EXAMPLES])
        start_sec, end_sec = bounds(served)
        rules = rules_of(exec_properties, _schema(input_dict), start_sec, end_sec)
        listing = drop_folder.listed(
            Path(exec_properties[keys.LABELS_FOLDER]),
            since_sec=start_sec - rules.max_delay_sec,
            until_sec=rules.as_of_sec,
        )
        _describe(labelled, served)
        split_folder = artifact_utils.get_split_uri([labelled], keys.SPLIT)
        fileio.makedirs(split_folder)
        with self._make_beam_pipeline() as pipeline:
            transforms.build(
                pipeline,
                served=patterns(served),
                files=list(listing.files),
                rules=rules,
                listed=_listed(listing),
                asked=_asked(exec_properties),
                output_prefix=os.path.join(split_folder, DEFAULT_TF_RECORD_FILE_NAME),  # noqa: PTH118
                report_path=own_files.path_of(labelled, keys.REPORT_FILE),
            )
        _record(labelled)


def bounds(served: types.Artifact) -> tuple[float, float]:
    """Returns the window of served rows, in seconds since 1970; infinite where none is told."""
    if not served.has_custom_property(log.START):
        return -math.inf, math.inf
    start = served.get_int_custom_property(log.START)
    return float(start), float(served.get_int_custom_property(log.END))


def rules_of(
    parameters: dict[str, Any], schema: schema_pb2.Schema, start_sec: float, end_sec: float
) -> transforms.Rules:
    """Returns what the component's parameters ask for.

    Args:
        parameters: As the component takes them.
        schema: Tells types.
        start_sec: Start of the window of served rows.
        end_sec: Its end.

    Raises:
        ValueError: The schema has a name that is kept for other columns.
    """
    kinds = kinds_of(schema)
    columns = tuple(json.loads(parameters[keys.COLUMNS]))
    max_delay_sec = parameters[keys.MAX_DELAY_SEC]
    return transforms.Rules(
        wanted=Wanted(
            columns,
            tuple(json.loads(parameters[keys.IDENTIFIERS])),
            {name: kinds[name] for name in columns if name in kinds},
        ),
        max_delay_sec=max_delay_sec,
        as_of_sec=parameters[keys.AS_OF_SEC],
        contradictions=parameters[keys.CONTRADICTIONS],
        sure_from_sec=start_sec + max_delay_sec,
        sure_until_sec=end_sec,
    )


def patterns(served: types.Artifact) -> list[str]:
    """Returns patterns of the files of all splits of examples."""
    splits = artifact_utils.decode_split_names(served.split_names)
    return [
        os.path.join(artifact_utils.get_split_uri([served], split), "*")  # noqa: PTH118 (a URI)
        for split in splits
    ]


def read_report(labelled: types.Artifact) -> dict[str, Any]:
    """Returns the report that lies beside labelled examples."""
    return own_files.read_json(labelled, keys.REPORT_FILE)


def _schema(inputs: dict[str, list[types.Artifact]]) -> schema_pb2.Schema:
    given = inputs.get(keys.SCHEMA)
    return schema_files.of(given) if given else schema_pb2.Schema()


def _describe(labelled: types.Artifact, served: types.Artifact) -> None:
    labelled.split_names = artifact_utils.encode_split_names([keys.SPLIT])
    labelled.span = served.span
    labelled.version = served.version
    examples_utils.set_payload_format(labelled, example_gen_pb2.FORMAT_TF_EXAMPLE)
    examples_utils.set_file_format(labelled, _TFRECORD_GZIP)
    for key in (log.START, log.END):
        if served.has_custom_property(key):
            labelled.set_int_custom_property(key, served.get_int_custom_property(key))


def _listed(listing: drop_folder.Listing) -> Tally:
    tally = Tally()
    for group in ("unfinished", "foreign", "later"):
        for name in getattr(listing, group):
            tally.count("files", group, example=name)
    if listing.earlier:
        tally.count("files", "earlier", times=listing.earlier)
    return tally


def _asked(parameters: dict[str, Any]) -> dict[str, Any]:
    asked = {key: json.loads(parameters[key]) for key in (keys.COLUMNS, keys.IDENTIFIERS)}
    names = (keys.LABELS_FOLDER, keys.MAX_DELAY_SEC, keys.AS_OF_SEC, keys.CONTRADICTIONS)
    return {**asked, **{key: parameters[key] for key in names}}


def _record(labelled: types.Artifact) -> None:
    found = read_report(labelled)
    for key, number in report.properties(found).items():
        labelled.set_int_custom_property(key, number)
    _LOGGER.info("rows: %s, labels: %s", found["rows"], found["labels"])
