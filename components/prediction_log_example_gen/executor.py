"""Runs `PredictionLogExampleGen`: parameters to a plan, and the outcome onto the artifact.

The log has to lie in a file system that this machine, and Beam's workers, have mounted. What is
done with it is for `transforms`.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

from tensorflow_metadata.proto.v0 import schema_pb2
from tfx import types
from tfx.components.example_gen.write_split import DEFAULT_TF_RECORD_FILE_NAME
from tfx.components.util import examples_utils
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils

from components.artifacts import own_files, schema_files
from components.prediction_log_example_gen import keys, report, transforms, windows
from components.prediction_log_example_gen.plan import Plan, absent_values, kinds_of, typed
from components.prediction_log_example_gen.shards import shards_of, unfinished
from components.prediction_log_example_gen.tally import Tally

_TFRECORD_GZIP = "tfrecords_gzip"
_LOGGER = logging.getLogger(__name__)


class Executor(BaseBeamExecutor):
    """Runs `PredictionLogExampleGen`."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Reads the log and writes `examples`, with a report beside the split.

        Args:
            input_dict: `schema`, one or none.
            output_dict: `examples`, one.
            exec_properties: As the component takes them.

        Raises:
            ValueError: The folder is missing, or schema and parameters make no sense.
        """
        examples = artifact_utils.get_single_instance(output_dict[keys.EXAMPLES])
        plan = plan_of(read_schema(input_dict, exec_properties), exec_properties)
        folder = Path(exec_properties[keys.LOG_FOLDER])
        prefix = exec_properties.get(keys.LOG_PREFIX) or None
        # In this order: a shard that is finished meanwhile is told twice rather than not at all.
        listed = _listed(unfinished(folder, prefix, plan.window))
        shards = shards_of(folder, prefix, plan.window)
        split = exec_properties[keys.SPLIT]
        _describe(examples, plan, split)
        split_folder = artifact_utils.get_split_uri([examples], split)
        with self._make_beam_pipeline() as pipeline:
            transforms.build(
                pipeline,
                shards,
                plan,
                listed,
                output_prefix=os.path.join(split_folder, DEFAULT_TF_RECORD_FILE_NAME),  # noqa: PTH118
                report_path=own_files.path_of(examples, keys.REPORT_FILE),
            )
        record(read_report(examples), examples)


def read_schema(
    inputs: dict[str, list[types.Artifact]], parameters: dict[str, Any]
) -> schema_pb2.Schema:
    """Returns the schema of the input, or of the file that a parameter names.

    Raises:
        ValueError: The file is missing, or is no schema in text form.
    """
    given = inputs.get(keys.SCHEMA)
    return schema_files.of(given) if given else schema_files.read(parameters[keys.SCHEMA_PATH])


def plan_of(schema: schema_pb2.Schema, parameters: dict[str, Any]) -> Plan:
    """Returns the plan that a schema and the component's parameters make.

    Raises:
        ValueError: They contradict each other.
    """
    kinds = kinds_of(schema)
    return Plan(
        window=windows.between(
            parameters[keys.WINDOW_SEC], parameters[keys.START_SEC], parameters[keys.END_SEC]
        ),
        kinds=kinds,
        absent=typed(absent_values(parameters.get(keys.ABSENT) or ""), kinds),
        model_name=parameters.get(keys.MODEL_NAME) or "",
        prediction_output=parameters.get(keys.PREDICTION_OUTPUT) or "",
        arms=parameters.get(keys.ARMS) or keys.ANSWERED,
    )


def read_report(examples: types.Artifact) -> dict[str, Any]:
    """Returns the report that lies beside examples.

    Args:
        examples: An output of the component.
    """
    return own_files.read_json(examples, keys.REPORT_FILE)


def record(found: dict[str, Any], examples: types.Artifact) -> None:
    """Writes the counts of a report onto the examples."""
    for key, number in report.properties(found).items():
        examples.set_int_custom_property(key, number)
    rate = report.sampling_rate(found)
    if rate is not None:
        examples.set_float_custom_property(keys.SAMPLING_RATE, rate)
    _LOGGER.info("records: %s, rows: %s", found["records"], found["rows"])


def _describe(examples: types.Artifact, plan: Plan, split: str) -> None:
    examples.split_names = artifact_utils.encode_split_names([split])
    examples.span = plan.window.span
    examples.version = 0
    examples_utils.set_payload_format(examples, example_gen_pb2.FORMAT_TF_EXAMPLE)
    examples_utils.set_file_format(examples, _TFRECORD_GZIP)
    examples.set_int_custom_property(keys.START, plan.window.start_sec)
    examples.set_int_custom_property(keys.END, plan.window.end_sec)


def _listed(open_files: list[str]) -> Tally:
    tally = Tally()
    for name in open_files:
        tally.count("shards", "unfinished", example=name)
    return tally
