"""`ArrowExampleGen`: CSV and Parquet files in, splits of tf.Examples out.

The spec is that of stock TFX's file-based ExampleGens, and so are `{SPAN}`, `{VERSION}` and date
patterns, and the fingerprint of a span. Ranges of several spans, which stock refuses, are for
`driver`; what is made of the files is for `executor`.
"""

from __future__ import annotations

from tfx.components.example_gen.component import FileBasedExampleGen
from tfx.dsl.components.base import executor_spec
from tfx.dsl.placeholder import placeholder
from tfx.orchestration import data_types
from tfx.proto import example_gen_pb2, range_config_pb2

from components.arrow_example_gen import driver, executor


class ArrowExampleGen(FileBasedExampleGen):
    """Takes the arguments of `CsvExampleGen` and gives the same `examples`.

    Files whose names end in `.parquet` or `.pq` are read as Parquet, all others as CSV with a
    header. The files of one input split have to be of one format, with the same columns. From CSV,
    the examples are those that CsvExampleGen makes, in the same splits:

        a,b,c,d        1 is an int, the b's are a feature of no type,
        1,,x,0.1       x is bytes, 0.1 is a float
        2,,,0.2        c is an empty list of bytes

    A column's type is that of all its values over the input split: int where all are, else float
    where all are numbers, else bytes. From Parquet, types are those of the files, and a null is an
    empty list of its column's type.

    A range of spans makes one artifact, with the rows of all of them in the same splits: a static
    range those from its first to its last span, each of which has to exist; a rolling range those
    of its `num_spans` numbers up to the newest span that exist, but none before
    `start_span_number`. Of each span the newest version is read. The artifact's `span` is the
    newest one's; `first_span` and `spans` tell the others.

    It works in one process, a block of rows at a time, and takes no Beam pipeline arguments into
    account. Where the input is to be read by a cluster, use CsvExampleGen.
    """

    # TFX's base class asks for a Beam spec; the executor does not use Beam.
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)
    DRIVER_CLASS = driver.Driver

    def __init__(
        self,
        input_base: str | None = None,
        input_config: example_gen_pb2.Input | data_types.RuntimeParameter | None = None,
        output_config: example_gen_pb2.Output | data_types.RuntimeParameter | None = None,
        range_config: (
            placeholder.Placeholder
            | range_config_pb2.RangeConfig
            | data_types.RuntimeParameter
            | None
        ) = None,
    ) -> None:
        """Describes the node.

        Args:
            input_base: Folder with the files.
            input_config: Patterns of the files below it, one for each input split. If unset, all
                files are one split.
            output_config: Splits to make of a single input split. If unset, `train` and `eval`
                with 2 : 1 of the rows.
            range_config: Which spans to take, one or several. If unset, the latest.
        """
        super().__init__(
            input_base=input_base,
            input_config=input_config,
            output_config=output_config,
            range_config=range_config,
        )
