"""What ExampleGen is told: which files it reads, of which spans, and which splits it makes.

A run, a check for skew and a measurement of quality all read a pipeline's data by it, and so read
the same.
"""

from __future__ import annotations

from tfx.proto import example_gen_pb2, range_config_pb2

from components.arrow_example_gen import span_range, spans
from pipelines.config import PipelineConfig


def input_config(config: PipelineConfig) -> example_gen_pb2.Input:
    """Returns which files are read: those of the pipeline's pattern, as one input split."""
    split = example_gen_pb2.Input.Split(name="single_split", pattern=config.input_pattern)
    return example_gen_pb2.Input(splits=[split])


def output_config(config: PipelineConfig) -> example_gen_pb2.Output:
    """Returns the splits of a run: `train` and `eval`, with their shares."""
    return output_splits(train=config.train_buckets, eval=config.eval_buckets)


def output_splits(**buckets: int) -> example_gen_pb2.Output:
    """Returns splits by their names, each with its share of the examples, in hash buckets."""
    split = example_gen_pb2.SplitConfig.Split
    return example_gen_pb2.Output(
        split_config=example_gen_pb2.SplitConfig(
            splits=[split(name=name, hash_buckets=share) for name, share in buckets.items()]
        )
    )


def range_config(text: str) -> range_config_pb2.RangeConfig | None:
    """Returns which spans are read, from a text as `PipelineConfig.span_range` has it.

    Returns:
        None where the text is empty: ExampleGen then reads the last span, or everything where the
        pattern tells no spans apart.

    Raises:
        InputError: It is no such text.
    """
    return span_range.to_config(spans.wanted(text)) if text else None
