from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from batching_servables import waiting_request

from serving.server.batching import merging
from serving.server.batching.queues import Request
from serving.wire.errors import ServingError, StatusCode


def request(inputs: dict[str, Any], *outputs: str) -> Request:
    arrays = {name: np.asarray(value) for name, value in inputs.items()}
    return waiting_request(arrays, *outputs)


@pytest.mark.parametrize(
    "inputs",
    [
        {},
        {"a": np.zeros((1, 2))},
        {"a": np.float64(1), "b": np.zeros(1)},
        {"a": np.zeros((0, 2)), "b": np.zeros(0)},
        {"a": np.zeros((2, 2)), "b": np.zeros(1)},
        {"a": np.zeros((1, 2)), "b": np.zeros(0)},
        {"a": np.zeros((1, 2)), "b": np.zeros(1), "c": np.zeros(1)},
    ],
)
def test_inputs_without_common_rows_run_alone(inputs: dict[str, np.ndarray]) -> None:
    arrays = {name: np.asarray(value) for name, value in inputs.items()}
    assert merging.row_key(("a", "b"), arrays) is None


def test_rows_may_differ_among_requests_that_join() -> None:
    few = merging.row_key(("a", "b"), {"a": np.zeros((1, 2)), "b": np.zeros(1)})
    many = merging.row_key(("a", "b"), {"b": np.zeros(5), "a": np.zeros((5, 2))})
    assert few is not None
    assert many is not None
    assert (few[0], many[0]) == (1, 5)
    assert few[1] == many[1]


@pytest.mark.parametrize(
    "other", [np.zeros((1, 3)), np.zeros((1, 2, 1)), np.zeros(1), np.zeros((1, 2), np.float32)]
)
def test_other_shapes_or_types_do_not_join(other: np.ndarray) -> None:
    key = merging.row_key(("a",), {"a": np.zeros((1, 2))})
    assert merging.row_key(("a",), {"a": other}) != key


@pytest.mark.parametrize(
    ("inputs", "size"), [({}, 1), ({"a": np.float64(2)}, 1), ({"a": np.zeros((0, 3))}, 1)]
)
def test_what_has_no_rows_counts_as_one(inputs: dict[str, Any], size: int) -> None:
    assert merging.leading_size({k: np.asarray(v) for k, v in inputs.items()}) == size


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({}, "Batching Run() must have at least one input tensor"),
        (
            {"a": np.zeros(1), "b": np.asarray(1.0)},
            "Batching Run() input tensors must have at least one dimension",
        ),
        (
            {"a": np.zeros(1), "b": np.zeros(2)},
            "Batching Run() input tensors must have equal 0th-dimension size",
        ),
    ],
)
def test_what_tensorflow_serving_cannot_batch_it_refuses(
    inputs: dict[str, np.ndarray], message: str
) -> None:
    with pytest.raises(ServingError) as caught:
        merging.check_rows(inputs)
    assert caught.value.code is StatusCode.INVALID_ARGUMENT
    assert caught.value.message == message


def test_one_request_is_passed_on_as_it_is() -> None:
    only = request({"a": [1, 2]})
    assert merging.join([only], 2) is only.inputs


def test_rows_are_joined_in_order_and_padded_with_the_first_row_of_the_last() -> None:
    joined = merging.join(
        [
            request({"a": [[1], [2]], "b": [b"x", b"y"]}),
            request({"a": [[3], [4]], "b": [b"", b"z"]}),
        ],
        6,
    )
    assert joined["a"].tolist() == [[1], [2], [3], [4], [3], [3]]
    assert joined["b"].tolist() == [b"x", b"y", b"", b"z", b"", b""]


def test_texts_stay_objects() -> None:
    texts = np.array([b"long text", b""], dtype=object)
    joined = merging.join([request({"a": texts}), request({"a": texts[1:]})], 3)
    assert joined["a"].dtype == object
    assert joined["a"].tolist() == [b"long text", b"", b""]


def test_sizes_are_evened_out_with_each_tensors_first_value() -> None:
    small = np.array([[[1, 2]]])  # 1 x 1 x 2
    large = np.array([[[5], [6], [7]]])  # 1 x 3 x 1
    joined = merging.join([request({"a": small}), request({"a": large})], 2, padding=True)
    assert joined["a"].tolist() == [
        [[1, 2], [1, 1], [1, 1]],
        [[5, 5], [6, 5], [7, 5]],
    ]


def test_a_tensor_without_values_cannot_be_padded() -> None:
    with pytest.raises(ServingError, match="Got empty tensor in batch"):
        merging.even_out([np.zeros((1, 0)), np.zeros((1, 2))])


def test_misfits_are_told_apart() -> None:
    first = {"a": np.zeros((1, 2))}
    assert merging.misfit(first, {"a": np.zeros((4, 2))}, padding=False) is None
    assert merging.misfit(first, {"a": np.zeros((1, 9))}, padding=True) is None
    for other, padding in ((np.zeros((1, 3)), False), (np.zeros(1), True), (np.zeros(1), False)):
        error = merging.misfit(first, {"a": other}, padding=padding)
        assert error is not None
        assert error.code is StatusCode.FAILED_PRECONDITION
        assert error.message.startswith("Tensors with name 'a' from different tasks have different")


def test_all_outputs_are_wanted_as_soon_as_one_request_wants_all() -> None:
    one, two, every = request({"a": [1]}, "y"), request({"a": [1]}, "z", "y"), request({"a": [1]})
    assert merging.wanted([one, two]) == ("y", "z")
    assert merging.wanted([one, every]) == ()


def test_each_request_gets_its_rows_of_what_it_asked_for() -> None:
    first, second = request({"a": [1, 2]}, "y"), request({"a": [3]})
    outputs = {"y": np.array([10, 20, 30, 99]), "z": np.array([[1], [2], [3], [99]])}

    assert merging.has_rows(outputs, 4)
    answers = merging.split([first, second], outputs)

    assert [{name: a.tolist() for name, a in answer.items()} for answer in answers] == [
        {"y": [10, 20]},
        {"y": [30], "z": [[3]]},
    ]
    assert np.shares_memory(answers[0]["y"], outputs["y"])


@pytest.mark.parametrize("array", [np.float64(3), np.zeros(3), np.zeros((1, 4))])
def test_outputs_without_a_row_for_each_are_noticed(array: np.ndarray) -> None:
    assert not merging.has_rows({"y": np.zeros(4), "z": np.asarray(array)}, 4)
