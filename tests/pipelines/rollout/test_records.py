"""Rollouts and actions as ML Metadata keeps them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from ml_metadata.metadata_store.metadata_store import MetadataStore
from rollout_pushes import push

from components.rollout_pusher import strategies
from pipelines.errors import MetadataError
from pipelines.lineage.store import open_store
from pipelines.rollout import keys, projection, pushes, records
from pipelines.rollout.pushes import Push
from pipelines.rollout.records import Action, Recorded, Rollout, Times
from serving.rollout.snapshot import Wish
from serving.rollout.state import Outcome, State

GUARDS = [f"prediction_drift max_shift=0.{n:09d}" for n in range(1, 60)]
PLAN = strategies.plan(
    {"strategy": "canary", "guards": GUARDS},
    rollout_id="flights-2",
    model="flights",
    stable=1,
    candidate=2,
)


@pytest.fixture
def store(tmp_path: Path) -> MetadataStore:
    return open_store(f"sqlite:///{tmp_path / 'metadata.sqlite'}")


def opened(store: MetadataStore, token: str = "a") -> bool:
    return records.open_rollout(store, "flights", PLAN, origin="a test", now_sec=5.0, token=token)


def test_what_is_written_is_read_back(store: MetadataStore) -> None:
    assert opened(store)
    [rollout] = records.read(store, "flights").rollouts
    assert rollout == Rollout(plan=PLAN, opened_sec=5.0, origin="a test")
    assert rollout.state == State(rollout_id="flights-2", step_started_sec=5.0)
    state = State(rollout_id="flights-2", step=0, share=0.01, because="é" * 3_000, done=1)
    action = Action(
        number=1,
        kind=keys.RAISE,
        because="it is warm",
        at_sec=7.0,
        state=state,
        times=Times(first_candidate_sec=6.0),
    )
    assert records.record(store, "flights", rollout, action, token="b")
    [kept] = records.read(store, "flights").rollouts[0].actions
    assert dataclasses.replace(kept, recorded_ms=0) == action
    assert kept.recorded_ms > 0
    assert records.read(store, "flights").rollouts[0].state == state
    assert records.read(store, "taxi") == Recorded()


def test_nothing_is_written_twice(store: MetadataStore) -> None:
    assert opened(store)
    assert not opened(store, "b")
    [rollout] = records.read(store, "flights").rollouts
    action = records.superseding(rollout, "something newer", 8.0)
    assert records.record(store, "flights", rollout, action, token="c")
    assert not records.record(store, "flights", rollout, action, token="d")
    [rollout] = records.read(store, "flights").rollouts
    assert (rollout.superseded, rollout.winner, len(rollout.actions)) == (True, 1, 1)


def test_a_wish_is_kept_until_there_is_another(store: MetadataStore) -> None:
    opened(store)
    for wanted in (Wish.PAUSE, Wish.NONE, Wish.ABORT):
        records.wish(store, "flights", "flights-2", wanted)
        assert records.read(store, "flights").rollouts[0].wish is wanted
    with pytest.raises(MetadataError, match="no rollout flights/flights-3"):
        records.wish(store, "flights", "flights-3", Wish.ABORT)


def test_pushes_are_read_with_what_they_ask_for(
    store: MetadataStore, caplog: pytest.LogCaptureFixture
) -> None:
    first = push(store, 1, stable=None)
    second = push(store, 2)
    push(store, 3, model="taxi")
    foreign = push(store, 4)
    [artifact] = store.get_artifacts_by_id([foreign])
    artifact.custom_properties["ringway_rollout"].string_value = '{"format": 2'
    store.put_artifacts([artifact])
    found = pushes.read(store, "flights")
    assert [(one.id, one.version) for one in found] == [(first, 1), (second, 2)]
    assert found[0].plan is None
    assert found[1].plan is not None
    assert found[1].plan.candidate_version == 2
    assert f"push {foreign} asks for is passed over" in caplog.text


def ended(outcome: Outcome, share: float, at_ms: int) -> Recorded:
    state = State(rollout_id="flights-2", share=share, outcome=outcome, done=1)
    action = Action(
        number=1, kind=keys.PROMOTE, because="", at_sec=0.0, state=state, recorded_ms=at_ms
    )
    return Recorded(rollouts=(Rollout(plan=PLAN, opened_sec=0.0, origin="", actions=(action,)),))


@pytest.mark.parametrize(
    ("outcome", "share", "direct_ms", "expected"),
    [
        (Outcome.PROMOTED, 1.0, None, 2),
        (Outcome.ROLLED_BACK, 0.0, None, 1),
        (Outcome.CONCLUDED, 0.0, None, 1),
        (Outcome.CONCLUDED, 1.0, 50, 2),
        (Outcome.PROMOTED, 1.0, 150, 9),
    ],
)
def test_the_winner_serves_until_a_version_is_pushed_to_serve_at_once(
    outcome: Outcome, share: float, direct_ms: int | None, expected: int
) -> None:
    direct = () if direct_ms is None else (Push(id=9, version=9, plan=None, recorded_ms=direct_ms),)
    recorded = ended(outcome, share, at_ms=100)
    assert projection.serving(recorded, direct) == expected
    placed = projection.order_of("flights", recorded, direct)
    assert placed is not None
    assert placed.serves == expected
    assert (placed.plan is None) == (expected == 9)
