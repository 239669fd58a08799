from __future__ import annotations

from typing import Any

import pytest
from batching_servables import waiting_request

from serving.server.batching import BatchingOptions
from serving.server.batching.queues import Request, RequestQueue
from serving.wire.errors import ServingError, StatusCode


def request(rows: int, arrived: float = 0.0) -> Request:
    return waiting_request({}, rows=rows, arrived=arrived)


def queue(**options: Any) -> RequestQueue:
    return RequestQueue(BatchingOptions(**options), print)


def sizes(requests: RequestQueue) -> list[list[int]]:
    batches = []
    while requests.due() is not None:
        batches.append([each.rows for each in requests.take()])
    return batches


@pytest.mark.parametrize(
    ("rows", "batches"),
    [
        ([], []),
        ([8], [[8]]),
        ([3, 4, 5], [[3, 4], [5]]),
        ([3, 4, 1, 1], [[3, 4, 1], [1]]),
        ([9], [[9]]),
        ([1, 20, 1], [[1], [20], [1]]),
        ([1] * 17, [[1] * 8, [1] * 8, [1]]),
    ],
)
def test_requests_fill_batches_in_order(rows: list[int], batches: list[list[int]]) -> None:
    requests = queue(max_batch_size=8)
    for each in rows:
        requests.push(request(each))
    assert sizes(requests) == batches


def test_an_open_batch_is_due_at_once_without_a_timeout() -> None:
    requests = queue()
    assert requests.due() is None
    requests.push(request(1, arrived=5.0))
    assert requests.due() == 5.0


def test_an_open_batch_waits_for_company_from_its_first_request_on() -> None:
    requests = queue(max_batch_size=8, batch_timeout_micros=2_000_000)
    requests.push(request(1, arrived=5.0))
    requests.push(request(1, arrived=6.5))
    assert requests.due() == 7.0


@pytest.mark.parametrize("rows", [[8], [3, 5], [7, 2]])
def test_a_full_or_closed_batch_does_not_wait(rows: list[int]) -> None:
    requests = queue(max_batch_size=8, batch_timeout_micros=2_000_000)
    for each in rows:
        requests.push(request(each, arrived=5.0))
    assert requests.due() == 5.0


def test_hurry_ends_the_waiting() -> None:
    requests = queue(max_batch_size=8, batch_timeout_micros=2_000_000)
    requests.push(request(1, arrived=5.0))
    requests.hurry()
    assert requests.due() == 5.0


def test_a_request_larger_than_a_batch_is_refused_only_with_parameters() -> None:
    queue(max_batch_size=8).check(9)
    with pytest.raises(ServingError) as caught:
        queue(max_batch_size=8, from_file=True).check(9)
    assert caught.value.code is StatusCode.INVALID_ARGUMENT
    assert caught.value.message == "Task size 9 is larger than maximum input batch size 8"


def test_a_full_queue_refuses_what_needs_one_more_batch() -> None:
    requests = queue(max_batch_size=4, max_enqueued_batches=2, from_file=True)
    for rows in (4, 3):
        requests.check(rows)
        requests.push(request(rows))

    requests.check(1)
    with pytest.raises(ServingError) as caught:
        requests.check(2)

    assert caught.value.code is StatusCode.UNAVAILABLE
    assert caught.value.message == (
        "The batch scheduling queue to which this task was submitted is full; currently 2 batches "
        "enqueued and max_enqueued_batches is 2"
    )
    requests.take()
    requests.check(2)


def test_with_splitting_the_rows_that_are_left_count() -> None:
    requests = queue(
        max_batch_size=20,
        max_execution_batch_size=4,
        enable_large_batch_splitting=True,
        max_enqueued_batches=3,
        from_file=True,
    )
    requests.push(request(3))
    requests.check(9)  # 1 row in the open batch, 4 in each of the two others

    with pytest.raises(ServingError) as caught:
        requests.check(10)

    assert caught.value.code is StatusCode.UNAVAILABLE
    assert caught.value.message == (
        "The batch scheduling queue to which this task was submitted is full; task size is 10 but "
        "scheduling capacity is only 9 (num_enqueued_batches=1, max_enqueued_batches=3, "
        "open_batch_size=3, max_execution_batch_size=4, )"
    )
