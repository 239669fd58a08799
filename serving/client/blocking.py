"""The client for threads: performs the steps of `serving.client.calls` over grpcio."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

import grpc

from serving.client import channel, targets
from serving.client.answers import (
    Classification,
    Metadata,
    Prediction,
    Regression,
    VersionStatus,
)
from serving.client.calls import Calls
from serving.client.channel import MAX_ATTEMPTS, Tls
from serving.client.errors import ClientError, refused
from serving.client.examples import Row
from serving.client.questions import Question, Terms
from serving.client.steps import METHODS, Call, Reply, Sleep, Steps

DEFAULT_TIMEOUT_SEC = 30.0

T = TypeVar("T")


class Client:
    """Asks Ringway's model server or TensorFlow Serving; safe to use from several threads.

    With `with`, or `close()` in the end. Make one and keep it: it holds connections. A process that
    forks makes its clients afterwards.

    Methods raise a `ClientError` of `serving.client.errors`.

    Args:
        servers: One or more, as in `serving.client.targets`; "127.0.0.1:8500" if there is none.
        tls: Keys and certificates; `Tls()` and `grpcs://` trust what gRPC trusts.
        api_key: Sent as `authorization: Bearer …`. Without TLS only to this machine.
        allow_insecure_api_key: Send it without TLS over a network, too.
        timeout_sec: Seconds that a method may take where its caller names none, retries and
            metadata included; None for no limit.
        attempts: How often a call is made that ends in UNAVAILABLE, 1 (no retry) to 5; see
            `serving.client.channel`.
        keepalive_sec: Seconds without traffic after which to see whether the server is there; None
            for never. TensorFlow Serving allows no less than 300 and else hangs up.
        cast_inputs: Whether inputs are cast to the types that the model wants, as long as they
            stay the same (`serving.client.casting`). That takes the model's metadata: one more
            round trip before the first request to a model, and to each new version of it.

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
        plan = channel.plan(
            targets.target(servers or ("127.0.0.1:8500",)),
            tls=tls,
            has_key=api_key is not None,
            allow_insecure_key=allow_insecure_api_key,
            attempts=attempts,
            keepalive_sec=keepalive_sec,
        )
        self._channel = _open(plan)
        self._methods = {path: self._channel.unary_unary(path) for path in METHODS}
        self._closed = False

    def predict(
        self,
        model: str,
        inputs: Mapping[str, Any] | None = None,
        *,
        examples: Sequence[Row] | None = None,
        outputs: Sequence[str] = (),
        **terms: Unpack[Terms],
    ) -> Prediction:
        """Computes a signature.

        Args:
            model: Its name.
            inputs: Arrays, or what NumPy makes one of, by the names of the signature's inputs.
            examples: In place of `inputs`: rows for a signature whose only input takes serialized
                tf.Examples, whatever its name. A row is a mapping (`serving.client.examples`), or
                the bytes of a tf.Example.
            outputs: Names of those wanted; none means all.
            **terms: `signature`, `version`, `label`, `timeout_sec` and `request_id`, as in
                `serving.client.questions.Terms`.
        """
        question = Question(model=model, **terms)
        return self._perform(self._calls.predict(question, inputs, examples, outputs))

    def classify(
        self,
        model: str,
        examples: Sequence[Row],
        *,
        context: Row | None = None,
        **terms: Unpack[Terms],
    ) -> Classification:
        """Classifies examples.

        Args:
            model: Its name.
            examples: Rows, as for `predict`.
            context: Features that all examples share.
            **terms: As for `predict`; the signature has to be one that classifies.
        """
        question = Question(model=model, **terms)
        return self._perform(self._calls.classify(question, examples, context))

    def regress(
        self,
        model: str,
        examples: Sequence[Row],
        *,
        context: Row | None = None,
        **terms: Unpack[Terms],
    ) -> Regression:
        """Estimates one number per example; arguments as for `classify`."""
        question = Question(model=model, **terms)
        return self._perform(self._calls.regress(question, examples, context))

    def metadata(
        self,
        model: str,
        *,
        version: int | None = None,
        label: str | None = None,
        timeout_sec: float | None = None,
    ) -> Metadata:
        """Returns a model's signatures with types and shapes; asks the server each time."""
        question = Question(model=model, version=version, label=label, timeout_sec=timeout_sec)
        return self._perform(self._calls.metadata(question))

    def status(
        self, model: str, *, version: int | None = None, timeout_sec: float | None = None
    ) -> list[VersionStatus]:
        """Returns the states of a model's versions, or of one; the newest comes first."""
        question = Question(model=model, version=version, timeout_sec=timeout_sec)
        return self._perform(self._calls.status(question))

    def wait_until_ready(self, models: str | Iterable[str], *, timeout_sec: float = 60.0) -> None:
        """Returns once each model has a version that answers.

        A server that is not there, and a model that it does not know, are waited for.

        Raises:
            DeadlineExceeded: That did not happen in time; the message says how each model stands.
            ClientError: The server refuses to tell, for want of an API key, say.
        """
        self._perform(self._calls.wait_until_ready(models, timeout_sec))

    def close(self) -> None:
        """Closes the connections; calls that are under way end in `Cancelled`."""
        self._closed = True
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _perform(self, steps: Steps[T]) -> T:
        resume: Callable[[Any], Call | Sleep] = steps.send
        value: Any = None
        while True:
            try:
                step = resume(value)
            except StopIteration as done:
                result: T = done.value
                return result
            try:
                resume, value = steps.send, self._step(step)
            except ClientError as error:
                resume, value = steps.throw, error

    def _step(self, step: Call | Sleep) -> Reply | None:
        if isinstance(step, Sleep):
            time.sleep(step.seconds)
            return None
        if self._closed:
            raise refused("The client is closed; make a new one.")
        try:
            body, call = self._methods[step.method].with_call(
                step.body, timeout=step.timeout_sec, metadata=step.metadata
            )
        except grpc.RpcError as error:
            raise channel.failure(
                error.code(), error.details(), _returned(error), step.request_id
            ) from error
        return Reply(body, channel.returned_request_id(_returned(call), step.request_id))


def _open(plan: channel.Plan) -> grpc.Channel:
    if plan.credentials is None:
        return grpc.insecure_channel(plan.uri, plan.options)
    return grpc.secure_channel(plan.uri, plan.credentials, plan.options)


def _returned(call: Any) -> list[Any]:
    return [*(call.initial_metadata() or ()), *(call.trailing_metadata() or ())]
