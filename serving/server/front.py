"""What every call passes on its way to a `DataPlane`: a limit, the clock, the counters, the log.

A `Front` is a `DataPlane` itself, so transports do not know whether it is there. Nothing that goes
wrong here in counting or logging fails a call.

What is counted is for `serving.monitoring.metrics`, how a record is kept for `serving.request_log`.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from serving.data_plane import CallContext, DataPlane
from serving.monitoring.metrics import ServerMetrics
from serving.server.request_logs import RequestLogs
from serving.wire.errors import ServingError, StatusCode
from serving.wire.messages import ModelSpec

_LOGGER = logging.getLogger(__name__)
_MICROS = 1e6
_NO_MODEL = ModelSpec()


@dataclasses.dataclass(frozen=True, slots=True)
class _Call:
    """How one kind of call is read.

    Attributes:
        method: Its name in the request log.
        api: Its name in metrics, by transport.
        spec: Finds the ModelSpec, in a request as in a response.
        examples: Counts the examples in a response, or None where they are not counted.
    """

    method: str
    api: dict[str, str]
    spec: Callable[[Any], Any]
    examples: Callable[[Any], int] | None = None


def _api(name: str) -> dict[str, str]:
    return {"GRPC": name, "REST": name.lower()}


def _own_spec(message: Any) -> Any:
    return message.model_spec


def _first_task(message: Any) -> Any:
    entries = message.tasks if hasattr(message, "tasks") else message.results
    return entries[0].model_spec if entries else _NO_MODEL


_PREDICT = _Call("predict", _api("Predict"), _own_spec)
_CLASSIFY = _Call(
    "classify",
    _api("Classify"),
    _own_spec,
    lambda response: len(response.result.classifications),
)
_REGRESS = _Call(
    "regress", _api("Regress"), _own_spec, lambda response: len(response.result.regressions)
)
_MULTI_INFERENCE = _Call("multi_inference", _api("MultiInference"), _first_task)


class Front:
    """Limits, counts and logs calls to a `DataPlane`.

    Args:
        plane: Answers them.
        metrics: Is told of them.
        logs: Keeps a sample of them.
        clock: Seconds, never going back.
        max_pending: Calls that may be unanswered at once; more are refused. 0: no bound.
        knows: Whether a model of that name is or was configured, so that its failures are counted
            under its name; one that has answered before is known anyway.
    """

    def __init__(
        self,
        plane: DataPlane,
        *,
        metrics: ServerMetrics,
        logs: RequestLogs,
        clock: Callable[[], float],
        max_pending: int,
        knows: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self._plane = plane
        self._metrics = metrics
        self._logs = logs
        self._clock = clock
        self._max_pending = max_pending
        self._knows = knows
        self._pending = 0
        self._known: set[str] = set()

    @property
    def pending(self) -> int:
        """How many calls are unanswered."""
        return self._pending

    async def predict(self, request: Any, context: CallContext) -> Any:
        """Answers a PredictRequest with a PredictResponse."""
        return await self._observed(_PREDICT, self._plane.predict, request, context)

    async def classify(self, request: Any, context: CallContext) -> Any:
        """Answers a ClassificationRequest with a ClassificationResponse."""
        return await self._observed(_CLASSIFY, self._plane.classify, request, context)

    async def regress(self, request: Any, context: CallContext) -> Any:
        """Answers a RegressionRequest with a RegressionResponse."""
        return await self._observed(_REGRESS, self._plane.regress, request, context)

    async def multi_inference(self, request: Any, context: CallContext) -> Any:
        """Answers a MultiInferenceRequest with a MultiInferenceResponse."""
        return await self._observed(_MULTI_INFERENCE, self._plane.multi_inference, request, context)

    async def get_model_metadata(self, request: Any, context: CallContext) -> Any:
        """Answers a GetModelMetadataRequest with a GetModelMetadataResponse."""
        return await self._plane.get_model_metadata(request, context)

    async def get_model_status(self, request: Any, context: CallContext) -> Any:
        """Answers a GetModelStatusRequest with a GetModelStatusResponse."""
        return await self._plane.get_model_status(request, context)

    async def reload_config(self, request: Any, context: CallContext) -> Any:
        """Answers a ReloadConfigRequest with a ReloadConfigResponse."""
        return await self._plane.reload_config(request, context)

    async def signature(self, model_spec: Any) -> tuple[int, Any]:
        """Returns the version that a ModelSpec means now, and its SignatureDef."""
        return await self._plane.signature(model_spec)

    async def ready(self) -> bool:
        """Returns whether every configured model has a version that answers."""
        return await self._plane.ready()

    def refused(self, model: str, error: ServingError) -> None:
        """Counts a call that a transport refused before it came here.

        Args:
            model: The one asked for, "" where that is not known.
            error: What the caller was told.
        """
        self._count_failure(model, error.code)

    async def _observed(
        self,
        call: _Call,
        answer: Callable[[Any, CallContext], Awaitable[Any]],
        request: Any,
        context: CallContext,
    ) -> Any:
        if self._max_pending and self._pending >= self._max_pending:
            self._failed(call, request, StatusCode.RESOURCE_EXHAUSTED)
            raise _shed(self._max_pending)
        self._pending += 1
        start = self._clock()
        status = StatusCode.CANCELLED
        response = None
        try:
            response = await answer(request, context)
        except ServingError as error:
            status = error.code
            raise
        except Exception:
            status = StatusCode.INTERNAL
            raise
        finally:
            self._pending -= 1
            if response is None:
                self._failed(call, request, status)
        self._answered(call, request, response, context, self._clock() - start)
        return response

    def _failed(self, call: _Call, request: Any, status: StatusCode) -> None:
        self._count_failure(call.spec(request).name, status)

    def _count_failure(self, model: str, status: StatusCode) -> None:
        name = model if model in self._known or self._knows(model) else ""
        self._metrics.request_count.add(name, status.name, "", "")

    def _answered(
        self, call: _Call, request: Any, response: Any, context: CallContext, seconds: float
    ) -> None:
        spec = call.spec(response)
        name, version, signature = spec.name, str(spec.version.value), spec.signature_name
        self._known.add(name)
        metrics = self._metrics
        metrics.request_count.add(name, "OK", version, signature)
        metrics.request_latency.observe(
            name,
            call.api[context.entrypoint],
            context.entrypoint,
            version,
            signature,
            value=seconds * _MICROS,
        )
        if call.examples:
            count = call.examples(response)
            metrics.example_counts.observe(name, value=count)
            metrics.example_count_total.add(name, amount=count)
        try:
            taken = self._logs.offer(call.method, name, request, response, context, spec)
        except Exception:  # an observer must not fail the call that it observes
            _LOGGER.exception("A request could not be offered to the request log")
            taken = False
        if taken is not None:
            metrics.log_count.add(name, "OK" if taken else "RESOURCE_EXHAUSTED")


def _shed(limit: int) -> ServingError:
    return ServingError(
        StatusCode.RESOURCE_EXHAUSTED,
        f"The server has {limit} requests that wait for an answer and takes no more "
        "(--max_pending_requests). Try again later.",
    )
