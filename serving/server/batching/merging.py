"""Rows of several requests into one call, and the answers back to each; pure.

    rows 2 and 1, padded to 4:   inputs a a b | b'      outputs A A B | (cut off)

`b'` repeats a row of the batch, which is always a row that the model can take.

Source: MergeInputTensors and SplitOutputTensors in tensorflow_serving/batching/
batching_session.cc, AddPadding in batching_util.cc.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from serving.server.batching.queues import Request
from serving.wire.errors import ServingError, failed_precondition, invalid

Arrays = Mapping[str, np.ndarray]


def row_key(names: Sequence[str], inputs: Arrays) -> tuple[int, tuple[object, ...]] | None:
    """Returns how many rows a request has, and what others must have alike to join it.

    None when it can only run alone: an input is missing or has no rows, or they disagree on how
    many there are.

    Args:
        names: Of the signature's inputs.
        inputs: Of the request.
    """
    rows = 0
    key: list[object] = []
    for name in names:
        array = inputs.get(name)
        if array is None or array.ndim == 0:
            return None
        shape = array.shape
        if not rows:
            rows = shape[0]
        if not rows or shape[0] != rows:
            return None
        # The number of a type is quicker to compare than the type.
        key += (array.dtype.num, shape[1:])
    if not rows or len(inputs) != len(names):
        return None
    return rows, tuple(key)


def leading_size(inputs: Arrays) -> int:
    """Returns the size of the first dimension of the first input, at least 1."""
    first = next(iter(inputs.values()), None)
    return 1 if first is None or first.ndim == 0 else max(first.shape[0], 1)


def check_rows(inputs: Arrays) -> None:
    """Refuses what TensorFlow Serving refuses to batch.

    Raises:
        ServingError: No inputs, one without dimensions, or unequal numbers of rows;
            INVALID_ARGUMENT.
    """
    if not inputs:
        raise invalid("Batching Run() must have at least one input tensor")
    arrays = inputs.values()
    if any(array.ndim == 0 for array in arrays):
        raise invalid("Batching Run() input tensors must have at least one dimension")
    if len({array.shape[0] for array in arrays}) > 1:
        raise invalid("Batching Run() input tensors must have equal 0th-dimension size")


def misfit(first: Arrays, other: Arrays, *, padding: bool) -> ServingError | None:
    """Returns why a request cannot join the first of its batch, or None if it can.

    Args:
        first: Inputs of the first request.
        other: Inputs of the other, with the same names.
        padding: Whether sizes may differ; ranks may not.
    """
    for name, array in first.items():
        ours, theirs = array.shape, other[name].shape
        if padding and len(ours) != len(theirs):
            return failed_precondition(
                f"Tensors with name '{name}' from different tasks have different ranks, which "
                f"padding cannot make equal. Received: {len(theirs)}, expected {len(ours)}."
            )
        if not padding and ours[1:] != theirs[1:]:
            return failed_precondition(
                f"Tensors with name '{name}' from different tasks have different shapes and "
                "padding is turned off.Set pad_variable_length_inputs to true, or ensure that all "
                "tensors with the same namehave equal dimensions starting with the first dim."
            )
    return None


def join(
    requests: Sequence[Request], size: int, *, padding: bool = False
) -> dict[str, np.ndarray] | Arrays:
    """Returns the inputs of one call for several requests.

    Args:
        requests: At least one; the same names and types, and the same sizes but for the first
            dimension unless `padding`.
        size: Rows wanted, at least those there are; the rest repeats a row.
        padding: Whether to even out the other dimensions, with each tensor's own first value.

    Raises:
        ServingError: A tensor without values would have to be padded; INVALID_ARGUMENT.
    """
    missing = size - sum(request.rows for request in requests)
    first = requests[0].inputs
    if len(requests) == 1 and not missing:
        return first
    joined = {}
    for name in first:
        parts = [request.inputs[name] for request in requests]
        if padding:
            parts = even_out(parts)
        if missing:
            parts.append(np.repeat(parts[-1][:1], missing, axis=0))
        joined[name] = np.concatenate(parts)
    return joined


def even_out(arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Returns arrays of one rank grown to the largest of each dimension, save the first.

    Raises:
        ServingError: A tensor without values would have to be padded; INVALID_ARGUMENT.
    """
    largest = tuple(max(sizes) for sizes in zip(*(a.shape[1:] for a in arrays), strict=True))
    return [_grown(array, largest) for array in arrays]


def wanted(requests: Sequence[Request]) -> tuple[str, ...]:
    """Returns the outputs that any of the requests asks for; none means all."""
    if not all(request.outputs for request in requests):
        return ()
    return tuple(dict.fromkeys(name for request in requests for name in request.outputs))


def has_rows(outputs: Arrays, size: int) -> bool:
    """Returns whether every output has a row for every row of the batch."""
    return all(array.ndim > 0 and array.shape[0] == size for array in outputs.values())


def split(requests: Sequence[Request], outputs: Arrays) -> list[dict[str, np.ndarray]]:
    """Returns what each request asked for, as views of its rows.

    Args:
        requests: As joined.
        outputs: Of the call; rows of padding at the end are left out.
    """
    answers = []
    start = 0
    for request in requests:
        stop = start + request.rows
        names = request.outputs or outputs
        answers.append({name: outputs[name][start:stop] for name in names})
        start = stop
    return answers


def alike(answers: Sequence[Arrays]) -> bool:
    """Returns whether the answers to the parts of a request can be put together again.

    They cannot when sizes were evened out with another batch for each part.
    """
    first = answers[0]
    return all(
        array.shape[1:] == first[name].shape[1:]
        for answer in answers[1:]
        for name, array in answer.items()
    )


def _grown(array: np.ndarray, largest: tuple[int, ...]) -> np.ndarray:
    if array.shape[1:] == largest:
        return array
    if not array.size:
        raise invalid("Got empty tensor in batch of non-empty tensors.")
    grown = np.empty((array.shape[0], *largest), array.dtype)
    grown[...] = array.flat[0]
    grown[tuple(slice(size) for size in array.shape)] = array
    return grown
