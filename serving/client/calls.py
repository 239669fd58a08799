"""What a client's methods do, without doing it: which requests follow each other, and what of.

Each method is a generator. It yields a `Call` and is sent the `Reply`, or thrown the `ClientError`;
it yields a `Sleep` and is sent None; its return value is the method's. So one description serves
the blocking client and the asyncio one, which only perform the steps (`blocking`, `asynchronous`).

Types come from the model's metadata, which is asked for before the first request and kept by
version. Every answer names the version it came from. Once that is another one than last time, its
metadata is what counts, and it is asked for before the next request if it is not known yet.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError, EncodeError

from serving.client import answers, questions, requests
from serving.client.casting import as_array, cast
from serving.client.errors import (
    ClientError,
    DeadlineExceeded,
    FailedPrecondition,
    InvalidRequest,
    NotFound,
    ServerError,
    Unavailable,
    refused,
)
from serving.client.examples import Row, serialize
from serving.client.known_metadata import KnownMetadata
from serving.client.questions import Question
from serving.client.steps import (
    CLASSIFY,
    GET_MODEL_METADATA,
    GET_MODEL_STATUS,
    PREDICT,
    REGRESS,
    Call,
    Reply,
    Sleep,
    Steps,
)
from serving.wire.errors import StatusCode
from serving.wire.messages import (
    ClassificationResponse,
    GetModelMetadataResponse,
    GetModelStatusResponse,
    PredictResponse,
    RegressionResponse,
)
from serving.wire.request_id import HEADER
from serving.wire.signatures import DEFAULT_SIGNATURE
from serving.wire.specs import Signature
from serving.wire.tensors import DT_STRING

_POLL_SEC = 0.25
_POLL_TIMEOUT_SEC = 5.0  # of one question about readiness


class Calls:
    """The methods of a client, as generators of steps; safe to use from several threads.

    Args:
        timeout_sec: Seconds for a method whose caller names none; None or infinity for no limit.
        cast_inputs: Whether inputs are cast to the types that the model's metadata names.
        api_key: Sent with each call, or None.
        clock: Returns seconds that only grow.
    """

    def __init__(
        self,
        *,
        timeout_sec: float | None,
        cast_inputs: bool,
        api_key: str | None,
        clock: Callable[[], float],
    ) -> None:
        self._timeout_sec = _checked_timeout(timeout_sec)
        self._cast_inputs = cast_inputs
        self._authorization = _authorization(api_key)
        self._clock = clock
        self._known = KnownMetadata()

    def predict(
        self,
        question: Question,
        inputs: Mapping[str, Any] | None,
        examples: Sequence[Row] | None,
        outputs: Sequence[str],
    ) -> Steps[answers.Prediction]:
        """See `serving.client.blocking.Client.predict`."""
        spec, terms = question.spec(), self._terms(question)
        if (inputs is None) == (examples is None):
            raise refused("Expected either inputs or examples, received both or neither.")
        if isinstance(outputs, str):
            raise refused(f"Expected a list of outputs, received one; write [{outputs!r}].")
        tensors = yield from self._tensors(question, inputs, examples, terms)
        message = requests.predict(spec, tensors, outputs)
        reply = yield from self._asked(PREDICT, message, question, terms)
        answer = answers.prediction(_read(reply, PredictResponse), reply.request_id)
        self._known.answered(question, answer.version)
        return answer

    def classify(
        self, question: Question, examples: Sequence[Row], context: Row | None
    ) -> Steps[answers.Classification]:
        """See `serving.client.blocking.Client.classify`."""
        message = requests.classify(question.spec(), examples, context)
        reply = yield from self._asked(CLASSIFY, message, question, self._terms(question))
        response = _read(reply, ClassificationResponse)
        return answers.classification(response, reply.request_id)

    def regress(
        self, question: Question, examples: Sequence[Row], context: Row | None
    ) -> Steps[answers.Regression]:
        """See `serving.client.blocking.Client.regress`."""
        message = requests.regress(question.spec(), examples, context)
        reply = yield from self._asked(REGRESS, message, question, self._terms(question))
        return answers.regression(_read(reply, RegressionResponse), reply.request_id)

    def metadata(self, question: Question) -> Steps[answers.Metadata]:
        """See `serving.client.blocking.Client.metadata`."""
        metadata = yield from self._metadata(question, self._terms(question))
        self._known.keep(question, metadata)
        return metadata

    def status(self, question: Question) -> Steps[list[answers.VersionStatus]]:
        """See `serving.client.blocking.Client.status`."""
        message = requests.status(question.spec())
        reply = yield from self._asked(GET_MODEL_STATUS, message, question, self._terms(question))
        return answers.statuses(_read(reply, GetModelStatusResponse))

    def wait_until_ready(self, models: str | Iterable[str], timeout_sec: float) -> Steps[None]:
        """See `serving.client.blocking.Client.wait_until_ready`."""
        waiting = dict.fromkeys([models] if isinstance(models, str) else models, "not asked yet")
        end = self._clock() + questions.seconds_of(timeout_sec)
        while waiting:
            for model in list(waiting):
                state = yield from self._readiness(model, end)
                if not state:
                    del waiting[model]
                else:
                    waiting[model] = state
            left = end - self._clock()
            if waiting and left <= 0:
                raise _not_ready(waiting, timeout_sec)
            if waiting:
                yield Sleep(min(_POLL_SEC, left))

    def _readiness(self, model: str, end: float) -> Steps[str]:
        """Returns "" for a model that answers, else what is known of its state."""
        left = max(end - self._clock(), 0.001)
        question = Question(model=model, timeout_sec=min(left, _POLL_TIMEOUT_SEC))
        try:
            found = yield from self.status(question)
        except (Unavailable, NotFound, DeadlineExceeded) as error:
            return f"{error.code.name}: {error.message}"
        if any(version.available for version in found):
            return ""
        return ", ".join(f"version {v.version} is {v.state} {v.message}".strip() for v in found)

    def _tensors(
        self,
        question: Question,
        inputs: Mapping[str, Any] | None,
        examples: Sequence[Row] | None,
        terms: _Terms,
    ) -> Steps[dict[str, np.ndarray]]:
        rows = None if examples is None else serialize(examples)
        arrays = {name: as_array(value, name) for name, value in (inputs or {}).items()}
        if rows is None and not self._cast_inputs:
            return arrays
        known = self._known.find(question)
        if known is not None:
            try:
                return _fitted(question, known, arrays, rows)
            except InvalidRequest:
                pass  # a new version may take what the last one did not
        metadata = yield from self._types(question, terms, needed=rows is not None)
        return arrays if metadata is None else _fitted(question, metadata, arrays, rows)

    def _types(
        self, question: Question, terms: _Terms, *, needed: bool
    ) -> Steps[answers.Metadata | None]:
        try:
            metadata = yield from self._metadata(question, terms)
        except ServerError as error:
            if needed or error.code is not StatusCode.UNIMPLEMENTED:
                raise
            return None  # a server without metadata can still be asked
        self._known.keep(question, metadata)
        return metadata

    def _metadata(self, question: Question, terms: _Terms) -> Steps[answers.Metadata]:
        message = requests.metadata(question.spec(signature=False))
        reply = yield from self._asked(GET_MODEL_METADATA, message, question, terms)
        response = _read(reply, GetModelMetadataResponse)
        try:
            return answers.metadata(response)
        except DecodeError as error:
            raise _unreadable(reply, error) from error

    def _asked(self, method: str, message: Any, question: Question, terms: _Terms) -> Steps[Reply]:
        try:
            body = message.SerializeToString()
        except (EncodeError, ValueError) as error:  # over 2 GiB, protobuf's own limit
            raise refused(f"The request cannot be written as a message: {error}") from error
        metadata = ((HEADER, terms.request_id), *self._authorization)
        left = None if math.isinf(terms.end) else max(terms.end - self._clock(), 0.0)
        try:
            reply = yield Call(method, body, metadata, terms.request_id, left)
        except (InvalidRequest, FailedPrecondition, NotFound):
            self._known.forget(question)
            raise
        if reply is None:
            raise AssertionError("whoever performs the steps sends a Reply for a Call")
        return reply

    def _terms(self, question: Question) -> _Terms:
        given = _checked_timeout(question.timeout_sec)
        seconds = given if given is not None else self._timeout_sec
        end = math.inf if seconds is None else self._clock() + seconds
        return _Terms(questions.request_id(question.request_id), end)


def _fitted(
    question: Question,
    metadata: answers.Metadata,
    arrays: dict[str, np.ndarray],
    rows: list[bytes] | None,
) -> dict[str, np.ndarray]:
    """Returns the tensors to send: arrays of the signature's types, or rows as its one input."""
    signature = metadata.signatures.get(question.signature or DEFAULT_SIGNATURE)
    if rows is not None:
        name = _examples_input(question, metadata, signature)
        return {name: np.array([*rows, None], dtype=object)[:-1]}  # keeps trailing zero bytes
    if signature is None:
        return arrays  # the server's own words are the best
    specs = signature.inputs
    return {
        name: cast(array, specs[name].dtype, name) if name in specs else array
        for name, array in arrays.items()
    }


def _examples_input(
    question: Question, metadata: answers.Metadata, signature: Signature | None
) -> str:
    if signature is None:
        raise FailedPrecondition(
            StatusCode.FAILED_PRECONDITION,
            f"Model {question.model!r} has no signature "
            f"{question.signature or DEFAULT_SIGNATURE!r}; expected one of: "
            f"{', '.join(metadata.signatures) or '(none)'}.",
        )
    (name, spec), *others = signature.inputs.items() or [("", None)]
    if spec is None or others or spec.dtype != DT_STRING:
        raise refused(
            f"Signature {signature.name!r} of {question.model!r} does not take examples: expected "
            f"one input of texts, found {', '.join(signature.inputs) or 'none'}; give inputs."
        )
    return name


def _read(reply: Reply, message: Any) -> Any:
    try:
        return message.FromString(reply.body)
    except DecodeError as error:
        raise _unreadable(reply, error) from error


def _unreadable(reply: Reply, error: DecodeError) -> ClientError:
    text = f"The answer of {len(reply.body)} bytes cannot be read: {error}"
    return ServerError(StatusCode.INTERNAL, text, reply.request_id)


@dataclasses.dataclass(frozen=True, slots=True)
class _Terms:
    """Request id of all of a method's calls, and when to give up, in the clock's seconds."""

    request_id: str
    end: float


def _checked_timeout(seconds: float | None) -> float | None:
    return None if seconds is None else questions.seconds_of(seconds)


def _authorization(api_key: str | None) -> tuple[tuple[str, str], ...]:
    if api_key is None:
        return ()
    if not api_key or not all("!" <= character <= "~" for character in api_key):
        raise refused("Expected an API key of visible ASCII characters, without spaces.")
    return (("authorization", f"Bearer {api_key}"),)


def _not_ready(waiting: Mapping[str, str], timeout_sec: float) -> DeadlineExceeded:
    states = "; ".join(f"{model!r}: {state}" for model, state in waiting.items())
    return DeadlineExceeded(
        StatusCode.DEADLINE_EXCEEDED, f"Not ready after {timeout_sec:g} s: {states}"
    )
