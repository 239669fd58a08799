"""Runs an ExampleGen's executor on real files, the stock one or ours, and reads what it wrote.

`stock_rows` calls the functions of stock CsvExampleGen one after another without Beam, which takes
a second for each input split.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tensorflow as tf
from tfx.components.example_gen import utils
from tfx.components.example_gen.csv_example_gen import executor as stock_csv
from tfx.components.example_gen.csv_example_gen.executor import Executor as Stock
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils, standard_artifacts
from tfx.utils import io_utils, proto_utils
from tfx_bsl.coders import csv_decoder

from components.arrow_example_gen.executor import Executor as Ours

__all__ = ["Ours", "Stock", "examples", "inputs", "outputs", "run", "stock_rows"]


def inputs(**patterns: str) -> example_gen_pb2.Input:
    return example_gen_pb2.Input(
        splits=[
            example_gen_pb2.Input.Split(name=name, pattern=pattern)
            for name, pattern in patterns.items()
        ]
    )


def outputs(partition_feature: str | None = None, **buckets: int) -> example_gen_pb2.Output:
    config = example_gen_pb2.SplitConfig(
        splits=[
            example_gen_pb2.SplitConfig.Split(name=name, hash_buckets=count)
            for name, count in buckets.items()
        ]
    )
    if partition_feature is not None:
        config.partition_feature_name = partition_feature
    return example_gen_pb2.Output(split_config=config)


def run(
    executor: type[BaseExecutor],
    base: Path,
    output: Path,
    input_config: example_gen_pb2.Input | None = None,
    output_config: example_gen_pb2.Output | None = None,
) -> standard_artifacts.Examples:
    """Makes examples, with the component's defaults where nothing is given."""
    input_config = input_config or utils.make_default_input_config()
    output_config = output_config or utils.make_default_output_config(input_config)
    artifact = standard_artifacts.Examples()
    artifact.uri = str(output)
    context = BaseBeamExecutor.Context(tmp_dir=f"{output}.tmp", unique_id="1")
    executor(context).Do(
        {},
        {"examples": [artifact]},
        {
            "input_base": str(base),
            "input_config": proto_utils.proto_to_json(input_config),
            "output_config": proto_utils.proto_to_json(output_config),
            "output_data_format": example_gen_pb2.FORMAT_TF_EXAMPLE,
            "output_file_format": example_gen_pb2.FORMAT_TFRECORDS_GZIP,
        },
    )
    return artifact


def examples(artifact: standard_artifacts.Examples) -> dict[str, list[Any]]:
    """Returns the examples of each split, in the order of its files."""
    found: dict[str, list[Any]] = {}
    for split in artifact_utils.decode_split_names(artifact.split_names):
        folder = Path(artifact_utils.get_split_uri([artifact], split))
        files = sorted(str(path) for path in folder.iterdir())
        records = tf.data.TFRecordDataset(files, "GZIP").as_numpy_iterator()
        found[split] = [tf.train.Example.FromString(record) for record in records]
    return found


def stock_rows(paths: list[str]) -> list[Any]:
    """Returns the examples that stock CsvExampleGen makes of the files of one input split."""
    names = io_utils.load_csv_column_names(paths[0])
    parse = csv_decoder.ParseCSVLine(delimiter=",")
    parse.setup()
    records = [
        record for path in paths for record in stock_csv._ReadCsvRecordsFromTextFile().process(path)
    ]
    rows = [cells for record in records for cells, _ in parse.process(record)]
    inferrer = csv_decoder.ColumnTypeInferrer(names, skip_blank_lines=True)
    types = inferrer.create_accumulator()
    for cells in rows:
        types = inferrer.add_input(types, cells)
    columns = inferrer.extract_output(types)
    convert = stock_csv._ParsedCsvToTfExample()
    return [example for cells in rows for example in convert.process(cells, columns)]
