"""What a replay waits for, as tables."""

from __future__ import annotations

import pytest

from pipelines.continuous.heartbeat import Heartbeat
from pipelines.replay.progress import begun, in_force, looked_since
from serving.rollout.order import Order
from serving.rollout.plan import Plan, Strategy
from serving.rollout.report import Report
from serving.rollout.state import State

NOW = 1_000.0


def _beat(tick: int, began: float, pid: int = 1) -> Heartbeat:
    return Heartbeat(tick=tick, began_clock=began, ended_clock=began, pid=pid)


@pytest.mark.parametrize(
    ("known", "beat", "looked"),
    [
        pytest.param(None, None, False, id="no loop yet"),
        pytest.param(None, _beat(1, NOW), True, id="the first look"),
        pytest.param(_beat(4, 900.0), _beat(4, 900.0), False, id="still the old look"),
        pytest.param(_beat(4, 900.0), _beat(5, 900.0), False, id="began before the clock was set"),
        pytest.param(_beat(4, 900.0), _beat(6, NOW), True, id="began after"),
        pytest.param(_beat(4, NOW), _beat(5, NOW), False, id="was under way"),
        pytest.param(_beat(4, NOW), _beat(6, NOW), True, id="the one after that"),
        pytest.param(_beat(40, NOW), _beat(1, NOW, pid=2), True, id="started anew"),
    ],
)
def test_which_look_counts(known: Heartbeat | None, beat: Heartbeat | None, looked: bool) -> None:
    assert looked_since(known, beat, NOW) is looked


def _order(done: int, step: int = 0) -> Order:
    plan = Plan(
        id="flights-12",
        model="flights",
        stable_version=11,
        candidate_version=12,
        strategy=Strategy.CANARY,
        steps=(0.25, 1.0),
    )
    state = State(rollout_id=plan.id, step=step, share=0.25 if step >= 0 else 0.0, done=done)
    return Order(model="flights", serves=11, plan=plan, state=state)


def _report(done: int, available: tuple[int, ...], rollout_id: str = "flights-12") -> Report:
    return Report(
        server="here", model="flights", rollout_id=rollout_id, done=done, available=available
    )


@pytest.mark.parametrize(
    ("order", "report", "holds"),
    [
        pytest.param(_order(1), _report(1, (11, 12)), True, id="as ordered"),
        pytest.param(_order(1), _report(0, (11, 12)), False, id="an action behind"),
        pytest.param(_order(1), _report(1, (11,)), False, id="the candidate is not loaded"),
        pytest.param(_order(1), _report(1, (11, 12), "flights-11"), False, id="another rollout"),
        pytest.param(
            Order(model="flights", serves=11), _report(0, (11,), ""), True, id="no rollout"
        ),
        pytest.param(
            Order(model="flights", serves=12), _report(0, (11,), ""), False, id="not loaded yet"
        ),
    ],
)
def test_what_a_server_has_in_force(order: Order, report: Report, holds: bool) -> None:
    assert in_force(order, report) is holds


def test_a_rollout_has_begun_with_its_first_step() -> None:
    assert begun(None)
    assert begun(Order(model="flights", serves=11))
    assert not begun(_order(0, step=-1))
    assert begun(_order(1, step=0))
