"""Takes examples and schema from artifacts, and writes what the rules found as anomalies.

All splits of the span are measured together, so each split's `SchemaDiff.pb` holds the same: a rule
about rows holds wherever the rows are. What is measured is for `quality`.
"""

from __future__ import annotations

import json
import logging
import os
import time
from pathlib import Path
from typing import Any

from tfx import types
from tfx.components.example_gen import utils
from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.types import artifact_utils
from tfx.utils import io_utils

from components.arrow_example_gen import span_range
from components.artifacts import example_files, own_files, schema_files
from components.artifacts.own_properties import fitting
from components.data_quality_validator import keys, quality, rules_file
from components.data_quality_validator.anomalies import anomalies
from components.data_quality_validator.measurement import Report
from components.data_quality_validator.reading import ExampleFiles
from components.data_quality_validator.schema_columns import kinds_of

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
        kinds = kinds_of(schema_files.of(input_dict[keys.SCHEMA]))
        source = exec_properties[keys.RULES_PATH]
        rules = rules_file.read(Path(source), kinds)
        examples = input_dict[keys.EXAMPLES]
        now_sec = exec_properties.get(keys.NOW_SEC)
        report = quality.measure(
            rules,
            ExampleFiles(example_files.by_split(examples), kinds),
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
    io_utils.write_string_file(own_files.path_of(artifact, keys.QUALITY_FILE), text + "\n")
    found = report.measurements
    artifact.set_string_custom_property(keys.STATUS, report.status)
    artifact.set_string_custom_property(keys.CAUSE, fitting(report.cause))
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
