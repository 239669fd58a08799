"""What ExampleGen is told of a pipeline's configuration."""

from __future__ import annotations

import dataclasses

import pytest
from google.protobuf import text_format
from tfx.proto import example_gen_pb2, range_config_pb2

from components.arrow_example_gen.errors import InputError
from pipelines import example_splits
from pipelines.flights.config import CONFIG


def test_the_pattern_is_one_input_split() -> None:
    config = dataclasses.replace(CONFIG, input_pattern="span-{SPAN}/*")
    expected = 'splits { name: "single_split" pattern: "span-{SPAN}/*" }'
    assert example_splits.input_config(config) == text_format.Parse(
        expected, example_gen_pb2.Input()
    )


def test_the_splits_have_their_shares() -> None:
    config = dataclasses.replace(CONFIG, train_buckets=5, eval_buckets=2)
    expected = (
        'split_config { splits { name: "train" hash_buckets: 5 } '
        'splits { name: "eval" hash_buckets: 2 } }'
    )
    assert example_splits.output_config(config) == text_format.Parse(
        expected, example_gen_pb2.Output()
    )
    other = 'split_config { splits { name: "serving" hash_buckets: 1 } }'
    assert example_splits.output_splits(serving=1) == text_format.Parse(
        other, example_gen_pb2.Output()
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("8", "rolling_range { num_spans: 8 }"),
        ("5:12", "static_range { start_span_number: 5 end_span_number: 12 }"),
        ("0:2147483647", "static_range { end_span_number: 2147483647 }"),
    ],
)
def test_a_range_is_read(text: str, expected: str) -> None:
    assert example_splits.range_config(text) == text_format.Parse(
        expected, range_config_pb2.RangeConfig()
    )


def test_without_a_range_none_is_asked_for() -> None:
    assert example_splits.range_config("") is None
    with pytest.raises(InputError, match="2147483647"):
        example_splits.range_config("3000000000")
