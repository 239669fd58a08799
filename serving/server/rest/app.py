"""From a request to an answer, in front of a data plane.

Each call gets a request id, a deadline and, where there is one, a check of its credentials. Sockets
and timers are for `serving.server.rest.connection`, JSON for `serving.wire`, models for the data
plane.

Beside TensorFlow Serving's paths there are `/healthz` (the process lives) and `/readyz` (every
model has a version that answers); no credentials are needed for them.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from serving.data_plane import CallContext, DataPlane
from serving.server.rest import answers, routes
from serving.server.rest.answers import Answer
from serving.server.rest.bodies import read_body
from serving.server.rest.exchange import Exchange, Headers, Stop
from serving.wire import examples, rest
from serving.wire.errors import ServingError, StatusCode, failed_precondition
from serving.wire.json_text import parse_object
from serving.wire.messages import GetModelMetadataRequest, GetModelStatusRequest, PredictRequest
from serving.wire.request_id import HEADER, request_id_from

HEALTH_PATH = "/healthz"
READY_PATH = "/readyz"
METRICS_PATH = "/monitoring/prometheus/metrics"

log = logging.getLogger(__name__)

_REQUEST_ID = HEADER.encode()
_UNAVAILABLE = 503


@dataclasses.dataclass(frozen=True, slots=True)
class RestOptions:
    """Limits and manners.

    Attributes:
        timeout_ms: For a whole call, its body included; 0 or less means none.
        cors: Whether browsers may call from pages of other origins.
        max_body_bytes: Of a request, sent or unpacked.
        idle_sec: After which a connection without a request is closed.
    """

    timeout_ms: int = 30_000
    cors: bool = False
    max_body_bytes: int = 2**28
    idle_sec: float = 75.0


@dataclasses.dataclass(slots=True)
class _Call:
    """One request to the interface, as far as it is known."""

    exchange: Exchange
    context: CallContext
    model: str = ""
    asked: bool = False


class RestApp:
    """Answers HTTP requests.

    Args:
        plane: Answers what is asked of models.
        options: Limits and manners.
        authenticate: Is given the Authorization header, or None, and raises UNAUTHENTICATED; None
            lets everybody in.
        metrics_text: Returns the metrics as Prometheus reads them; None means no such path.
        metrics_path: Where they are.
        on_refused: Is told the model ("" where unknown) and the error of each call that failed
            before the data plane was asked, and so did not count it.
        clock: The time that deadlines are in, in seconds; the loop's if None.
    """

    def __init__(
        self,
        *,
        plane: DataPlane,
        options: RestOptions,
        authenticate: Callable[[str | None], None] | None = None,
        metrics_text: Callable[[], bytes] | None = None,
        metrics_path: str = METRICS_PATH,
        on_refused: Callable[[str, ServingError], None] | None = None,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self._plane = plane
        self._options = options
        self._authenticate = authenticate
        self._metrics_text = metrics_text
        self._on_refused = on_refused
        self._clock = clock
        self._pages: dict[str, Callable[[Headers], Awaitable[Answer]]] = {
            HEALTH_PATH: self._health,
            READY_PATH: self._ready,
        }
        if metrics_text is not None:
            self._pages[metrics_path] = self._metrics
        self._actions: dict[str, Callable[[routes.Route, _Call], Awaitable[bytes]]] = {
            "predict": self._predict,
            "classify": self._classify,
            "regress": self._regress,
            routes.STATUS: self._status,
            routes.METADATA: self._metadata,
        }

    async def answer(self, exchange: Exchange) -> Answer | None:
        """Answers a request, whatever happens; None where its client left."""
        request_id = request_id_from(_text(exchange.headers.get(_REQUEST_ID)))
        exchange.request_id = request_id
        try:
            return await self._answer(exchange)
        except asyncio.CancelledError:
            if exchange.stopped is Stop.GONE:
                return None
            # Nobody else cancels but a server that stops.
            late = exchange.stopped is Stop.LATE
            return answers.of_error(self._late() if late else _stopping())
        except Exception:
            log.exception("REST call %s failed by a fault of the server", request_id)
            return answers.of_error(_internal(request_id))

    async def _answer(self, exchange: Exchange) -> Answer:
        method, path = exchange.method, exchange.path
        if path in self._pages:
            return await self._page(method, path, exchange.headers)
        if not routes.is_api(path):
            return answers.NOT_FOUND
        context = CallContext(
            exchange.request_id, self._deadline(), "REST", headers=exchange.headers
        )
        answer = await self._api(_Call(exchange, context))
        return answers.with_headers(answer, *answers.CORS) if self._options.cors else answer

    def _deadline(self) -> float | None:
        if self._options.timeout_ms <= 0:
            return None
        clock = self._clock or asyncio.get_running_loop().time
        return clock() + self._options.timeout_ms / 1000

    async def _page(self, method: str, path: str, headers: Headers) -> Answer:
        if method not in {"GET", "HEAD"}:
            return answers.of_error(routes.malformed(method, path))
        try:
            return await self._pages[path](headers)
        except ServingError as error:
            return answers.of_error(error)

    async def _health(self, _: Headers) -> Answer:
        return Answer(b"ok", headers=(answers.TEXT,))

    async def _ready(self, _: Headers) -> Answer:
        if await self._plane.ready():
            return Answer(b'{"ready": true}')
        return Answer(b'{"ready": false}', _UNAVAILABLE)

    async def _metrics(self, headers: Headers) -> Answer:
        self._check_credentials(headers)
        text = self._metrics_text() if self._metrics_text else b""
        return Answer(text, headers=(answers.TEXT,))

    def _check_credentials(self, headers: Headers) -> None:
        if self._authenticate is not None:
            self._authenticate(_text(headers.get(b"authorization")))

    async def _api(self, call: _Call) -> Answer:
        exchange = call.exchange
        try:
            if exchange.method == "OPTIONS":
                return _preflight(exchange.headers)
            self._check_credentials(exchange.headers)
            route = routes.find(exchange.method, exchange.path)
            call.model = route.model
            return Answer(await self._in_time(route, call))
        except ServingError as error:
            if self._on_refused and not call.asked:
                self._on_refused(call.model, error)
            return answers.of_error(error)

    async def _in_time(self, route: routes.Route, call: _Call) -> bytes:
        try:
            return await self._actions[route.action](route, call)
        except asyncio.CancelledError:
            if call.exchange.stopped is not Stop.LATE:
                raise
            raise self._late() from None

    def _late(self) -> ServingError:
        return ServingError(
            StatusCode.DEADLINE_EXCEEDED,
            f"The call took longer than {self._options.timeout_ms} ms (rest_api_timeout_in_ms).",
        )

    async def _predict(self, route: routes.Route, call: _Call) -> bytes:
        document = await _document(call)
        spec = route.model_spec()
        spec.signature_name = rest.signature_name(document)
        _, signature_def = await self._plane.signature(spec)
        call.context.inputs, row_format = rest.predict_arrays(document, signature_def)
        request = PredictRequest(model_spec=spec)
        call.asked = True
        response = await self._plane.predict(request, call.context)
        return rest.predict_response(response, row_format)

    async def _classify(self, route: routes.Route, call: _Call) -> bytes:
        document = await _document(call)
        request = examples.classification_request(document, route.model_spec())
        call.asked = True
        response = await self._plane.classify(request, call.context)
        return examples.classification_response(response)

    async def _regress(self, route: routes.Route, call: _Call) -> bytes:
        document = await _document(call)
        request = examples.regression_request(document, route.model_spec())
        call.asked = True
        response = await self._plane.regress(request, call.context)
        return examples.regression_response(response)

    async def _status(self, route: routes.Route, call: _Call) -> bytes:
        request = GetModelStatusRequest(model_spec=route.model_spec())
        call.asked = True
        response = await self._plane.get_model_status(request, call.context)
        return rest.status_response(response)

    async def _metadata(self, route: routes.Route, call: _Call) -> bytes:
        request = GetModelMetadataRequest(
            model_spec=route.model_spec(), metadata_field=["signature_def"]
        )
        call.asked = True
        response = await self._plane.get_model_metadata(request, call.context)
        return rest.metadata_response(response)


async def _document(call: _Call) -> dict[str, Any]:
    return parse_object(await read_body(call.exchange.body, call.exchange.headers))


def _text(header: bytes | None) -> str | None:
    return None if header is None else header.decode("latin-1")


def _preflight(headers: Headers) -> Answer:
    """Answers a browser that asks whether it may call; the CORS headers say whether."""
    origin = headers.get(b"origin", b"")
    if b"http://" not in origin and b"https://" not in origin:
        raise failed_precondition("Origin header is missing in CORS preflight")
    return Answer(b"")


def _stopping() -> ServingError:
    return ServingError(
        StatusCode.UNAVAILABLE, "The server is stopping; send the call again, to another one."
    )


def _internal(request_id: str) -> ServingError:
    return ServingError(
        StatusCode.INTERNAL,
        f"The call failed by a fault of the server; its log tells of it under {request_id}.",
    )
