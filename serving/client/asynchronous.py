"""The client for asyncio: performs the steps of `serving.client.calls` over grpc.aio.

What methods and arguments mean stands in `serving.client.blocking`; they are the same.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

import grpc
import grpc.aio

from serving.client import channel, targets
from serving.client.answers import (
    Classification,
    Metadata,
    Prediction,
    Regression,
    VersionStatus,
)
from serving.client.blocking import DEFAULT_TIMEOUT_SEC
from serving.client.calls import Calls
from serving.client.channel import MAX_ATTEMPTS, Tls
from serving.client.errors import ClientError, refused
from serving.client.examples import Row
from serving.client.questions import Question, Terms
from serving.client.steps import METHODS, Call, Reply, Sleep, Steps

T = TypeVar("T")


class AsyncClient:
    """As `Client`, for one event loop: the one in which the first call is made.

    With `async with`, or `await close()` in the end. A task that is cancelled cancels its call.

    Args:
        servers: As for `Client`, and so are all others.
        tls: As for `Client`.
        api_key: As for `Client`.
        allow_insecure_api_key: As for `Client`.
        timeout_sec: As for `Client`.
        attempts: As for `Client`.
        keepalive_sec: As for `Client`.
        cast_inputs: As for `Client`.

    Raises:
        InvalidRequest: An argument is wrong, or two contradict each other.
    """

    def __init__(
        self,
        *servers: str,
        tls: Tls | None = None,
        api_key: str | None = None,
        allow_insecure_api_key: bool = False,
        timeout_sec: float | None = DEFAULT_TIMEOUT_SEC,
        attempts: int = MAX_ATTEMPTS,
        keepalive_sec: float | None = None,
        cast_inputs: bool = True,
    ) -> None:
        self._calls = Calls(
            timeout_sec=timeout_sec,
            cast_inputs=cast_inputs,
            api_key=api_key,
            clock=time.monotonic,
        )
        self._plan = channel.plan(
            targets.target(servers or ("127.0.0.1:8500",)),
            tls=tls,
            has_key=api_key is not None,
            allow_insecure_key=allow_insecure_api_key,
            attempts=attempts,
            keepalive_sec=keepalive_sec,
        )
        # A channel belongs to the loop that runs when it is made, so the first call makes it.
        self._channel: grpc.aio.Channel | None = None
        self._methods: dict[str, Any] = {}
        self._closed = False

    async def predict(
        self,
        model: str,
        inputs: Mapping[str, Any] | None = None,
        *,
        examples: Sequence[Row] | None = None,
        outputs: Sequence[str] = (),
        **terms: Unpack[Terms],
    ) -> Prediction:
        """Computes a signature; see `Client.predict`."""
        question = Question(model=model, **terms)
        return await self._perform(self._calls.predict(question, inputs, examples, outputs))

    async def classify(
        self,
        model: str,
        examples: Sequence[Row],
        *,
        context: Row | None = None,
        **terms: Unpack[Terms],
    ) -> Classification:
        """Classifies examples; see `Client.classify`."""
        question = Question(model=model, **terms)
        return await self._perform(self._calls.classify(question, examples, context))

    async def regress(
        self,
        model: str,
        examples: Sequence[Row],
        *,
        context: Row | None = None,
        **terms: Unpack[Terms],
    ) -> Regression:
        """Estimates one number per example; see `Client.regress`."""
        question = Question(model=model, **terms)
        return await self._perform(self._calls.regress(question, examples, context))

    async def metadata(
        self,
        model: str,
        *,
        version: int | None = None,
        label: str | None = None,
        timeout_sec: float | None = None,
    ) -> Metadata:
        """Returns a model's signatures; see `Client.metadata`."""
        question = Question(model=model, version=version, label=label, timeout_sec=timeout_sec)
        return await self._perform(self._calls.metadata(question))

    async def status(
        self, model: str, *, version: int | None = None, timeout_sec: float | None = None
    ) -> list[VersionStatus]:
        """Returns the states of a model's versions; see `Client.status`."""
        question = Question(model=model, version=version, timeout_sec=timeout_sec)
        return await self._perform(self._calls.status(question))

    async def wait_until_ready(
        self, models: str | Iterable[str], *, timeout_sec: float = 60.0
    ) -> None:
        """Returns once each model has a version that answers; see `Client.wait_until_ready`."""
        await self._perform(self._calls.wait_until_ready(models, timeout_sec))

    async def close(self) -> None:
        """Closes the connections; calls that are under way end in `Cancelled`."""
        self._closed = True
        if self._channel is not None:
            await self._channel.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def _perform(self, steps: Steps[T]) -> T:
        resume: Callable[[Any], Call | Sleep] = steps.send
        value: Any = None
        while True:
            try:
                step = resume(value)
            except StopIteration as done:
                result: T = done.value
                return result
            try:
                resume, value = steps.send, await self._step(step)
            except ClientError as error:
                resume, value = steps.throw, error

    async def _step(self, step: Call | Sleep) -> Reply | None:
        if isinstance(step, Sleep):
            await asyncio.sleep(step.seconds)
            return None
        call = self._method(step.method)(
            step.body, timeout=step.timeout_sec, metadata=step.metadata
        )
        try:
            body = await call
        except grpc.aio.AioRpcError as error:
            returned = [*(error.initial_metadata() or ()), *(error.trailing_metadata() or ())]
            raise channel.failure(
                error.code(), error.details(), returned, step.request_id
            ) from error
        returned = [*await call.initial_metadata(), *await call.trailing_metadata()]
        return Reply(body, channel.returned_request_id(returned, step.request_id))

    def _method(self, path: str) -> Any:
        if self._closed:
            raise refused("The client is closed; make a new one.")
        if self._channel is None:
            self._channel = _open(self._plan)
            self._methods = {name: self._channel.unary_unary(name) for name in METHODS}
        return self._methods[path]


def _open(plan: channel.Plan) -> grpc.aio.Channel:
    if plan.credentials is None:
        return grpc.aio.insecure_channel(plan.uri, plan.options)
    return grpc.aio.secure_channel(plan.uri, plan.credentials, plan.options)
