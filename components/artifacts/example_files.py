"""Files and records of examples, by split. Their payload has to be tf.Examples."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf
from tfx import types
from tfx.components.util import examples_utils
from tfx.dsl.io import fileio
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils
from tfx.utils import io_utils


def of_split(artifacts: Sequence[types.Artifact], split: str) -> list[str]:
    """Returns the files of a split, those of each artifact in the order of their names.

    Args:
        artifacts: Of type `Examples`.
        split: The split's name.

    Returns:
        None where no artifact has that split.

    Raises:
        ValueError: They are of another format than tf.Example.
    """
    found: list[str] = []
    for artifact in artifacts:
        if split in _splits(artifact):
            folder = artifact_utils.get_split_uri([artifact], split)
            found += sorted(fileio.glob(io_utils.all_files_pattern(folder)))
    return found


def by_split(artifacts: Sequence[types.Artifact]) -> dict[str, list[str]]:
    """Returns the files of each split, as `of_split` does.

    Args:
        artifacts: Of type `Examples`.

    Raises:
        ValueError: They are of another format than tf.Example.
    """
    names = dict.fromkeys(split for artifact in artifacts for split in _splits(artifact))
    return {split: of_split(artifacts, split) for split in names}


def first_examples(artifacts: Sequence[types.Artifact], split: str, count: int) -> list[bytes]:
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
    found: list[bytes] = []
    for file in of_split(artifacts, split):
        dataset = tf.data.TFRecordDataset(file, "GZIP" if file.endswith(".gz") else "")
        found.extend(dataset.take(count - len(found)).as_numpy_iterator())
    return found


def _splits(artifact: types.Artifact) -> list[str]:
    payload = examples_utils.get_payload_format(artifact)
    if payload != example_gen_pb2.FORMAT_TF_EXAMPLE:
        name = example_gen_pb2.PayloadFormat.Name(payload)
        raise ValueError(
            f"{artifact.uri}: expected examples in FORMAT_TF_EXAMPLE, received {name}."
        )
    names: list[str] = artifact_utils.decode_split_names(artifact.split_names)
    return names
