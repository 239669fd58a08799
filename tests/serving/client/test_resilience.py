"""Retries, deadlines, balancing and waiting, against servers that fail on purpose."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from client_server import MODEL, ModelServer

from serving.client import (
    Client,
    DeadlineExceeded,
    InvalidRequest,
    NotFound,
    Unauthenticated,
    Unavailable,
)

BUSY = (grpc.StatusCode.UNAVAILABLE, "queue is full")


def test_a_call_that_found_the_server_busy_twice_succeeds_the_third_time() -> None:
    with ModelServer(faults=[BUSY, BUSY]) as server, Client(server.address) as client:
        answer = client.predict(MODEL, {"x": [1]}, request_id="same")
        assert answer.outputs["y"].tolist() == [2]
        methods = ["GetModelMetadata", "GetModelMetadata", "GetModelMetadata", "Predict"]
        assert server.methods() == methods
        assert {call.metadata["x-request-id"] for call in server.received} == {"same"}
        attempts = [c.metadata.get("grpc-previous-rpc-attempts") for c in server.received]
        assert attempts == [None, "1", "2", None]


def test_after_five_attempts_the_servers_text_is_told() -> None:
    with ModelServer(faults=[BUSY] * 9) as server, Client(server.address) as client:
        with pytest.raises(Unavailable, match="queue is full"):
            client.status(MODEL)
        assert len(server.received) == 5


def test_retries_can_be_turned_off() -> None:
    with ModelServer(faults=[BUSY]) as server, Client(server.address, attempts=1) as client:
        with pytest.raises(Unavailable, match="queue is full"):
            client.status(MODEL)
        assert len(server.received) == 1


def test_requests_larger_than_gRPCs_retry_buffer_are_retried_too() -> None:
    with ModelServer() as server, Client(server.address) as client:
        client.predict(MODEL, {"x": [1]})
        server.faults = [BUSY]
        assert len(client.predict(MODEL, {"x": [1.0] * 1_000_000}).outputs["y"]) == 1_000_000
        assert len(server.received) == 4


def test_the_retries_of_clients_end_when_most_calls_fail() -> None:
    with ModelServer(faults=[BUSY] * 1000) as server, Client(server.address) as client:

        def fail(_: int) -> None:
            with pytest.raises(Unavailable):
                client.status(MODEL)

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(fail, range(40)))
        # 100 tokens, one off per failure, and none tries again below 50: 51 failures spend them.
        assert len(server.received) < 5 * 40 / 2


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (grpc.StatusCode.INVALID_ARGUMENT, InvalidRequest),
        (grpc.StatusCode.NOT_FOUND, NotFound),
        (grpc.StatusCode.DEADLINE_EXCEEDED, DeadlineExceeded),
        (grpc.StatusCode.UNAUTHENTICATED, Unauthenticated),
    ],
)
def test_what_a_retry_cannot_mend_is_not_retried(
    code: grpc.StatusCode, kind: type[Exception]
) -> None:
    with ModelServer(faults=[(code, "no")]) as server, Client(server.address) as client:
        with pytest.raises(kind):
            client.status(MODEL)
        assert len(server.received) == 1


def test_a_deadline_ends_a_call_and_travels_to_the_server() -> None:
    with ModelServer(delay_sec=1.0) as server, Client(server.address) as client:
        with pytest.raises(DeadlineExceeded) as caught:
            client.status(MODEL, timeout_sec=0.3)
        assert caught.value.request_id
        (call,) = server.received
        assert call.time_remaining is not None
        assert call.time_remaining < 0.5  # on the wire it is rounded up


def test_metadata_and_prediction_share_one_deadline() -> None:
    with ModelServer(delay_sec=0.3) as server, Client(server.address) as client:
        client.predict(MODEL, {"x": [1]}, timeout_sec=5)
        metadata, predict = (call.time_remaining for call in server.received)
        assert metadata is not None
        assert predict is not None
        assert metadata < 5.1  # on the wire it is rounded up
        assert predict < 4.8


@pytest.mark.parametrize(
    ("given", "expected"), [(None, None), (float("inf"), None), (7, 7)], ids=str
)
def test_a_client_has_a_timeout_of_its_own_for_calls_that_name_none(
    given: float | None, expected: float | None
) -> None:
    with ModelServer() as server, Client(server.address, timeout_sec=given) as client:
        client.status(MODEL)
        client.status(MODEL, timeout_sec=float("inf"))
        client.status(MODEL, timeout_sec=3)
        first, unlimited, short = (call.time_remaining for call in server.received)
    # Without a deadline gRPC counts down from the end of time.
    assert unlimited is None or unlimited > 1e6
    assert short is not None
    assert short < 3.1
    if expected is None:
        assert first is None or first > 1e6
    else:
        assert first is not None
        assert first < expected + 0.1


def test_calls_go_to_all_servers_and_pass_by_one_that_ends() -> None:
    two = ModelServer()
    with ModelServer() as one, two, Client(one.address, two.address) as client:
        # At first only the connection that came about sooner is used.
        for _ in range(2000):
            client.status(MODEL)
            if one.received and two.received:
                break
        before = len(one.received), len(two.received)
        for _ in range(20):
            client.status(MODEL)
        assert (len(one.received), len(two.received)) == (before[0] + 10, before[1] + 10)
        two.stop()
        for _ in range(20):
            client.status(MODEL)
        assert len(one.received) >= before[0] + 30


def test_a_name_and_an_address_balance_together() -> None:
    with ModelServer() as one, ModelServer() as two:
        with Client(f"localhost:{one.port}", two.address) as client:
            for _ in range(2000):
                client.status(MODEL)
                if one.received and two.received:
                    break
        assert one.received
        assert two.received


def test_a_server_that_comes_back_is_found_again() -> None:
    with ModelServer() as first, Client(first.address) as client:
        client.status(MODEL)
        port = first.port
        first.stop()
        with ModelServer(address=f"127.0.0.1:{port}"):
            client.wait_until_ready(MODEL, timeout_sec=30)
            assert client.status(MODEL)


def test_waiting_outlasts_a_server_that_is_not_there_and_a_model_that_loads() -> None:
    with ModelServer() as first:
        port = first.port  # free again in a moment
    with Client(f"127.0.0.1:{port}") as client:
        waiting = threading.Thread(target=client.wait_until_ready, args=([MODEL],))
        waiting.start()
        with ModelServer(address=f"127.0.0.1:{port}") as server:
            server.state = 20
            while not server.received:
                assert waiting.is_alive()
            assert waiting.is_alive()
            server.state = 30
            waiting.join(30)
            assert not waiting.is_alive()


def test_waiting_in_vain_says_how_each_model_stands() -> None:
    with ModelServer() as server, Client(server.address) as client:
        server.state = 20
        with pytest.raises(DeadlineExceeded) as caught:
            client.wait_until_ready([MODEL, "other"], timeout_sec=0.5)
    assert "Not ready after 0.5 s: 'double': version 3 is LOADING" in caught.value.message
    assert "'other': NOT_FOUND: Could not find any versions of model other" in caught.value.message


def test_waiting_does_not_outlast_a_refusal() -> None:
    refusal = (grpc.StatusCode.UNAUTHENTICATED, "API key required")
    with (
        ModelServer(faults=[refusal]) as server,
        Client(server.address) as client,
        pytest.raises(Unauthenticated, match="API key required"),
    ):
        client.wait_until_ready(MODEL, timeout_sec=30)


def test_keep_alive_is_heeded_between_calls() -> None:
    with ModelServer() as server, Client(server.address, keepalive_sec=1) as client:
        assert client.status(MODEL)
