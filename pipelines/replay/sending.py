"""Sends departures to the server, one request each, many under way at once.

A departure is asked about until it is answered: a server that is being started anew refuses
connections for a while.
"""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import Sequence
from typing import Any

import grpc
import grpc.aio
import numpy as np

from serving.client.steps import PREDICT
from serving.wire.messages import PredictRequest, PredictResponse
from serving.wire.request_id import HEADER
from serving.wire.tensors import fill, to_array

IN_FLIGHT = 64
_TIMEOUT_SEC = 10.0
_PAUSE_SEC = 0.1
_AGAIN = (
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.NOT_FOUND,  # the model is not loaded yet
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.INTERNAL,  # a connection that broke within an answer
    grpc.StatusCode.UNKNOWN,
)
_CHANNEL = [
    # A killed server is back in seconds; gRPC would wait ever longer for it.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 250),
    ("grpc.enable_retries", 0),
]


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """What a server said of a departure.

    Attributes:
        prediction: The probability that it arrives late.
        version: Of the model that said so.
    """

    prediction: float
    version: int


class SendingError(Exception):
    """A server refused a request for good, or did not come back in time."""


def body(model: str, example: bytes) -> bytes:
    """Returns the serialized PredictRequest for one tf.Example."""
    request = PredictRequest()
    request.model_spec.name = model
    fill(request.inputs["examples"], np.array([example, None], dtype=object)[:-1])
    text: bytes = request.SerializeToString()
    return text


def send(
    server: str, requests: Sequence[tuple[str, bytes]], *, patience_sec: float
) -> list[Answer]:
    """Returns the answer to each request.

    Args:
        server: As 127.0.0.1:8500.
        requests: Request id and body of each.
        patience_sec: How long the server may be away.

    Raises:
        SendingError: It was away for longer, or refused a request.
    """
    return asyncio.run(_send(server, requests, patience_sec))


async def _send(
    server: str, requests: Sequence[tuple[str, bytes]], patience_sec: float
) -> list[Answer]:
    answers: list[Answer | None] = [None] * len(requests)
    waiting = iter(range(len(requests)))
    async with grpc.aio.insecure_channel(server, _CHANNEL) as channel:
        predict = channel.unary_unary(PREDICT)

        async def work() -> None:
            for index in waiting:
                answers[index] = await _answered(predict, *requests[index], patience_sec)

        async with asyncio.TaskGroup() as group:
            for _ in range(min(IN_FLIGHT, len(requests))):
                group.create_task(work())
    return [answer for answer in answers if answer is not None]


async def _answered(predict: Any, request_id: str, text: bytes, patience_sec: float) -> Answer:
    end = time.monotonic() + patience_sec
    while True:
        try:
            reply = await predict(text, timeout=_TIMEOUT_SEC, metadata=((HEADER, request_id),))
            return _read(reply)
        except grpc.aio.AioRpcError as error:
            if error.code() not in _AGAIN or time.monotonic() > end:
                raise SendingError(
                    f"{request_id}: {error.code().name}: {error.details()}"
                ) from error
        await asyncio.sleep(_PAUSE_SEC)


def _read(reply: bytes) -> Answer:
    response = PredictResponse.FromString(reply)
    (output,) = response.outputs.values()
    return Answer(
        prediction=float(to_array(output).reshape(-1)[0]),
        version=int(response.model_spec.version.value),
    )
