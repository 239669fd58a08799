"""The asyncio client does as the blocking one."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import pytest
from client_server import MODEL, ModelServer

from serving.client import (
    AsyncClient,
    Client,
    DeadlineExceeded,
    FailedPrecondition,
    InvalidRequest,
    NotFound,
    Unavailable,
)


def with_client(server: ModelServer, body: Callable[[AsyncClient], Awaitable[Any]]) -> Any:
    async def main() -> Any:
        async with AsyncClient(server.address) as client:
            return await body(client)

    return asyncio.run(main())


def test_all_methods_answer() -> None:
    async def body(client: AsyncClient) -> None:
        rows = [{"fare": 25.0}]
        await client.wait_until_ready(MODEL, timeout_sec=30)
        answer = await client.predict(MODEL, {"x": [1]}, request_id="a")
        assert answer.outputs["y"].tolist() == [2]
        assert answer.request_id == "a:seen"
        from_rows = await client.predict(MODEL, examples=rows, signature="rows")
        assert from_rows.outputs["outputs"].tolist() == [[50]]
        assert (await client.regress(MODEL, rows)).values.tolist() == [50]
        assert (await client.classify(MODEL, rows)).classes[0][0].label == "low"
        assert "rows" in (await client.metadata(MODEL)).signatures
        assert (await client.status(MODEL))[0].available

    with ModelServer() as server:
        with_client(server, body)


def test_calls_run_at_the_same_time() -> None:
    async def body(client: AsyncClient) -> list[float]:
        await client.predict(MODEL, {"x": [0]})
        answers = await asyncio.gather(*(client.predict(MODEL, {"x": [n]}) for n in range(16)))
        return [float(answer.outputs["y"][0]) for answer in answers]

    with ModelServer(delay_sec=0.2) as server:
        assert with_client(server, body) == [2.0 * n for n in range(16)]
        assert server.most_at_once > 1


def test_errors_are_the_same() -> None:
    async def body(client: AsyncClient) -> None:
        with pytest.raises(NotFound, match=r"Latest\(nope\)") as caught:
            await client.predict("nope", {"x": [1]})
        assert caught.value.request_id.endswith(":seen")
        with pytest.raises(InvalidRequest, match="'a'"):
            await client.predict(MODEL, {"x": ["a"]})
        with pytest.raises(FailedPrecondition, match='Serving signature key "no" not found'):
            await client.predict(MODEL, {"x": [1]}, signature="no")
        with pytest.raises(DeadlineExceeded, match="Not ready after"):
            await client.wait_until_ready("nope", timeout_sec=0.3)

    with ModelServer() as server:
        with_client(server, body)


def test_unavailable_is_retried() -> None:
    async def body(client: AsyncClient) -> None:
        assert await client.status(MODEL)

    with ModelServer(faults=[(grpc.StatusCode.UNAVAILABLE, "busy")] * 2) as server:
        with_client(server, body)
        assert len(server.received) == 3


def test_deadlines_hold() -> None:
    async def body(client: AsyncClient) -> None:
        with pytest.raises(DeadlineExceeded):
            await client.status(MODEL, timeout_sec=0.2)

    with ModelServer(delay_sec=1.0) as server:
        with_client(server, body)


def test_a_task_that_is_cancelled_cancels_its_call() -> None:
    async def body(client: AsyncClient) -> None:
        task = asyncio.create_task(client.status(MODEL))
        while not server.received:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with ModelServer(delay_sec=1.0) as server:
        with_client(server, body)


def test_a_client_made_outside_a_loop_works_in_one() -> None:
    with ModelServer() as server:
        client = AsyncClient(server.address)

        async def main() -> None:
            assert await client.status(MODEL)
            await client.close()
            with pytest.raises(InvalidRequest, match="client is closed"):
                await client.status(MODEL)

        asyncio.run(main())


def test_a_server_that_is_not_there_is_unavailable() -> None:
    with ModelServer() as gone:
        pass

    async def body(client: AsyncClient) -> None:
        with pytest.raises(Unavailable, match="refused"):
            await client.status(MODEL, timeout_sec=20)

    with_client(gone, body)


def test_both_clients_have_the_same_methods_and_arguments() -> None:
    def shape(kind: type) -> dict[str, str]:
        return {
            name: str(inspect.signature(method))
            for name, method in vars(kind).items()
            if not name.startswith("_") or name == "__init__"
        }

    assert shape(Client) == shape(AsyncClient)
