"""How requests are merged: our defaults, or TensorFlow Serving's BatchingParameters.

Without parameters a batch is whatever waits when a thread gets free: nothing waits for company and
no request is refused for its size. With parameters everything is as TensorFlow Serving does it,
limits and errors included. Texts and defaults follow tensorflow_serving/servables/tensorflow/
bundle_factory_util.h, tensorflow_serving/batching/batching_session.cc, and
tensorflow/core/kernels/batching_util/shared_batch_scheduler.h.

The file that the flag names is read by `serving.server.config_files`; here only the one that a
version may carry.
"""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path
from typing import Any

from google.protobuf import text_format

from serving.wire.errors import ServingError, StatusCode, invalid
from serving.wire.messages import BatchingParameters

PER_MODEL_FILE = "batching_params.pbtxt"

# TensorFlow's own, where a parameters file leaves them out.
_MAX_BATCH_SIZE = 1000
_MAX_ENQUEUED_BATCHES = 10
_THREAD_POOL_NAME = "batch_threads"


@dataclasses.dataclass(frozen=True, slots=True)
class BatchingOptions:
    """How requests are merged; the defaults are for a server without parameters.

    Attributes:
        max_batch_size: Most rows that requests are merged into. With parameters also the most
            rows that one request may have.
        batch_timeout_micros: Longest that a request waits for company while a thread is free.
        max_enqueued_batches: Most batches that wait, the one being filled included; None for any.
        num_batch_threads: For whoever makes the `BatchThreads`; None if nothing was said.
        thread_pool_name: Of the threads.
        allowed_batch_sizes: Batches are padded to the next of these; increasing, the last one
            being the largest batch; none for no padding.
        pad_variable_length_inputs: Whether unequal sizes are evened out with a first value.
        enable_large_batch_splitting: Whether a request may be spread over several batches.
        max_execution_batch_size: Most rows of a batch where requests are split, else None.
        from_file: Whether TensorFlow Serving's limits and errors apply.
    """

    max_batch_size: int = 1024
    batch_timeout_micros: int = 0
    max_enqueued_batches: int | None = None
    num_batch_threads: int | None = None
    thread_pool_name: str = _THREAD_POOL_NAME
    allowed_batch_sizes: tuple[int, ...] = ()
    pad_variable_length_inputs: bool = False
    enable_large_batch_splitting: bool = False
    max_execution_batch_size: int | None = None
    from_file: bool = False

    @property
    def largest_batch(self) -> int:
        """Most rows that requests are merged into."""
        return self.max_execution_batch_size or self.max_batch_size

    @property
    def batch_timeout_sec(self) -> float:
        """Longest wait for company, in seconds."""
        return self.batch_timeout_micros / 1e6

    def padded_size(self, rows: int) -> int:
        """Returns the smallest allowed batch size that holds so many rows."""
        return next((size for size in self.allowed_batch_sizes if size >= rows), rows)

    @classmethod
    def from_message(cls, message: Any, *, cpus: int) -> BatchingOptions:
        """Reads BatchingParameters.

        Args:
            message: A BatchingParameters message; what it leaves out is as in TensorFlow.
            cpus: Number of threads where it names none.

        Raises:
            ServingError: A value is out of range; INVALID_ARGUMENT, in TensorFlow's words.
        """
        size = _value(message, "max_batch_size", _MAX_BATCH_SIZE)
        splitting = message.enable_large_batch_splitting.value
        options = cls(
            max_batch_size=size,
            batch_timeout_micros=_value(message, "batch_timeout_micros", 0),
            max_enqueued_batches=_enqueued(message, splitting),
            num_batch_threads=_value(message, "num_batch_threads", cpus),
            thread_pool_name=_value(message, "thread_pool_name", _THREAD_POOL_NAME),
            allowed_batch_sizes=tuple(message.allowed_batch_sizes),
            pad_variable_length_inputs=message.pad_variable_length_inputs,
            enable_large_batch_splitting=splitting,
            max_execution_batch_size=(
                _value(message, "max_execution_batch_size", size) if splitting else None
            ),
            from_file=True,
        )
        _check(options)
        return options


def for_version(folder: Path, *, default: BatchingOptions, cpus: int) -> BatchingOptions:
    """Returns the options that a version carries in its `batching_params.pbtxt`; blocks on disk.

    They replace those of the server's own file altogether, except for the threads, which all
    models share. TensorFlow Serving does not batch a model without the file; `BatchingOptions()`
    as the default comes to the same for callers.

    Args:
        folder: Of the version, where `saved_model.pb` lies.
        default: For a version without the file.
        cpus: As in `from_message`.

    Raises:
        ServingError: The file cannot be read or holds something else; INVALID_ARGUMENT.
    """
    path = folder / PER_MODEL_FILE
    try:
        message = text_format.Parse(path.read_text("utf-8"), BatchingParameters())
    except FileNotFoundError:
        return default
    except OSError as error:
        raise ServingError(StatusCode.UNKNOWN, f"{path}: {error.strerror}") from error
    except (text_format.ParseError, UnicodeDecodeError) as error:
        raise invalid(
            f"Error parsing text-format tensorflow.serving.BatchingParameters in {path}: {error}"
        ) from error
    return BatchingOptions.from_message(message, cpus=cpus)


def _value(message: Any, field: str, default: Any) -> Any:
    return getattr(message, field).value if message.HasField(field) else default


def _enqueued(message: Any, splitting: bool) -> int:
    count = _value(message, "max_enqueued_batches", _MAX_ENQUEUED_BATCHES)
    # TensorFlow takes 0 for 1 unless requests are split: old configurations rely on it.
    return 1 if count == 0 and not splitting else count


def _check(options: BatchingOptions) -> None:
    positive = {
        "num_batch_threads": options.num_batch_threads,
        "max_batch_size": options.max_batch_size,
        "max_enqueued_batches": options.max_enqueued_batches,
    }
    for name, value in positive.items():
        if value is not None and value < 1:
            raise invalid(f"{name} must be positive; was {value}")
    if options.batch_timeout_micros < 0:
        raise invalid(
            f"batch_timeout_micros must be non-negative; was {options.batch_timeout_micros}"
        )
    _check_execution(options)
    if options.allowed_batch_sizes:
        _check_allowed(options)


def _check_execution(options: BatchingOptions) -> None:
    execution = options.max_execution_batch_size
    if execution is None:
        return
    if execution < 1:
        raise invalid(f"max_execution_batch_size must be positive; was {execution}")
    if execution > options.max_batch_size:
        raise invalid(
            "When enable_large_batch_splitting is true, input_batch_size_limit must be greater "
            f"than or equal to max_execution_batch_size; received {options.max_batch_size} and "
            f"{execution}."
        )


def _check_allowed(options: BatchingOptions) -> None:
    sizes = options.allowed_batch_sizes
    if sizes[0] < 1 or any(after <= before for before, after in itertools.pairwise(sizes)):
        raise invalid("allowed_batch_sizes entries must be monotonically increasing")
    if sizes[-1] == options.largest_batch:
        return
    if options.enable_large_batch_splitting:
        raise invalid(
            "Last entry in allowed_batch_sizes must be equal to max_execution_batch_size; last "
            f"entry was {sizes[-1]}; expected {options.largest_batch}"
        )
    raise invalid(
        "Last entry in allowed_batch_sizes must match max_batch_size; last entry was "
        f"{sizes[-1]}; expected {options.max_batch_size}"
    )
