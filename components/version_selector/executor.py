"""Takes new examples from artifacts, asks every version about them, and writes the choice.

    findings.json    what was compared, what was passed over, and what was chosen

A version that cannot be asked is passed over, and said to be; where the one that serves cannot be
asked, nothing is compared. The statistics are for `selection`, the rule for
`serving.rollout.reuse`.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
from tfx import types
from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.types import artifact_utils
from tfx.utils import io_utils

from components.artifacts.example_files import first_examples
from components.artifacts.own_properties import fitting
from components.serving_validator.verdict import NotServableError
from components.version_selector import keys, selection
from components.version_selector.asking import AskedModel
from components.version_selector.findings import Findings
from serving.rollout.reuse import Evaluation, ReusePolicy, choose

_LOGGER = logging.getLogger(__name__)


class Executor(BaseExecutor):
    """Runs `VersionSelector`."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Evaluates the versions and writes `choice`.

        Args:
            input_dict: `examples`, one; the pushed models are named there for lineage alone.
            output_dict: `choice`, one.
            exec_properties: As the component takes them.

        Raises:
            ValueError: The examples are no tf.Examples.
        """
        # On a GPU the server that runs beside this process needs memory too.
        os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
        examples = first_examples(
            input_dict[keys.EXAMPLES],
            exec_properties[keys.SPLIT],
            exec_properties[keys.MAX_EXAMPLES],
        )
        output = artifact_utils.get_single_instance(output_dict[keys.CHOICE])
        record(found(examples, exec_properties), output)


def found(examples: list[bytes], parameters: dict[str, Any]) -> Findings:
    """Returns what the versions are worth on these examples, and which is chosen.

    Args:
        examples: Serialized tf.Examples.
        parameters: As the component takes them.
    """
    root = Path(parameters[keys.MODELS_FOLDER])
    folders = {version: root / str(version) for version in json.loads(parameters[keys.VERSIONS])}
    reasons = json.loads(parameters[keys.PASSED_OVER])
    passed_over = {version: why for why, versions in reasons.items() for version in versions}
    serving = parameters[keys.SERVING_VERSION]
    begun = Findings(serving=serving, passed_over=tuple(sorted(passed_over.items())))
    try:
        kept, labels, scores = _asked(examples, folders, parameters, passed_over)
        compared = selection.compare(
            labels, scores, serving=serving, error_rate=parameters[keys.ERROR_RATE]
        )
    except (NotServableError, ValueError) as error:
        why = f"train: nothing could be compared with version {serving}, which serves: {error}"
        return dataclasses.replace(begun, because=why)
    measured = dataclasses.replace(
        begun,
        examples=len(kept),
        positives=int(labels.sum()),
        unlabelled=len(examples) - len(kept),
        serving_auc=compared.serving_auc,
        confidence=compared.confidence,
        versions=compared.older,
        passed_over=tuple(sorted(passed_over.items())),
    )
    return _chosen(measured, parameters)


def record(findings: Findings, output: types.Artifact) -> None:
    """Writes what was found to an artifact of type `VersionChoice`."""
    path = os.path.join(output.uri, keys.FINDINGS_FILE)  # noqa: PTH118  (a URI)
    io_utils.write_string_file(path, findings.to_json())
    output.set_string_custom_property(keys.BECAUSE, fitting(findings.because))
    output.set_int_custom_property(keys.SERVING_VERSION, findings.serving)
    output.set_int_custom_property(keys.EXAMPLES_EVALUATED, findings.examples)
    if findings.chosen is not None:
        output.set_int_custom_property(keys.CHOSEN_VERSION, findings.chosen)
    _LOGGER.info("%s", findings.because)


def _asked(
    examples: list[bytes],
    folders: dict[int, Path],
    parameters: dict[str, Any],
    passed_over: dict[int, str],
) -> tuple[list[bytes], np.ndarray, dict[int, np.ndarray]]:
    """Returns the examples that have a label, the labels, and what each version predicts."""
    output, serving = parameters[keys.PREDICTION_OUTPUT], parameters[keys.SERVING_VERSION]
    model = AskedModel(folders[serving])
    told = model.labels(examples, parameters[keys.LABEL])
    has_label = np.isin(told, (0, 1))
    kept = [example for example, has in zip(examples, has_label, strict=True) if has]
    scores = {serving: _finite(model.predictions(kept, output))}
    for version in sorted(folders.keys() - {serving}):
        try:
            scores[version] = _finite(AskedModel(folders[version]).predictions(kept, output))
        except NotServableError as error:
            passed_over[version] = f"cannot be asked: {error}"
    return kept, told[has_label], scores


def _finite(scores: np.ndarray) -> np.ndarray:
    if not np.isfinite(scores).all():
        raise NotServableError("a prediction is not a finite number")
    return scores


def _chosen(measured: Findings, parameters: dict[str, Any]) -> Findings:
    evaluations = [
        Evaluation(
            version=one.version,
            examples=measured.examples,
            metric=one.auc,
            gain=one.gain,
            gain_low=one.gain_low,
        )
        for one in measured.versions
    ]
    policy = ReusePolicy(
        enabled=True,
        min_gain=parameters[keys.MIN_GAIN],
        min_metric=parameters.get(keys.MIN_METRIC, -math.inf),
        min_examples=parameters[keys.MIN_EXAMPLES],
    )
    choice = choose(evaluations, serving=measured.serving, policy=policy)
    over = "; ".join(f"version {version} {why}" for version, why in measured.passed_over)
    because = choice.because + (f"; not evaluated: {over}" if over else "")
    return dataclasses.replace(measured, chosen=choice.version, because=because)
