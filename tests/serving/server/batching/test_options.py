from __future__ import annotations

from pathlib import Path

import pytest
from google.protobuf import text_format

from serving.server.batching import BatchingOptions, for_version
from serving.wire.errors import ServingError, StatusCode
from serving.wire.messages import BatchingParameters


def options(text: str) -> BatchingOptions:
    return BatchingOptions.from_message(text_format.Parse(text, BatchingParameters()), cpus=6)


def test_what_the_file_leaves_out_is_as_in_tensorflow() -> None:
    assert options("") == BatchingOptions(
        max_batch_size=1000,
        batch_timeout_micros=0,
        max_enqueued_batches=10,
        num_batch_threads=6,
        thread_pool_name="batch_threads",
        allowed_batch_sizes=(),
        pad_variable_length_inputs=False,
        enable_large_batch_splitting=False,
        max_execution_batch_size=None,
        from_file=True,
    )


def test_every_value_is_read() -> None:
    read = options("""
        max_batch_size { value: 128 } batch_timeout_micros { value: 500 }
        max_enqueued_batches { value: 7 } num_batch_threads { value: 3 }
        thread_pool_name { value: "gpu" } allowed_batch_sizes: [8, 64]
        pad_variable_length_inputs: true enable_large_batch_splitting { value: true }
        max_execution_batch_size { value: 64 }
    """)

    assert read == BatchingOptions(
        max_batch_size=128,
        batch_timeout_micros=500,
        max_enqueued_batches=7,
        num_batch_threads=3,
        thread_pool_name="gpu",
        allowed_batch_sizes=(8, 64),
        pad_variable_length_inputs=True,
        enable_large_batch_splitting=True,
        max_execution_batch_size=64,
        from_file=True,
    )
    assert read.largest_batch == 64
    assert read.batch_timeout_sec == 0.0005


def test_splitting_makes_batches_of_the_largest_request_by_default() -> None:
    read = options("max_batch_size { value: 9 } enable_large_batch_splitting { value: true }")
    assert (read.max_execution_batch_size, read.largest_batch) == (9, 9)


def test_the_execution_size_means_nothing_without_splitting() -> None:
    read = options("max_batch_size { value: 9 } max_execution_batch_size { value: 3 }")
    assert read.largest_batch == 9


def test_no_enqueued_batches_means_one_unless_requests_are_split() -> None:
    assert options("max_enqueued_batches { value: 0 }").max_enqueued_batches == 1
    with pytest.raises(ServingError, match="max_enqueued_batches must be positive; was 0"):
        options("max_enqueued_batches { value: 0 } enable_large_batch_splitting { value: true }")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("max_batch_size { value: 0 }", "max_batch_size must be positive; was 0"),
        ("num_batch_threads { value: 0 }", "num_batch_threads must be positive; was 0"),
        (
            "batch_timeout_micros { value: -1 }",
            "batch_timeout_micros must be non-negative; was -1",
        ),
        (
            "max_batch_size { value: 32 } allowed_batch_sizes: [8, 16]",
            "Last entry in allowed_batch_sizes must match max_batch_size; last entry was 16; "
            "expected 32",
        ),
        (
            "allowed_batch_sizes: 8",
            "Last entry in allowed_batch_sizes must match max_batch_size; last entry was 8; "
            "expected 1000",
        ),
        (
            "max_batch_size { value: 8 } allowed_batch_sizes: [8, 8]",
            "allowed_batch_sizes entries must be monotonically increasing",
        ),
        (
            "max_batch_size { value: 8 } allowed_batch_sizes: [-1, 8]",
            "allowed_batch_sizes entries must be monotonically increasing",
        ),
        (
            "max_batch_size { value: 8 } enable_large_batch_splitting { value: true } "
            "max_execution_batch_size { value: 4 } allowed_batch_sizes: [2, 8]",
            "Last entry in allowed_batch_sizes must be equal to max_execution_batch_size; last "
            "entry was 8; expected 4",
        ),
        (
            "max_batch_size { value: 8 } enable_large_batch_splitting { value: true } "
            "max_execution_batch_size { value: 9 }",
            "When enable_large_batch_splitting is true, input_batch_size_limit must be greater "
            "than or equal to max_execution_batch_size; received 8 and 9.",
        ),
        (
            "enable_large_batch_splitting { value: true } max_execution_batch_size { value: -2 }",
            "max_execution_batch_size must be positive; was -2",
        ),
    ],
)
def test_values_out_of_range_are_refused(text: str, message: str) -> None:
    with pytest.raises(ServingError) as caught:
        options(text)
    assert caught.value.code is StatusCode.INVALID_ARGUMENT
    assert caught.value.message == message


@pytest.mark.parametrize(("rows", "size"), [(1, 4), (4, 4), (5, 16), (16, 16), (17, 17)])
def test_batches_are_padded_to_the_next_allowed_size(rows: int, size: int) -> None:
    assert BatchingOptions(allowed_batch_sizes=(4, 16)).padded_size(rows) == size


def test_a_version_may_carry_its_own_parameters(tmp_path: Path) -> None:
    default = BatchingOptions()
    assert for_version(tmp_path, default=default, cpus=2) is default

    (tmp_path / "batching_params.pbtxt").write_text("max_batch_size { value: 10 }")
    assert for_version(tmp_path, default=default, cpus=2).max_batch_size == 10


@pytest.mark.parametrize("content", [b"max_batch: 3", b"\xff\xfe"])
def test_a_version_with_broken_parameters_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "batching_params.pbtxt").write_bytes(content)
    with pytest.raises(ServingError, match="Error parsing text-format tensorflow"):
        for_version(tmp_path, default=BatchingOptions(), cpus=2)


def test_parameters_that_cannot_be_read_are_no_missing_ones(tmp_path: Path) -> None:
    (tmp_path / "batching_params.pbtxt").mkdir()
    with pytest.raises(ServingError, match="Is a directory"):
        for_version(tmp_path, default=BatchingOptions(), cpus=2)
