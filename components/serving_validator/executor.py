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

import tensorflow as tf
from tfx import types
from tfx.components.util import examples_utils
from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.dsl.io import fileio
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils
from tfx.utils import io_utils, path_utils

from components.serving_validator import keys
from components.serving_validator.validation import Terms, validate
from components.serving_validator.verdict import Verdict

BLESSED_FILE = "INFRA_BLESSED"
NOT_BLESSED_FILE = "INFRA_NOT_BLESSED"

_MAX_CAUSE_CHARACTERS = 2000
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
        examples = read_examples(
            input_dict[keys.EXAMPLES],
            exec_properties[keys.SPLIT],
            exec_properties[keys.NUM_EXAMPLES],
        )
        stamped = _copy(model, blessing)
        verdict = validate(stamped, examples, _terms(exec_properties))
        record(verdict, blessing)
        if not verdict.blessed:
            io_utils.delete_dir(str(stamped))


def read_examples(artifacts: list[types.Artifact], split: str, count: int) -> list[bytes]:
    """Returns the first serialized examples of a split.

    Args:
        artifacts: Of type `Examples`.
        split: The split's name.
        count: How many at most.

    Returns:
        None where no artifact has that split.

    Raises:
        ValueError: They are of another format than tf.Example.
    """
    files: list[str] = []
    for artifact in artifacts:
        payload = examples_utils.get_payload_format(artifact)
        if payload != example_gen_pb2.FORMAT_TF_EXAMPLE:
            name = example_gen_pb2.PayloadFormat.Name(payload)
            raise ValueError(f"Expected examples in FORMAT_TF_EXAMPLE, received {name}.")
        if split in artifact_utils.decode_split_names(artifact.split_names):
            folder = artifact_utils.get_split_uris([artifact], split)[0]
            files += sorted(fileio.glob(io_utils.all_files_pattern(folder)))
    if not files:
        return []
    kinds = {file: "GZIP" if file.endswith(".gz") else "" for file in files}
    records = [tf.data.TFRecordDataset(file, kind) for file, kind in kinds.items()]
    found: list[bytes] = []
    for dataset in records:
        found.extend(dataset.take(count - len(found)).as_numpy_iterator())
    return found


def record(verdict: Verdict, blessing: types.Artifact) -> None:
    """Writes a verdict where stock TFX and reports look for it.

    Args:
        verdict: The verdict.
        blessing: Gets the custom properties of `keys` and a marker file.
    """
    marker = BLESSED_FILE if verdict.blessed else NOT_BLESSED_FILE
    io_utils.write_string_file(os.path.join(blessing.uri, marker), "")  # noqa: PTH118 (a URI)
    blessing.set_int_custom_property(keys.BLESSED, int(verdict.blessed))
    if verdict.blessed:
        blessing.set_int_custom_property(keys.HAS_MODEL, 1)
    else:
        _LOGGER.error("not blessed: %s", verdict.cause)
    texts = {
        keys.CAUSE: verdict.cause[:_MAX_CAUSE_CHARACTERS],
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
