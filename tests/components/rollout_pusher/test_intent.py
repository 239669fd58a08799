"""What becomes of a version that is about to be pushed."""

from __future__ import annotations

import pytest

from components.rollout_pusher import intent, strategies
from serving.rollout.errors import RolloutError
from serving.rollout.order import Order
from serving.rollout.state import Outcome, State

CANARY, DIRECT = {"strategy": "canary"}, {"strategy": "direct"}
PLAN = strategies.plan(CANARY, rollout_id="flights-2", model="flights", stable=1, candidate=2)
PINNED = Order(model="flights", serves=1)
RUNNING = Order(model="flights", serves=1, plan=PLAN, state=State(rollout_id=PLAN.id))
ENDED = Order(
    model="flights",
    serves=2,
    plan=PLAN,
    state=State(rollout_id=PLAN.id, share=1.0, outcome=Outcome.PROMOTED),
)


@pytest.mark.parametrize(
    ("order", "on_disk", "stable", "pins"),
    [
        (None, {1}, 1, True),
        (None, {1, 3}, 3, True),
        (PINNED, {1, 3}, 1, False),
        (RUNNING, {1, 2}, 1, False),
        (ENDED, {1, 2}, 2, False),
    ],
)
def test_a_rollout_is_against_what_serves(
    order: Order | None, on_disk: set[int], stable: int, pins: bool
) -> None:
    found = intent.of_push(CANARY, order, on_disk)
    assert (found.stable, found.pins, found.orders) == (stable, pins, False)
    assert f"against version {stable}" in found.because


def test_the_first_version_serves_at_once() -> None:
    found = intent.of_push(CANARY, None, ())
    assert (found.is_direct, found.orders) == (True, False)
    assert "first version" in found.because


def test_where_what_should_serve_is_gone_the_next_one_serves_at_once() -> None:
    found = intent.of_push(CANARY, ENDED, {1})
    assert (found.is_direct, found.orders) == (True, True)
    assert "version 2, which should serve, is not on disk" in found.because


@pytest.mark.parametrize(("order", "orders"), [(None, False), (PINNED, True), (ENDED, True)])
def test_direct_moves_an_order_that_is_there(order: Order | None, orders: bool) -> None:
    found = intent.of_push(DIRECT, order, {1, 2})
    assert (found.is_direct, found.orders) == (True, orders)


def test_direct_does_not_break_into_a_rollout() -> None:
    with pytest.raises(RolloutError, match=r"canary flights-2 of version 2 runs\. End it first"):
        intent.of_push(DIRECT, RUNNING, {1, 2})
