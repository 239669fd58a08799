"""Takes examples and schema from artifacts, and writes what the rules found as anomalies.

All splits of the span are measured together, so each split's `SchemaDiff.pb` holds the same: a rule
about rows holds wherever the rows are. What is measured is for `quality`.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx import types
from tfx.components.example_gen import utils
from tfx.components.util import examples_utils
from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.dsl.io import fileio
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils
from tfx.utils import io_utils

from components.arrow_example_gen import span_range
from components.data_quality_validator import keys, quality, rules_file
from components.data_quality_validator.anomalies import anomalies
from components.data_quality_validator.measurement import Report
from components.data_quality_validator.reading import ExampleFiles
from components.data_quality_validator.schema_columns import kinds_of

SCHEMA_FILE = "schema.pbtxt"
_MAX_CAUSE_CHARACTERS = 2000
_LOGGER = logging.getLogger(__name__)


class Executor(BaseExecutor):
    """Runs `DataQualityValidator`."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Measures `examples` and writes `anomalies`.

        Args:
            input_dict: `examples`, one or more; `schema`, one.
            output_dict: `anomalies`, one.
            exec_properties: As the component takes them.

        Raises:
            RulesError: The file of rules cannot be used.
            ValueError: The examples are no tf.Examples.
        """
        artifact = artifact_utils.get_single_instance(output_dict[keys.ANOMALIES])
        schema = artifact_utils.get_single_instance(input_dict[keys.SCHEMA])
        kinds = kinds_of(_schema(schema))
        source = exec_properties[keys.RULES_PATH]
        rules = rules_file.read(Path(source), kinds)
        examples = input_dict[keys.EXAMPLES]
        now_sec = exec_properties.get(keys.NOW_SEC)
        report = quality.measure(
            rules,
            ExampleFiles(split_files(examples), kinds),
            source=source,
            span=max(map(_span, examples)),
            first_span=min(map(_first_span, examples)),
            now_sec=time.time() if now_sec is None else now_sec,
        )
        record(report, artifact)


def _span(artifact: types.Artifact) -> int:
    # ExampleGens that read files record it as a custom property.
    return artifact.get_int_custom_property(utils.SPAN_PROPERTY_NAME) or artifact.span


def _first_span(artifact: types.Artifact) -> int:
    # ArrowExampleGen records it where it read several; `span` is then the newest.
    if artifact.has_custom_property(span_range.FIRST_SPAN):
        return artifact.get_int_custom_property(span_range.FIRST_SPAN)
    return _span(artifact)


def split_files(artifacts: Sequence[types.Artifact]) -> dict[str, list[str]]:
    """Returns the files of each split, in the order of their names.

    Args:
        artifacts: Of type `Examples`.

    Raises:
        ValueError: They are of another format than tf.Example.
    """
    found: dict[str, list[str]] = {}
    for artifact in artifacts:
        payload = examples_utils.get_payload_format(artifact)
        if payload != example_gen_pb2.FORMAT_TF_EXAMPLE:
            name = example_gen_pb2.PayloadFormat.Name(payload)
            raise ValueError(f"Expected examples in FORMAT_TF_EXAMPLE, received {name}.")
        for split in artifact_utils.decode_split_names(artifact.split_names):
            folder = artifact_utils.get_split_uri([artifact], split)
            files = sorted(fileio.glob(io_utils.all_files_pattern(folder)))
            found.setdefault(split, []).extend(files)
    return found


def record(report: Report, artifact: types.Artifact) -> None:
    """Writes a report where gates, stock tools and readers look for it.

    Args:
        report: What was measured.
        artifact: Of type `ExampleAnomalies`; gets files and the custom properties of `keys`.
    """
    message = anomalies(report)
    artifact.split_names = artifact_utils.encode_split_names(list(report.rows))
    for split in report.rows:
        folder = artifact_utils.get_split_uri([artifact], split)
        path = os.path.join(folder, keys.ANOMALIES_FILE)  # noqa: PTH118 (a URI)
        io_utils.write_bytes_file(path, message.SerializeToString(deterministic=True))
    text = json.dumps(report.document(), indent=2, ensure_ascii=False)
    path = os.path.join(artifact.uri, keys.QUALITY_FILE)  # noqa: PTH118
    io_utils.write_string_file(path, text + "\n")
    found = report.measurements
    artifact.set_string_custom_property(keys.STATUS, report.status)
    artifact.set_string_custom_property(keys.CAUSE, report.cause[:_MAX_CAUSE_CHARACTERS])
    numbers = {
        keys.BLESSED: int(report.status == "OK"),
        keys.RULES: len(found),
        keys.BROKEN: sum(one.verdict == "BROKEN" for one in found),
        keys.NOT_MEASURED: sum(one.verdict == "NOT_MEASURED" for one in found),
        keys.ROWS: sum(report.rows.values()),
    }
    for key, number in numbers.items():
        artifact.set_int_custom_property(key, number)
    for one in found:
        level = logging.ERROR if one.stops else logging.WARNING if one.counts else logging.INFO
        _LOGGER.log(level, "%s: %s: %s", one.rule.name, one.verdict, one.sentence)


def _schema(artifact: types.Artifact) -> schema_pb2.Schema:
    path = os.path.join(artifact.uri, SCHEMA_FILE)  # noqa: PTH118 (a URI)
    with fileio.open(path) as file:
        return text_format.Parse(file.read(), schema_pb2.Schema())
