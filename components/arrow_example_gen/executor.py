"""Reads input splits, and writes `Examples` as stock ExampleGen's executor does.

Files, values, bytes, splits and records are each for a module of their own; here they are put
together, and the artifact is told what it holds.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from tfx import types
from tfx.components.example_gen import utils
from tfx.components.util import examples_utils
from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils
from tfx.types import standard_component_specs as specs
from tfx.utils import proto_utils

from components.arrow_example_gen import csv_source, files, parquet_source, partition, span_range
from components.arrow_example_gen.encoding import examples
from components.arrow_example_gen.formats import Format, common_format
from components.arrow_example_gen.patterns import filled
from components.arrow_example_gen.record_files import RecordFiles, framed

FILE_FORMAT = "tfrecords_gzip"
# A block of a few bytes per cell grows as it is encoded, mostly by the features' names.
CELLS_AT_ONCE = 2**19

_LOGGER = logging.getLogger(__name__)

Places = Callable[[pa.RecordBatch, Sequence[bytes]], np.ndarray]


class Executor(BaseExecutor):
    """Runs `ArrowExampleGen`."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Makes examples of files.

        Args:
            input_dict: Nothing.
            output_dict: `examples`, one.
            exec_properties: As the component takes them and the driver resolves them.

        Raises:
            InputError: The files cannot become tf.Examples.
            RuntimeError: The splits make no sense: output splits are asked for and there are
                several input splits, or two have one name.
        """
        artifact = artifact_utils.get_single_instance(output_dict[specs.EXAMPLES_KEY])
        inputs = example_gen_pb2.Input()
        outputs = example_gen_pb2.Output()
        proto_utils.json_to_proto(exec_properties[specs.INPUT_CONFIG_KEY], inputs)
        proto_utils.json_to_proto(exec_properties[specs.OUTPUT_CONFIG_KEY], outputs)
        names = utils.generate_output_split_names(inputs, outputs)
        _describe(artifact, names)
        folders = [artifact_utils.get_split_uri([artifact], name) for name in names]
        paths = _paths(exec_properties, inputs, artifact)
        if outputs.split_config.splits:
            _convert(paths[0], folders, _places(outputs.split_config))
            return
        for of_split, folder in zip(paths, folders, strict=True):
            _convert(of_split, [folder], _all_to_the_first)


def _describe(artifact: types.Artifact, split_names: list[str]) -> None:
    artifact.split_names = artifact_utils.encode_split_names(split_names)
    examples_utils.set_payload_format(artifact, example_gen_pb2.FORMAT_TF_EXAMPLE)
    examples_utils.set_file_format(artifact, FILE_FORMAT)


def _paths(
    exec_properties: Mapping[str, Any], inputs: example_gen_pb2.Input, artifact: types.Artifact
) -> list[list[str]]:
    """Returns the files of each input split, over all spans that are read."""
    base = exec_properties[specs.INPUT_BASE_KEY]
    # The driver has filled in the patterns of a single span, and listed the spans of a range. Where
    # no driver ran, both is done here.
    spans = span_range.recorded(exec_properties)
    driven = utils.FINGERPRINT_PROPERTY_NAME in exec_properties
    if not driven and (spans := span_range.resolved(exec_properties)):
        span_range.describe(artifact.mlmd_artifact, span_range.properties(spans))
    return [
        [
            path
            for pattern in ([filled(split.pattern, span) for span in spans] or [split.pattern])
            for path in files.matching(base, pattern)
        ]
        for split in inputs.splits
    ]


def _places(config: example_gen_pb2.SplitConfig) -> Places:
    hash_buckets = [split.hash_buckets for split in config.splits]
    if config.HasField("partition_feature_name"):
        name = config.partition_feature_name
        return lambda batch, _: partition.by_feature(batch, name, hash_buckets)
    return lambda _, serialized: partition.by_example(serialized, hash_buckets)


def _all_to_the_first(batch: pa.RecordBatch, _: Sequence[bytes]) -> np.ndarray:
    return np.zeros(batch.num_rows, dtype=np.int64)


def _convert(paths: list[str], folders: list[str], places: Places) -> None:
    with contextlib.ExitStack() as stack:
        written = [stack.enter_context(RecordFiles(folder)) for folder in folders]
        for batch in _batches(paths):
            serialized = examples(batch)
            place = places(batch, serialized.to_pylist())
            records = framed(serialized)
            for number, split in enumerate(written):
                split.write(records.filter(pa.array(place == number)))
    for folder, split in zip(folders, written, strict=True):
        _LOGGER.info("%s: %d examples", folder, split.count)


def _batches(paths: list[str]) -> Iterator[pa.RecordBatch]:
    source = {Format.CSV: csv_source, Format.PARQUET: parquet_source}
    for batch in source[common_format(paths)].read(paths):
        rows = max(1, CELLS_AT_ONCE // max(1, batch.num_columns))
        for start in range(0, batch.num_rows, rows):
            yield batch.slice(start, rows)
