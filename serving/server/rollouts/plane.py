"""Deals requests between the versions of a rollout, on their way to the backend.

A `DataPlane` in front of another. Requests that name a version or a label, and those for other
models, pass untouched; so does everything while there is no order. Of the rest:

    canary, A/B, blue-green   the arm's version answers; its errors are the caller's answer too
    shadow                    the stable version answers; then the candidate is asked the same, in
                              the background, and only the counts and the request log get to know
    no rollout                the version that the order names answers

What counts as an error of a version: what it could not do (`_FAULTS`). Time that was up counts, and
so does a caller that left, where the version had `ENOUGH_SEC`; with less, the caller is to blame.
An error that blames the request is the caller's; of a candidate it counts only if the stable
version answers the same request, which is then asked in the background.

While the stable version cannot be asked the backend chooses for those that are dealt to it; such a
request is part of no arm and is not counted.

What a broken guard means is for `conduct`.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import math
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from serving.data_plane import SHADOW, CallContext, DataPlane
from serving.monitoring.metrics import ServerMetrics
from serving.rollout.routing import Arm
from serving.server.request_logs import RequestLogs
from serving.server.rollouts import keys, kinds
from serving.server.rollouts.background import TIMEOUT_SEC, Background
from serving.server.rollouts.conduct import Conduct
from serving.server.rollouts.in_force import InForce, Trial
from serving.server.rollouts.kinds import Kind, Named
from serving.server.rollouts.versions import Versions
from serving.wire.errors import ServingError, StatusCode
from serving.wire.messages import ModelSpec

_LOGGER = logging.getLogger(__name__)
_MICROS = 1e6
# Whoever gives a version less than this does not find out whether it answers.
ENOUGH_SEC = 1.0
# A call whose time is up is cancelled by its transport, which may look at another clock.
_DEADLINE_SLACK_SEC = 0.02

_FAULTS = frozenset(
    {
        StatusCode.UNKNOWN,
        StatusCode.DEADLINE_EXCEEDED,
        StatusCode.RESOURCE_EXHAUSTED,  # the version's own queue is full
        StatusCode.ABORTED,
        StatusCode.INTERNAL,
        StatusCode.UNAVAILABLE,
        StatusCode.DATA_LOSS,
    }
)

_Ask = Callable[[Any, CallContext], Coroutine[Any, Any, Any]]


@dataclasses.dataclass(frozen=True, slots=True)
class _Dealt:
    """A request and where it goes."""

    kind: Kind
    trial: Trial
    request: Any
    context: CallContext


class RolloutPlane:
    """Deals requests as the order in force says.

    Args:
        plane: Answers.
        conduct: Knows what is in force, and counts.
        versions: Holds the versions.
        background: Runs what nobody waits for.
        logs: Get what a shadow answered.
        metrics: Are told of both arms.
        output: Predict's output that stands for the prediction; empty to find it.
        clock: Seconds, never going back, as deadlines count them.
    """

    def __init__(  # noqa: PLR0913 (all by name)
        self,
        *,
        plane: DataPlane,
        conduct: Conduct,
        versions: Versions,
        background: Background,
        logs: RequestLogs,
        metrics: ServerMetrics,
        output: str,
        clock: Callable[[], float],
    ) -> None:
        self._plane = plane
        self._conduct = conduct
        self._versions = versions
        self._background = background
        self._logs = logs
        self._metrics = metrics
        self._output = output
        self._clock = clock
        self._complaints: set[str] = set()

    # These are no coroutines themselves, so that without an order a call has nothing to wait for
    # but the backend.

    def predict(self, request: Any, context: CallContext) -> Coroutine[Any, Any, Any]:
        """Answers a PredictRequest with a PredictResponse."""
        if self._conduct.in_force is None:
            return self._plane.predict(request, context)
        return self._route(kinds.PREDICT, self._plane.predict, request, context)

    def classify(self, request: Any, context: CallContext) -> Coroutine[Any, Any, Any]:
        """Answers a ClassificationRequest with a ClassificationResponse."""
        return self._route(kinds.CLASSIFY, self._plane.classify, request, context)

    def regress(self, request: Any, context: CallContext) -> Coroutine[Any, Any, Any]:
        """Answers a RegressionRequest with a RegressionResponse."""
        return self._route(kinds.REGRESS, self._plane.regress, request, context)

    def multi_inference(self, request: Any, context: CallContext) -> Coroutine[Any, Any, Any]:
        """Answers a MultiInferenceRequest with a MultiInferenceResponse."""
        return self._route(kinds.MULTI, self._plane.multi_inference, request, context)

    async def get_model_metadata(self, request: Any, context: CallContext) -> Any:
        """Answers a GetModelMetadataRequest with a GetModelMetadataResponse."""
        force = self._concerned(request.model_spec)
        if force is None:
            return await self._plane.get_model_metadata(request, context)
        with Named(request.model_spec, force.answering(self._versions)):
            return await self._plane.get_model_metadata(request, context)

    async def get_model_status(self, request: Any, context: CallContext) -> Any:
        """Answers a GetModelStatusRequest with a GetModelStatusResponse."""
        return await self._plane.get_model_status(request, context)

    async def reload_config(self, request: Any, context: CallContext) -> Any:
        """Answers a ReloadConfigRequest with a ReloadConfigResponse, once new models serve."""
        return await self._plane.reload_config(request, context)

    async def signature(self, model_spec: Any) -> tuple[int, Any]:
        """Returns the version that most requests of a ModelSpec go to, and its SignatureDef."""
        force = self._concerned(model_spec)
        if force is None:
            return await self._plane.signature(model_spec)
        asked = ModelSpec()
        asked.CopyFrom(model_spec)
        version = force.answering(self._versions)
        if version is not None:
            asked.version.value = version
        return await self._plane.signature(asked)

    async def ready(self) -> bool:
        """Returns whether every configured model has a version that answers."""
        return await self._plane.ready()

    def _concerned(self, spec: Any) -> InForce | None:
        """Returns the order that decides about a ModelSpec, if one does."""
        force = self._conduct.in_force
        if force is None or spec.name != force.order.model:
            return None
        return None if spec.WhichOneof("version_choice") else force

    def _route(
        self, kind: Kind, ask: _Ask, request: Any, context: CallContext
    ) -> Coroutine[Any, Any, Any]:
        force = self._concerned(kind.spec(request))
        if force is None:
            return ask(request, context)
        if force.trial is None:
            return self._pinned(kind, ask, force, request, context)
        return self._dealt(ask, force, _Dealt(kind, force.trial, request, context))

    async def _pinned(
        self, kind: Kind, ask: _Ask, force: InForce, request: Any, context: CallContext
    ) -> Any:
        with Named(kind.spec(request), force.answering(self._versions)):
            return await ask(request, context)

    async def _dealt(self, ask: _Ask, force: InForce, dealt: _Dealt) -> Any:
        trial, request, context = dealt.trial, dealt.request, dealt.context
        key = self._key(trial, request, context)
        arm, version = self._choose(force, trial, key)
        if version is None:
            return await self._pinned(dealt.kind, ask, force, request, context)
        context.rollout_id, context.rollout_arm = trial.plan.id, arm.value
        start = self._clock()
        try:
            with Named(dealt.kind.spec(request), version):
                response = await ask(request, context)
        except ServingError as error:
            self._safely(self._failed, dealt, ask, arm, error.code, start)
            self._safely(self._copy, dealt, ask, key, None)
            raise
        except asyncio.CancelledError:
            self._safely(self._left, dealt, arm, start)
            raise
        except Exception:
            self._safely(self._failed, dealt, ask, arm, StatusCode.INTERNAL, start)
            raise
        self._safely(self._answered, dealt, arm, arm.value, response, self._clock() - start)
        self._safely(self._copy, dealt, ask, key, response)
        return response

    def _safely(self, work: Callable[..., object], *args: Any) -> None:
        """Counts; what goes wrong there is nothing to the caller."""
        try:
            work(*args)
        except Exception as error:  # noqa: BLE001 (an observer must not fail what it observes)
            self._complain("a request could not be counted", error)

    def _key(self, trial: Trial, request: Any, context: CallContext) -> bytes:
        if not trial.needs_key:
            return b""
        try:
            return keys.key_of(trial.plan.key, request, context)
        except Exception as error:  # noqa: BLE001 (whatever a caller sent, it gets an answer)
            self._complain("a request's key could not be read", error)
            return context.request_id.encode()

    def _choose(self, force: InForce, trial: Trial, key: bytes) -> tuple[Arm, int | None]:
        arm = trial.split.answers(key)
        version = trial.version(arm)
        if self._versions.answers(force.order.model, version):
            return arm, version
        # Still loading here, or gone: the caller is answered all the same.
        stable = trial.plan.stable_version
        if self._versions.answers(force.order.model, stable):
            return Arm.STABLE, stable
        return Arm.STABLE, None

    def _had_time(self, context: CallContext, start: float) -> bool:
        """Whether a version that did not answer was allowed, or took, long enough to answer."""
        allowed = math.inf if context.deadline is None else context.deadline - start
        return max(allowed, self._clock() - start) >= ENOUGH_SEC

    def _left(self, dealt: _Dealt, arm: Arm, start: float) -> None:
        """Counts a call that nobody waits for any more: its time is up, or its caller went."""
        now, deadline = self._clock(), dealt.context.deadline
        is_late = deadline is not None and now >= deadline - _DEADLINE_SLACK_SEC
        code = StatusCode.DEADLINE_EXCEEDED if is_late else StatusCode.CANCELLED
        self._count_failure(dealt.trial, arm, arm.value, code)
        if now - start >= ENOUGH_SEC - _DEADLINE_SLACK_SEC:
            self._conduct.failed(dealt.trial, arm)

    def _answered(
        self, dealt: _Dealt, arm: Arm, named: str, response: Any, seconds: float
    ) -> list[float]:
        """Counts an answer, and returns its predictions."""
        found: list[float] = []
        try:
            found = dealt.kind.predictions(response, self._output)
        except Exception as error:  # noqa: BLE001 (an observer must not fail what it observes)
            self._complain("an answer's predictions could not be read", error)
        trial = dealt.trial
        self._conduct.answered(trial, arm, seconds, found)
        labels = (trial.plan.model, named, str(trial.version(arm)))
        self._metrics.rollout_requests.add(*labels, "OK")
        self._metrics.rollout_latency.observe(*labels, value=seconds * _MICROS)
        return found

    def _failed(self, dealt: _Dealt, ask: _Ask, arm: Arm, code: StatusCode, start: float) -> None:
        trial = dealt.trial
        self._count_failure(trial, arm, arm.value, code)
        if code is StatusCode.DEADLINE_EXCEEDED and not self._had_time(dealt.context, start):
            return
        if code in _FAULTS:
            self._conduct.failed(trial, arm)
        elif arm is Arm.CANDIDATE and code != StatusCode.CANCELLED:
            self._background.submit(lambda: self._ask_stable(dealt, ask))

    def _count_failure(self, trial: Trial, arm: Arm, named: str, code: StatusCode) -> None:
        labels = (trial.plan.model, named, str(trial.version(arm)))
        self._metrics.rollout_requests.add(*labels, code.name)

    async def _ask_stable(self, dealt: _Dealt, ask: _Ask) -> None:
        """Blames the candidate for refusing a request that the stable version answers."""
        context = self._behind(dealt)
        try:
            await self._quietly(dealt, ask, Arm.STABLE, context)
        except (ServingError, TimeoutError):
            return
        self._conduct.failed(dealt.trial, Arm.CANDIDATE)

    def _copy(self, dealt: _Dealt, ask: _Ask, key: bytes, answered: Any) -> None:
        """Has the candidate asked the same, once the caller's answer is on its way."""
        trial = dealt.trial
        if not trial.split.copies(key):
            return
        if not self._versions.answers(trial.plan.model, trial.plan.candidate_version):
            return
        if not self._background.submit(lambda: self._shadow(dealt, ask, answered)):
            self._metrics.shadow_dropped.add(trial.plan.model)

    async def _shadow(self, dealt: _Dealt, ask: _Ask, answered: Any) -> None:
        """Asks the candidate what the stable version was asked, which may have `answered`."""
        trial, context = dealt.trial, self._behind(dealt)
        start = self._clock()
        try:
            response = await self._quietly(dealt, ask, Arm.CANDIDATE, context)
        except ServingError as error:
            self._shadow_failed(trial, error.code, is_own=answered is not None)
            return
        except TimeoutError:
            self._shadow_failed(trial, StatusCode.DEADLINE_EXCEEDED)
            return
        except Exception:
            self._shadow_failed(trial, StatusCode.INTERNAL)
            raise
        found = self._answered(dealt, Arm.CANDIDATE, SHADOW, response, self._clock() - start)
        if answered is not None:
            self._compare(trial, found, dealt.kind.predictions(answered, self._output))
        self._log(dealt, response, context)

    def _shadow_failed(self, trial: Trial, code: StatusCode, *, is_own: bool = True) -> None:
        """Counts a failure; one that blames the request counts if the other version answered."""
        self._count_failure(trial, Arm.CANDIDATE, SHADOW, code)
        if code in _FAULTS or is_own:
            self._conduct.failed(trial, Arm.CANDIDATE)

    def _compare(self, trial: Trial, one: Sequence[float], other: Sequence[float]) -> None:
        if not one or len(one) != len(other):
            return
        distance = math.fsum(abs(a - b) for a, b in zip(one, other, strict=True)) / len(one)
        if math.isfinite(distance):
            self._conduct.apart(trial, distance)

    def _behind(self, dealt: _Dealt) -> CallContext:
        """Returns the context for asking the same again, in the background."""
        context = dealt.context
        return CallContext(
            context.request_id,
            self._clock() + TIMEOUT_SEC,
            context.entrypoint,
            inputs=context.inputs,
            request_bytes=context.request_bytes,
            rollout_id=dealt.trial.plan.id,
            rollout_arm=SHADOW,
            background=True,
        )

    async def _quietly(self, dealt: _Dealt, ask: _Ask, arm: Arm, context: CallContext) -> Any:
        with Named(dealt.kind.spec(dealt.request), dealt.trial.version(arm)):
            async with asyncio.timeout(TIMEOUT_SEC):
                return await ask(dealt.request, context)

    def _log(self, dealt: _Dealt, response: Any, context: CallContext) -> None:
        spec = dealt.kind.spec(response)
        method, name = dealt.kind.method, dealt.trial.plan.model
        taken = self._logs.offer(method, name, dealt.request, response, context, spec)
        if taken is not None:
            self._metrics.log_count.add(name, "OK" if taken else "RESOURCE_EXHAUSTED")

    def _complain(self, text: str, error: Exception) -> None:
        """Logs what goes wrong with requests, once for each kind."""
        if text not in self._complaints:
            self._complaints.add(text)
            _LOGGER.error("%s; further ones are not told", text, exc_info=error)
