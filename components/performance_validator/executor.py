"""Takes labelled examples and evaluations from artifacts, and writes what live performance was.

    metrics-…, eval_config.json   as Evaluator's, for TFMA and what reads it
    findings.json                 verdicts, for programs

What is measured, and what follows from it, is for `live_metrics` and `measuring`.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
from google.protobuf import json_format
from tensorflow_model_analysis.proto import config_pb2
from tfx import types
from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils
from tfx.utils import io_utils

from components.artifacts import own_files
from components.artifacts.own_properties import fitting
from components.feedback_join import keys as join
from components.feedback_join import report as join_report
from components.performance_validator import baselines, findings, keys, live_metrics, measuring
from components.performance_validator.findings import Findings
from components.performance_validator.measuring import Question
from components.performance_validator.scored import function, score
from components.performance_validator.slices import Spec, cut
from components.performance_validator.verdict import DEGRADED, OK, Terms
from components.prediction_log_example_gen import keys as log
from components.prediction_log_example_gen.windows import as_text
from components.skew_validator.rows import Rows, read

_MAX_ROWS = 10_000_000  # of labelled rows; 24 MiB for each column
_LOGGER = logging.getLogger(__name__)


class Executor(BaseExecutor):
    """Runs `PerformanceValidator`."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Measures, and writes `performance`.

        Args:
            input_dict: As the component takes them.
            output_dict: `performance`, one.
            exec_properties: As the component takes them.

        Raises:
            CorruptExamplesError: Examples cannot be read.
            LabelsError: The function that tells labels cannot be used.
            ValueError: The configuration cannot be read.
        """
        labelled = artifact_utils.get_single_instance(input_dict[keys.LABELLED_EXAMPLES])
        output = artifact_utils.get_single_instance(output_dict[keys.PERFORMANCE])
        given = json_format.Parse(exec_properties[keys.EVAL_CONFIG], config_pb2.EvalConfig())
        question = Question(
            terms=Terms.of(exec_properties[keys.TERMS]),
            title=exec_properties.get(keys.TITLE) or "Live performance",
            period=_period(labelled),
            served=_served(labelled),
            counts=_counts(labelled),
            baselines=_baselines(
                input_dict.get(keys.EVALUATIONS) or [],
                json.loads(exec_properties.get(keys.EVALUATED) or "{}"),
                given,
            ),
        )
        specs = measuring.specs(_slices(given))
        names = {name for spec in specs for name in spec.names}
        identifiers = json.loads(exec_properties.get(keys.IDENTIFIERS) or "[]")
        label_fn = function(exec_properties[keys.LABEL_FN])
        scored = score(_rows(labelled), label_fn, sorted(names), identifiers)
        slices = cut(scored.columns, specs, scored.labels.size)
        config = live_metrics.live_config(given, specs)
        metrics = live_metrics.compute(config, scored.labels, scored.predictions, slices)
        numbers = {key: live_metrics.numbers(found) for key, found in metrics.items()}
        fileio.makedirs(output.uri)
        live_metrics.write(output.uri, config, metrics)
        record(measuring.findings_of(scored, slices, numbers, question), output)


def record(found: Findings, output: types.Artifact) -> None:
    """Writes what was found beside TFMA's files, and in short onto the artifact."""
    with fileio.open(own_files.path_of(output, keys.FINDINGS_FILE), "w") as file:
        file.write(findings.to_json(found))
    judged = found.by_version.values()
    numbers = {
        keys.BLESSED: int(found.status == OK),
        keys.DEGRADED: sum(one.status == DEGRADED for one in judged),
        keys.SERVED_ROWS: sum(one.served or 0 for one in judged),
        keys.LABELLED_ROWS: sum(one.rows for one in judged),
    }
    for key, number in numbers.items():
        output.set_int_custom_property(key, number)
    output.set_string_custom_property(keys.STATUS, found.status)
    output.set_string_custom_property(keys.CAUSE, fitting(found.cause))
    level = logging.INFO if found.status == OK else logging.ERROR
    _LOGGER.log(level, "%s: %s", found.status, found.cause or "as the evaluation promised")


def _rows(labelled: types.Artifact) -> Rows:
    folder = artifact_utils.get_split_uri([labelled], join.SPLIT)
    return read(
        sorted(fileio.glob(io_utils.all_files_pattern(folder))),
        # Of our own columns few are needed, and each request has an id of its own.
        wanted=lambda name: not log.is_extra(name) or name in _KEPT,
        max_rows=_MAX_ROWS,
        rng=np.random.default_rng(0),
    )


_KEPT = frozenset({log.MODEL_VERSION, log.ARM, log.PREDICTION, log.SERVED_AT})


def _slices(given: config_pb2.EvalConfig) -> list[Spec]:
    # Slices that a query makes are left out, as it needs a table of all rows.
    return [
        Spec(columns=tuple(one.feature_keys), only=dict(one.feature_values))
        for one in given.slicing_specs
        if not one.slice_keys_sql
    ]


def _period(labelled: types.Artifact) -> str:
    if not labelled.has_custom_property(log.START):
        return ""
    start, end = (labelled.get_int_custom_property(key) for key in (log.START, log.END))
    return f"{as_text(start)} to {as_text(end)}"


def _served(labelled: types.Artifact) -> dict[tuple[str, str], int]:
    """Returns rows that were answered, by version and arm, as the join counted them."""
    versions = own_files.read_json(labelled, join.REPORT_FILE).get("versions", {})
    return {
        (version, arm): counts.get("served", 0)
        for version, arms in versions.items()
        for arm, counts in arms.items()
    }


def _counts(labelled: types.Artifact) -> dict[str, int]:
    return {
        key: labelled.get_int_custom_property(key)
        for key in join_report.COUNTS
        if labelled.has_custom_property(key)
    }


def _baselines(
    evaluations: list[types.Artifact], evaluated: Mapping[str, str], given: config_pb2.EvalConfig
) -> dict[str, dict[str, Mapping[str, float]]]:
    others = {spec.name for spec in given.model_specs if spec.is_baseline}
    # What was pushed twice has two versions and one evaluation.
    read = {uri: dict(baselines.read(uri, others)) for uri in {one.uri for one in evaluations}}
    return {version: read[uri] for version, uri in evaluated.items() if uri in read}
