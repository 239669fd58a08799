"""Takes examples and statistics from artifacts, and writes what a check of skew found.

    Split-serving/SchemaDiff.pb   TFDV's Anomalies, as stock ExampleValidator writes them
    findings.json                 the findings, for programs
    report.html                   the findings, for people

Statistics that are not given are made while the examples are read. What is compared, and how, is
for `validation`.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2
from tensorflow_metadata.proto.v0.statistics_pb2 import (
    DatasetFeatureStatisticsList as Statistics,
)
from tfx import types
from tfx.components.example_gen.utils import SPAN_PROPERTY_NAME
from tfx.components.statistics_gen import stats_artifact_utils
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils
from tfx.utils import io_utils, path_utils

from components.arrow_example_gen.span_range import SPANS
from components.artifacts import example_files, own_files, schema_files
from components.artifacts.own_properties import fitting
from components.prediction_log_example_gen import keys as log
from components.skew_validator import feature_skew, findings, keys, report, sightings
from components.skew_validator.findings import Finding, Findings
from components.skew_validator.predictions import predicted
from components.skew_validator.question import Data, Question
from components.skew_validator.rows import Column, Rows, read
from components.skew_validator.samples import features
from components.skew_validator.settings import Settings
from components.skew_validator.validation import validate
from components.skew_validator.verdict import NotCompared, Reason

ANOMALIES_FILE = "SchemaDiff.pb"  # tfx.components.example_validator.executor.DEFAULT_FILE_NAME

_JOIN_FILE = "join.json"
_LOGGER = logging.getLogger(__name__)

Inputs = dict[str, list[types.Artifact]]


class Executor(BaseBeamExecutor):
    """Runs `SkewValidator`."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Compares, and writes `anomalies`.

        Args:
            input_dict: As the component takes them.
            output_dict: `anomalies`, one.
            exec_properties: As the component takes them.

        Raises:
            CorruptExamplesError: Examples cannot be read.
            ValueError: The schema cannot be read, or an input is of another format than tf.Example.
        """
        output = artifact_utils.get_single_instance(output_dict[keys.ANOMALIES])
        schema = read_schema(input_dict[keys.SCHEMA])
        settings = Settings.of(exec_properties[keys.TERMS])
        against = exec_properties[keys.AGAINST]
        sides = _Sides(input_dict, exec_properties, schema)
        serving, serving_statistics = sides.serving()
        baseline, baseline_statistics = sides.baseline(serving.count)
        mismatches, counts = self._join(sides, settings, schema, exec_properties)
        data = Data(
            schema=schema,
            serving=serving,
            serving_statistics=serving_statistics,
            baseline=baseline,
            baseline_statistics=baseline_statistics,
            predictions=sides.predictions(serving, baseline),
            mismatches=mismatches,
        )
        question = Question(
            settings=settings,
            against=against,
            environment=exec_properties[keys.ENVIRONMENT],
            label=exec_properties.get(keys.LABEL) or "",
            model_version=exec_properties.get(keys.MODEL_VERSION) or "",
            seed=exec_properties[keys.SEED],
            title=exec_properties.get(keys.TITLE) or "Skew",
            training_what=sides.baseline_what,
            serving_what=sides.serving_what,
            counts=_log_counts(input_dict[keys.SERVING_EXAMPLES]) | counts,
        )
        found, anomalies = validate(data, question)
        record(found, anomalies, output)

    def _join(
        self,
        sides: _Sides,
        settings: Settings,
        schema: schema_pb2.Schema,
        parameters: dict[str, Any],
    ) -> tuple[tuple[Finding, ...], dict[str, int]]:
        paths = sides.serving_paths, sides.baseline_paths
        if not settings.identifiers or parameters[keys.AGAINST] != keys.TRAINING or not all(paths):
            return (), {}
        expected = features(schema, parameters[keys.ENVIRONMENT])
        label = parameters.get(keys.LABEL) or ""
        result = feature_skew.run(
            self._make_beam_pipeline,
            sides.baseline_paths,
            sides.serving_paths,
            feature_skew.Join(
                identifiers=settings.identifiers,
                features=tuple(
                    one.name for one in expected if one.name not in {*settings.identifiers, label}
                ),
                tolerance=settings.float_tolerance,
            ),
            result_path=os.path.join(self._get_tmp_dir(), _JOIN_FILE),  # noqa: PTH118 (a URI)
        )
        found = feature_skew.findings_of(
            result,
            max_mismatch_rate=settings.max_mismatch_rate,
            detectable_shift=settings.terms.detectable_shift,
            power=settings.terms.power,
            optional=settings.terms.optional
            | {feature.name for feature in expected if not feature.required},
            min_joined_share=settings.min_joined_share,
        )
        return found, dict(feature_skew.counts_of(result))


class _Sides:
    """The artifacts of both sides, and what is read of them."""

    def __init__(
        self, inputs: Inputs, parameters: dict[str, Any], schema: schema_pb2.Schema
    ) -> None:
        self._inputs = inputs
        self._parameters = parameters
        self._schema = schema
        self._from_training = parameters[keys.AGAINST] == keys.TRAINING
        serving = keys.SERVING_EXAMPLES, keys.SERVING_STATISTICS, parameters[keys.SERVING_SPLIT]
        self._serving = serving
        if self._from_training:
            self._baseline = (
                keys.TRAINING_EXAMPLES,
                keys.TRAINING_STATISTICS,
                parameters[keys.TRAINING_SPLIT],
            )
        else:
            self._baseline = keys.PREVIOUS_EXAMPLES, keys.PREVIOUS_STATISTICS, serving[2]
        self.serving_paths = self._paths(self._serving)
        self.baseline_paths = self._paths(self._baseline)
        self.baseline_what = self._what(self._baseline)
        self.serving_what = self._what(self._serving)

    def serving(self) -> tuple[Rows, Statistics]:
        """Returns what was served."""
        return self._read(self._serving, self.serving_paths, 0, self._parameters[keys.MAX_ROWS])

    def baseline(self, serving_rows: int) -> tuple[Rows | None, Statistics | None]:
        """Returns what to compare with; nothing where there is no such artifact."""
        if not self._inputs.get(self._baseline[0]):
            return None, None
        enough = max(_BASELINE_ROWS, _BASELINE_PER_SERVED * serving_rows)
        return self._read(self._baseline, self.baseline_paths, 1, enough)

    def predictions(self, serving: Rows, baseline: Rows | None) -> Column | NotCompared | None:
        """Returns the predictions to compare with, why there are none, or None if not asked."""
        if not self._from_training:
            if baseline is None or log.SERVED_AT not in {*serving.columns, *baseline.columns}:
                return None  # spans of data hold no predictions
            return baseline.columns.get(log.PREDICTION) or NotCompared(
                Reason.NO_BASELINE,
                "expected predictions in what was served before, received none.",
            )
        if not self._inputs.get(keys.MODEL):
            return None
        model = artifact_utils.get_single_instance(self._inputs[keys.MODEL])
        folder = path_utils.serving_model_path(model.uri, path_utils.is_old_model_artifact(model))
        split = self._parameters[keys.EVAL_SPLIT]
        return predicted(
            Path(folder),
            self._paths((keys.TRAINING_EXAMPLES, "", split)),
            output=self._parameters.get(keys.PREDICTION_OUTPUT) or "",
            rng=np.random.default_rng([self._parameters[keys.SEED], 2]),
        )

    def _read(
        self, side: tuple[str, str, str], paths: list[str], number: int, enough: int
    ) -> tuple[Rows, Statistics]:
        given = self._statistics(side)
        names = {feature.name for feature in self._schema.feature}
        rows = read(
            paths,
            # The values of columns that the schema does not know are never looked at, save ours.
            wanted=lambda name: name in names or name in _KEPT,
            described=None if given else lambda name: not log.is_extra(name),
            max_rows=min(enough, self._parameters[keys.MAX_ROWS]),
            rng=np.random.default_rng([self._parameters[keys.SEED], number]),
        )
        statistics = given or rows.statistics
        assert statistics is not None
        return rows, statistics

    def _statistics(self, side: tuple[str, str, str]) -> Statistics | None:
        artifacts = self._inputs.get(side[1]) or []
        # Those of several spans cannot be added up.
        if len(artifacts) != 1 or len(self._inputs.get(side[0]) or []) != 1:
            return None
        if side[2] not in artifact_utils.decode_split_names(artifacts[0].split_names):
            return None
        found: Statistics = stats_artifact_utils.load_statistics(artifacts[0], side[2]).proto()
        return found

    def _paths(self, side: tuple[str, str, str]) -> list[str]:
        return example_files.of_split(self._inputs.get(side[0]) or [], side[2])

    def _what(self, side: tuple[str, str, str]) -> str:
        artifacts = self._inputs.get(side[0]) or []
        if not artifacts:
            return ""
        if len(artifacts) == 1 and artifacts[0].has_custom_property(log.START):
            start, end = (artifacts[0].get_int_custom_property(k) for k in (log.START, log.END))
            return f"{sightings.iso(start)} to {sightings.iso(end)}"
        return f"{side[2]} split of {', '.join(map(_spans, artifacts))}"


def _spans(artifact: types.Artifact) -> str:
    # ExampleGens that read files record them as custom properties.
    if several := artifact.get_string_custom_property(SPANS):
        return f"spans {several}"
    return f"span {artifact.get_int_custom_property(SPAN_PROPERTY_NAME) or artifact.span}"


# What is compared with what was served: a random choice of the baseline's rows, where it has many
# more. The smaller side decides what can be found: with eight times as many rows on the other an
# effect has to be 6 % larger than with all rows in the world, while every shuffle costs as many as
# both sides have.
_BASELINE_ROWS = 50_000
_BASELINE_PER_SERVED = 8

_KEPT = frozenset({log.SERVED_AT, log.MODEL_VERSION, log.SAMPLING_RATE, log.PREDICTION})


def read_schema(artifacts: list[types.Artifact]) -> schema_pb2.Schema:
    """Returns the schema of an artifact.

    Raises:
        ValueError: It is no schema in text form.
    """
    return schema_files.read(io_utils.get_only_uri_in_dir(artifact_utils.get_single_uri(artifacts)))


def record(found: Findings, anomalies: anomalies_pb2.Anomalies, output: types.Artifact) -> None:
    """Writes what was found where stock tools, programs and people look for it.

    Args:
        found: The findings.
        anomalies: The same for stock tools.
        output: Gets the files, and the custom properties of `keys`.
    """
    output.split_names = artifact_utils.encode_split_names([keys.SPLIT])
    folder = artifact_utils.get_split_uri([output], keys.SPLIT)
    fileio.makedirs(folder)
    files = {
        os.path.join(folder, ANOMALIES_FILE): anomalies.SerializeToString(deterministic=True),  # noqa: PTH118
        own_files.path_of(output, keys.FINDINGS_FILE): findings.to_json(found).encode(),
        own_files.path_of(output, keys.REPORT_FILE): report.render(found).encode(),
    }
    for path, content in files.items():
        with fileio.open(path, "wb") as file:
            file.write(content)
    numbers = {
        keys.BLESSED: int(found.status == findings.OK),
        keys.ALARMS: _count(found, findings.ALARM),
        keys.NOT_COMPARED: _count(found, findings.NOT_COMPARED),
        keys.TRAINING_ROWS: found.training_rows,
        keys.SERVING_ROWS: found.serving_rows,
    }
    for key, number in numbers.items():
        output.set_int_custom_property(key, number)
    output.set_string_custom_property(keys.STATUS, found.status)
    output.set_string_custom_property(keys.CAUSE, fitting(found.cause))
    level = logging.INFO if found.status == findings.OK else logging.ERROR
    _LOGGER.log(level, "%s: %s", found.status, found.cause or "nothing changed")


def _count(found: Findings, status: str) -> int:
    return sum(one.status == status for one in found.findings)


def _log_counts(artifacts: Sequence[types.Artifact]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for artifact in artifacts:
        for key in log.COUNTS:
            if artifact.has_custom_property(key):
                counts[key] = counts.get(key, 0) + artifact.get_int_custom_property(key)
    return counts
