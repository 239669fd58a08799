"""Which version each kind of call gets, and what counts as whose failure."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Any, cast

import numpy as np
import pytest
from rollout_orders import CANDIDATE, MODEL, STABLE, plan, running

from serving.data_plane import CallContext
from serving.monitoring.metrics import ServerMetrics
from serving.rollout.order import Order
from serving.rollout.plan import Strategy
from serving.server.request_logs import RequestLogs
from serving.server.rollouts.background import Background
from serving.server.rollouts.conduct import Conduct
from serving.server.rollouts.plane import RolloutPlane
from serving.wire import messages, tensors
from serving.wire.errors import ServingError, StatusCode

ALL_CANDIDATE = running(plan(), step=1)


class Versioned:
    """Answers with the version that it was asked for, or fails as that one is told to."""

    def __init__(self):
        self.asked: list[tuple[str, int | None]] = []
        self.failing: dict[int | None, Exception] = {}
        self.gates: dict[int | None, asyncio.Event] = {}

    async def _answer(self, method, spec, response, answered):
        version = spec.version.value if spec.HasField("version") else None
        self.asked.append((method, version))
        if version in self.gates:
            await self.gates[version].wait()
        if version in self.failing:
            raise self.failing[version]
        answered.name, answered.version.value = spec.name, version or 0
        return response

    async def predict(self, request, context):
        response = messages.PredictResponse()
        tensors.fill(response.outputs["y"], np.array([0.5], np.float32))
        return await self._answer("predict", request.model_spec, response, response.model_spec)

    async def classify(self, request, context):
        response = messages.ClassificationResponse()
        response.result.classifications.add().classes.add(score=0.5)
        return await self._answer("classify", request.model_spec, response, response.model_spec)

    async def regress(self, request, context):
        response = messages.RegressionResponse()
        response.result.regressions.add(value=0.5)
        return await self._answer("regress", request.model_spec, response, response.model_spec)

    async def multi_inference(self, request, context):
        response = messages.MultiInferenceResponse()
        result = response.results.add()
        result.regression_result.regressions.add(value=0.5)
        spec = request.tasks[0].model_spec if request.tasks else messages.ModelSpec()
        return await self._answer("multi_inference", spec, response, result.model_spec)

    async def get_model_metadata(self, request, context):
        response = messages.GetModelMetadataResponse()
        return await self._answer("metadata", request.model_spec, response, response.model_spec)

    async def signature(self, model_spec):
        return model_spec.version.value, None


class Both:
    """Versions that are there unless a test takes them away."""

    def __init__(self):
        self.loaded = {STABLE, CANDIDATE}

    def pin(self, versions):
        pass

    def answers(self, model, version):
        return version in self.loaded

    def available(self, model):
        return tuple(sorted(self.loaded))

    def failure(self, model, version):
        return ""


class Desk:
    """A plane over `Versioned`."""

    def __init__(self, order):
        self.behind = cast(Any, Versioned())
        self.versions = Both()
        self.metrics = ServerMetrics()
        self.background = Background()
        self.later_sec = 0.0
        self.conduct = Conduct(
            "host-1",
            self.versions,
            metrics=self.metrics,
            now=time.time,
            elapsed=time.monotonic,
        )
        self.conduct.apply(order)
        self.plane = RolloutPlane(
            plane=self.behind,
            conduct=self.conduct,
            versions=self.versions,
            background=self.background,
            logs=RequestLogs(lambda _: None, default=None, clock=time.time),  # type: ignore[arg-type,return-value]
            metrics=self.metrics,
            output="",
            clock=lambda: time.monotonic() + self.later_sec,
        )

    async def settled(self):
        for _ in range(5):
            await asyncio.sleep(0.01)

    def seen(self) -> tuple[int, int, int, int]:
        report = self.conduct.report()
        assert report is not None
        stable, candidate = report.snapshot.stable, report.snapshot.candidate
        return stable.requests, stable.errors, candidate.requests, candidate.errors


def requests(name=MODEL, **spec):
    """Returns a request of each kind."""
    model_spec = messages.ModelSpec(name=name, **spec)
    return {
        "predict": messages.PredictRequest(model_spec=model_spec),
        "classify": messages.ClassificationRequest(model_spec=model_spec),
        "regress": messages.RegressionRequest(model_spec=model_spec),
        "multi_inference": messages.MultiInferenceRequest(tasks=[{"model_spec": model_spec}]),
    }


def on_desk(order, work):
    async def run():
        desk = Desk(order)
        try:
            return await work(desk)
        finally:
            await desk.background.close()

    return asyncio.run(run())


async def call(desk, method="predict", deadline=None, **spec):
    context = CallContext("r-1", deadline)
    await getattr(desk.plane, method)(requests(**spec)[method], context)
    return context


@pytest.mark.parametrize("method", ["predict", "classify", "regress", "multi_inference"])
def test_every_kind_of_call_is_dealt_counted_and_left_as_it_came(method):
    async def work(desk):
        request = requests()[method]
        before = request.SerializeToString()
        context = CallContext("r-1")
        response = await getattr(desk.plane, method)(request, context)
        assert desk.behind.asked == [(method, CANDIDATE)]
        assert request.SerializeToString() == before
        assert (context.rollout_id, context.rollout_arm) == ("chance-12", "candidate")
        report = desk.conduct.report()
        assert report.snapshot.candidate.predictions.total == 1
        labels = (MODEL, "candidate", str(CANDIDATE))
        assert desk.metrics.rollout_requests.value(*labels, "OK") == 1
        assert desk.metrics.rollout_latency.count(*labels) == 1
        return response

    on_desk(ALL_CANDIDATE, work)


@pytest.mark.parametrize("spec", [{"version": {"value": 7}}, {"version_label": "a"}, {"name": "b"}])
def test_who_names_a_version_a_label_or_another_model_is_no_part_of_it(spec):
    async def work(desk):
        context = await call(desk, **spec)
        assert desk.behind.asked == [("predict", spec.get("version", {}).get("value"))]
        assert (context.rollout_id, desk.seen()) == ("", (0, 0, 0, 0))

    on_desk(ALL_CANDIDATE, work)


def test_a_multi_inference_without_tasks_is_left_to_the_backend():
    async def work(desk):
        await desk.plane.multi_inference(messages.MultiInferenceRequest(), CallContext("r-1"))
        assert desk.behind.asked == [("multi_inference", None)]

    on_desk(ALL_CANDIDATE, work)


def test_without_a_rollout_the_version_of_the_order_answers_and_nothing_is_counted():
    async def work(desk):
        context = await call(desk)
        assert desk.behind.asked == [("predict", STABLE)]
        assert context.rollout_arm == ""
        desk.conduct.apply(None)
        await call(desk)
        assert desk.behind.asked[1:] == [("predict", None)]

    on_desk(Order(model=MODEL, serves=STABLE), work)


def test_metadata_and_signature_are_those_of_the_version_that_most_get():
    async def work(desk):
        request = messages.GetModelMetadataRequest(model_spec={"name": MODEL})
        spec = messages.ModelSpec(name=MODEL)
        await desk.plane.get_model_metadata(request, CallContext("r-1"))
        assert not request.model_spec.HasField("version")
        first = desk.behind.asked[-1][1], (await desk.plane.signature(spec))[0]
        desk.conduct.apply(ALL_CANDIDATE)
        await desk.plane.get_model_metadata(request, CallContext("r-1"))
        second = desk.behind.asked[-1][1], (await desk.plane.signature(spec))[0]
        assert not spec.HasField("version")
        return first, second

    assert on_desk(running(plan()), work) == ((STABLE, STABLE), (CANDIDATE, CANDIDATE))


@pytest.mark.parametrize(
    ("loaded", "asked", "arm"),
    [({STABLE}, STABLE, "stable"), (set(), None, "")],
)
def test_a_candidate_that_is_not_there_is_asked_nothing(loaded, asked, arm):
    async def work(desk):
        desk.versions.loaded = loaded
        context = await call(desk)
        assert (desk.behind.asked, context.rollout_arm) == ([("predict", asked)], arm)
        assert desk.seen() == (int(bool(loaded)), 0, 0, 0)

    on_desk(ALL_CANDIDATE, work)


@pytest.mark.parametrize(
    "error",
    [ServingError(code, "no") for code in (StatusCode.INTERNAL, StatusCode.RESOURCE_EXHAUSTED)]
    + [KeyError("a fault of the server")],
)
def test_what_a_candidate_could_not_do_is_its_error_and_the_callers_answer(error):
    async def work(desk):
        desk.behind.failing = {CANDIDATE: error}
        with pytest.raises(type(error)) as raised:
            await call(desk)
        assert raised.value is error
        await desk.settled()
        assert desk.behind.asked == [("predict", CANDIDATE)]
        assert desk.seen() == (0, 0, 1, 1)

    on_desk(ALL_CANDIDATE, work)


@pytest.mark.parametrize("stable_too", [True, False])
def test_a_refusal_is_the_candidates_error_only_if_the_stable_version_answers(stable_too):
    async def work(desk):
        refusal = ServingError(StatusCode.INVALID_ARGUMENT, "no such input")
        desk.behind.failing = {CANDIDATE: refusal} | ({STABLE: refusal} if stable_too else {})
        with pytest.raises(ServingError):
            await call(desk)
        await desk.settled()
        assert desk.behind.asked == [("predict", CANDIDATE), ("predict", STABLE)]
        assert desk.seen() == ((0, 0, 0, 0) if stable_too else (0, 0, 1, 1))

    on_desk(ALL_CANDIDATE, work)


@pytest.mark.parametrize("left_sec", [60.0, None, 0.0])
@pytest.mark.parametrize("arm", [STABLE, CANDIDATE])
@pytest.mark.parametrize("is_long", [True, False])
def test_a_call_that_is_left_counts_once_the_version_had_time(left_sec, arm, is_long):
    async def work(desk):
        desk.behind.gates = {arm: asyncio.Event()}
        deadline = None if left_sec is None else time.monotonic() + left_sec
        task = asyncio.create_task(call(desk, deadline=deadline))
        await desk.settled()
        desk.later_sec = 1.0 if is_long else 0.5
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        mine, none = (int(is_long), int(is_long)), (0, 0)
        assert desk.seen() == (mine + none if arm == STABLE else none + mine)

    on_desk(ALL_CANDIDATE if arm == CANDIDATE else running(plan(), step=-1), work)


@pytest.mark.parametrize(
    ("left_sec", "later_sec", "counts"),
    [(-1.0, 0.0, False), (0.5, 0.5, False), (0.5, 1.0, True), (1.5, 0.0, True), (None, 0.0, True)],
)
def test_a_deadline_that_nobody_could_meet_is_not_the_versions_error(left_sec, later_sec, counts):
    async def work(desk):
        desk.behind.gates = {CANDIDATE: asyncio.Event()}
        desk.behind.failing = {CANDIDATE: ServingError(StatusCode.DEADLINE_EXCEEDED, "time is up")}
        deadline = None if left_sec is None else time.monotonic() + left_sec
        task = asyncio.create_task(call(desk, deadline=deadline))
        await desk.settled()
        desk.later_sec = later_sec
        desk.behind.gates[CANDIDATE].set()
        with pytest.raises(ServingError):
            await task
        await desk.settled()
        assert desk.seen() == (0, 0, int(counts), int(counts))
        assert desk.behind.asked == [("predict", CANDIDATE)]

    on_desk(ALL_CANDIDATE, work)


def test_where_the_stable_version_is_gone_whoever_answers_for_it_is_no_part_of_it():
    async def work(desk):
        desk.versions.loaded = {CANDIDATE}
        context = await call(desk)
        assert desk.behind.asked == [("predict", None)]
        assert (context.rollout_id, context.rollout_arm) == ("", "")
        assert desk.seen() == (0, 0, 0, 0)

    on_desk(running(plan(), step=-1), work)


@pytest.mark.parametrize(
    "fails", [None, KeyError("a fault"), ServingError(StatusCode.INTERNAL, "")]
)
def test_what_goes_wrong_in_counting_is_logged_once_and_the_caller_is_answered(
    fails, monkeypatch, caplog
):
    def broken(*_):
        raise ZeroDivisionError("a guard's fault")

    async def work(desk):
        monkeypatch.setattr(desk.conduct, "answered", broken)
        monkeypatch.setattr(desk.conduct, "failed", broken)
        desk.behind.failing = {CANDIDATE: fails} if fails else {}
        for _ in range(3):
            if fails is None:
                await call(desk)
                continue
            with pytest.raises(type(fails)):
                await call(desk)
        assert len([one for one in caplog.records if "counted" in one.message]) == 1

    on_desk(ALL_CANDIDATE, work)


def test_a_copy_is_asked_after_the_answer_and_its_crash_is_the_candidates():
    async def work(desk):
        desk.behind.failing = {CANDIDATE: KeyError("a crash")}
        context = await call(desk)
        assert desk.behind.asked == [("predict", STABLE)]
        await desk.settled()
        assert desk.behind.asked == [("predict", STABLE), ("predict", CANDIDATE)]
        assert (context.rollout_arm, desk.seen()) == ("stable", (1, 0, 1, 1))

    on_desk(running(plan(Strategy.SHADOW)), work)


def test_copies_that_do_not_fit_are_dropped_and_counted():
    async def work(desk):
        desk.behind.gates = {CANDIDATE: asyncio.Event()}
        for _ in range(70):
            await call(desk)
        await desk.settled()
        assert desk.metrics.shadow_dropped.value(MODEL) == 6
        desk.behind.gates[CANDIDATE].set()
        await desk.settled()
        assert desk.seen() == (70, 0, 64, 0)

    on_desk(running(plan(Strategy.SHADOW)), work)


def test_what_both_refuse_is_nobodys_error_in_a_shadow():
    async def work(desk):
        refusal = ServingError(StatusCode.INVALID_ARGUMENT, "no such input")
        desk.behind.failing = {CANDIDATE: refusal, STABLE: refusal}
        with pytest.raises(ServingError):
            await call(desk)
        await desk.settled()
        assert (len(desk.behind.asked), desk.seen()) == (2, (0, 0, 0, 0))

    on_desk(running(plan(Strategy.SHADOW)), work)
