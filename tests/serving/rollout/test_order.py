"""Orders: what they may say, which versions they want, and the file that is always whole."""

from __future__ import annotations

import json
import stat

import pytest
from rollout_orders import CANDIDATE, MODEL, STABLE, ended, plan, running

from serving.rollout import guards
from serving.rollout import order as orders
from serving.rollout.errors import RolloutError, UnreadableOrderError
from serving.rollout.order import Order
from serving.rollout.plan import Strategy
from serving.rollout.state import Outcome, State

ORDERS = [
    Order(model=MODEL, serves=0),
    running(plan(guards=(guards.ErrorRate(margin=0.01),)), step=-1),
    running(plan(), step=1),
    running(plan(Strategy.SHADOW)),
    ended(plan(), Outcome.PROMOTED, CANDIDATE),
]


@pytest.mark.parametrize("order", ORDERS)
def test_json_and_file_give_back_what_was_put_in(order, tmp_path):
    assert Order.from_json(order.to_json()) == order
    orders.write(order, tmp_path / "made" / "by itself")
    assert orders.read(tmp_path / "made" / "by itself") == order
    assert [path.name for path in (tmp_path / "made" / "by itself").iterdir()] == ["order.json"]


@pytest.mark.parametrize(
    ("order", "versions", "is_running"),
    [
        (ORDERS[0], (0,), False),
        (ORDERS[1], (STABLE, CANDIDATE), True),
        (ORDERS[2], (STABLE, CANDIDATE), True),
        (ORDERS[4], (CANDIDATE,), False),
        (ended(plan(), Outcome.ROLLED_BACK, STABLE), (STABLE,), False),
    ],
)
def test_both_versions_have_to_be_there_while_a_rollout_runs(order, versions, is_running):
    assert (order.versions, order.running) == (versions, is_running)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"model": ""}, "a model"),
        ({"serves": -1}, "version of at least 0"),
        ({"state": None}, "plan and state, or neither"),
        ({"plan": None}, "plan and state, or neither"),
        ({"model": "other"}, "a plan for other, received one for chance"),
        ({"state": State(rollout_id="other")}, "the state of chance-12"),
        ({"state": State(rollout_id="chance-12", step=2)}, "with 2 steps"),
        ({"state": State(rollout_id="chance-12", step=0, share=7.0)}, "a share of 0.25 in step 1"),
        ({"state": State(rollout_id="chance-12", share=1.0)}, "a share of 0 in step 0"),
        ({"serves": 99}, "has version 11 serve"),
    ],
)
def test_an_order_that_cannot_be_meant_is_refused(change, text):
    made = plan()
    usual = {"model": MODEL, "serves": STABLE, "plan": made, "state": State(rollout_id=made.id)}
    with pytest.raises(RolloutError, match=text):
        Order(**{**usual, **change})


def test_without_a_file_there_is_no_order(tmp_path):
    assert orders.read(tmp_path / "none") is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        '{"format": 1}',
        '{"format": 2, "model": "m", "serves": 1}',
        '{"format": 1, "model": "m", "serves": 1, "more": 1}',
        '{"format": 1, "model": "m", "serves": 1.5}',
        '{"format": 1, "model": "m", "serves": 1, "plan": {}, "state": {}}',
        " " * (1 << 20) + "{}",
    ],
)
def test_a_file_that_holds_no_order_is_named(tmp_path, text):
    (tmp_path / "order.json").write_text(text)
    with pytest.raises(RolloutError, match=r"order\.json"):
        orders.read(tmp_path)


def test_what_cannot_be_read_is_named(tmp_path):
    (tmp_path / "order.json").mkdir()
    with pytest.raises(UnreadableOrderError, match=r"order\.json: cannot be read"):
        orders.read(tmp_path)


def test_servers_of_other_users_can_read_it_and_people_too(tmp_path):
    orders.write(ORDERS[1], tmp_path)
    path = tmp_path / "order.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert json.loads(path.read_text())["plan"]["strategy"] == "canary"


def test_what_cannot_be_written_leaves_no_traces(tmp_path):
    (tmp_path / "order.json").mkdir()
    with pytest.raises(OSError, match=r"order\.json"):
        orders.write(ORDERS[0], tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["order.json"]
