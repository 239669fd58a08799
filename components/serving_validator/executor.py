"""Takes a candidate and examples from artifacts, and writes the verdict as an `InfraBlessing`.

The blessing is as stock InfraValidator writes it: the custom property `blessed`, a marker file, and
below `stamped_model` the model with its warm-up requests, which the stock Pusher pushes when it is
given no other. The model's own artifact is an input and stays as it is. Artifacts have to lie in
this machine's file system: the server opens the model there.

What is asked of the model is for `validation`.
"""

from __future__ import annotations

import logging
import math
import os
from pathlib import Path
from typing import Any

from tfx import types
from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils
from tfx.utils import io_utils, path_utils

from components.artifacts import own_files
from components.artifacts.example_files import first_examples
from components.artifacts.own_properties import fitting
from components.serving_validator import keys
from components.serving_validator.validation import Terms, validate
from components.serving_validator.verdict import Verdict

BLESSED_FILE = "INFRA_BLESSED"
NOT_BLESSED_FILE = "INFRA_NOT_BLESSED"

_LOGGER = logging.getLogger(__name__)


class Executor(BaseExecutor):
    """Runs `ServingValidator`."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Validates `model` with `examples` and writes `blessing`.

        Args:
            input_dict: `model`, one; `examples`, one or more.
            output_dict: `blessing`, one.
            exec_properties: As the component takes them.

        Raises:
            ValueError: The examples are no tf.Examples, or there is no folder of a model.
        """
        # On a GPU the server needs memory beside this process.
        os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
        model = artifact_utils.get_single_instance(input_dict[keys.MODEL])
        blessing = artifact_utils.get_single_instance(output_dict[keys.BLESSING])
        examples = first_examples(
            input_dict[keys.EXAMPLES],
            exec_properties[keys.SPLIT],
            exec_properties[keys.NUM_EXAMPLES],
        )
        stamped = _copy(model, blessing)
        verdict = validate(stamped, examples, _terms(exec_properties))
        record(verdict, blessing)
        if not verdict.blessed:
            io_utils.delete_dir(str(stamped))


def record(verdict: Verdict, blessing: types.Artifact) -> None:
    """Writes a verdict where stock TFX and reports look for it.

    Args:
        verdict: The verdict.
        blessing: Gets the custom properties of `keys` and a marker file.
    """
    marker = BLESSED_FILE if verdict.blessed else NOT_BLESSED_FILE
    io_utils.write_string_file(own_files.path_of(blessing, marker), "")
    blessing.set_int_custom_property(keys.BLESSED, int(verdict.blessed))
    if verdict.blessed:
        blessing.set_int_custom_property(keys.HAS_MODEL, 1)
    else:
        _LOGGER.error("not blessed: %s", verdict.cause)
    texts = {
        keys.CAUSE: fitting(verdict.cause),
        keys.SIGNATURES_COMPARED: ", ".join(verdict.signatures),
        keys.SIGNATURES_LEFT_OUT: ", ".join(name for name, _ in verdict.left_out),
    }
    for key, text in texts.items():
        blessing.set_string_custom_property(key, text)
    blessing.set_int_custom_property(keys.EXAMPLES_COMPARED, verdict.examples)
    measured = {
        keys.LATENCY_P50_MS: verdict.p50_ms,
        keys.LATENCY_P99_MS: verdict.p99_ms,
        keys.MAX_RELATIVE_DIFFERENCE: verdict.max_relative_difference,
    }
    for key, number in measured.items():
        # No database has to know of infinity: the cause tells it.
        if number is not None and math.isfinite(number):
            blessing.set_float_custom_property(key, number)


def _copy(model: types.Artifact, blessing: types.Artifact) -> Path:
    source = path_utils.serving_model_path(model.uri, path_utils.is_old_model_artifact(model))
    if not fileio.isdir(source):
        raise ValueError(f"Expected a SavedModel in {source}, which is no folder.")
    stamped = path_utils.stamped_model_path(blessing.uri)
    io_utils.copy_dir(source, stamped)
    return Path(stamped)


def _terms(parameters: dict[str, Any]) -> Terms:
    return Terms(
        model_name=parameters[keys.MODEL_NAME],
        server=parameters[keys.SERVER],
        start_timeout_sec=parameters[keys.START_TIMEOUT_SEC],
        call_timeout_sec=parameters[keys.CALL_TIMEOUT_SEC],
        max_p99_ms=parameters.get(keys.MAX_P99_MS),
    )
