"""Rollouts from what is asked for to what was done, on a real store and a scripted server."""

from __future__ import annotations

import dataclasses
import itertools
import os
import time
from pathlib import Path
from typing import Any

import pytest
from ml_metadata.metadata_store.metadata_store import MetadataStore
from rollout_pushes import push
from rollout_server import ScriptedServer

from pipelines.lineage.store import open_store
from pipelines.rollout import events, records
from pipelines.rollout.conduct import Conducted, Conductor
from serving.rollout import order, report
from serving.rollout.metric import Moments
from serving.rollout.order import Order
from serving.rollout.snapshot import Wish
from serving.rollout.state import Outcome, State

NAME = "flights"


class World:
    """A store, a folder, a clock, a server and a conductor."""

    def __init__(self, root: Path, store: MetadataStore, **options: Any) -> None:
        self.now_sec = 1_362_400_000.0
        self.store = store
        self.folder = root / "rollouts"
        self._tokens = itertools.count()
        self._options = options
        self.server = ScriptedServer(self.folder, self.clock)

    def clock(self) -> float:
        return self.now_sec

    def tick(self, **options: Any) -> Conducted:
        # A new one each time: nothing may be kept between two looks.
        conductor = Conductor(
            self.store,
            NAME,
            self.folder,
            clock=self.clock,
            token=lambda: f"token {next(self._tokens)}",
            **{**self._options, **options},
        )
        done = conductor.tick()
        self.now_sec += 60
        return done

    def read(self) -> records.Recorded:
        return records.read(self.store, NAME)

    def wish(self, wanted: Wish) -> None:
        running = self.read().running
        assert running is not None
        records.wish(self.store, NAME, running.plan.id, wanted)

    def kinds(self, rollout_id: str) -> list[str]:
        return [e.kind for e in events.of(self.read()) if e.rollout_id == rollout_id]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, open_store(f"sqlite:///{tmp_path / 'metadata.sqlite'}"))


def test_where_nothing_was_asked_for_nothing_is_written(world: World) -> None:
    assert world.tick() == Conducted()
    assert order.read(world.folder) is None


def test_an_order_that_a_pusher_pinned_is_left_alone(world: World) -> None:
    order.write(Order(model=NAME, serves=1), world.folder)
    push(world.store, 1, stable=None)
    world.tick()
    assert order.read(world.folder) == Order(model=NAME, serves=1)


def test_a_canary_goes_step_by_step_and_is_promoted(world: World) -> None:
    push(world.store, 2, guards=("error_rate", "prediction_drift"))
    [opened] = world.tick().events
    assert (opened.kind, opened.candidate, opened.stable) == ("opened", 2, 1)
    placed = order.read(world.folder)
    assert placed is not None
    assert placed.versions == (1, 2)
    assert "no server is alive" in world.tick().rollouts[0]
    world.server.look()
    [raised] = world.tick().events
    assert (raised.kind, raised.share, raised.number) == ("raised", 0.05, 1)
    # The server has not taken the step yet: its counts are of the one before.
    assert not world.tick().events
    world.server.serve(60)
    assert "60 of 100 requests" in world.tick().rollouts[0]
    world.server.serve(60)
    assert [one.share for one in world.tick().events] == [1.0]
    world.server.serve(120)
    [promoted] = world.tick().events
    assert promoted.kind == "promoted"
    placed = order.read(world.folder)
    assert placed is not None
    assert (placed.serves, placed.versions, placed.running) == (2, (2,), False)
    done = world.tick()
    assert (done.events, done.running) == ((), False)
    assert world.kinds("flights-2") == ["opened", "raised", "raised", "promoted"]


def test_the_order_is_mended_at_every_look(world: World) -> None:
    push(world.store, 2)
    world.tick()
    right = order.read(world.folder)
    for damage in ("{", right.to_json().replace("0.05", "0.06") if right else ""):
        (world.folder / order.FILE_NAME).write_text(damage)
        world.tick()
        assert order.read(world.folder) == right
    (world.folder / order.FILE_NAME).unlink()
    world.tick()
    assert order.read(world.folder) == right


def test_what_a_server_found_broken_is_rolled_back_with_its_times(world: World) -> None:
    push(world.store, 2, guards=("prediction_drift",))
    world.tick()
    world.server.look()
    world.tick()
    world.server.serve(1)
    world.now_sec += 30
    world.server.serve(400, candidate_predicts=0.9)
    [event] = world.tick().events
    assert event.kind == "rolled_back"
    assert "prediction_drift" in event.because
    assert "host-8500" in event.because
    assert (event.simulated_sec, event.wall_sec) == (30.0, 0.5)
    assert "30 s after the candidate's first answer, 0.5 s" in str(event)
    placed = order.read(world.folder)
    assert placed is not None
    assert (placed.serves, placed.running) == (1, False)
    world.server.look()
    assert world.server.answering == 1
    assert world.tick().events == ()
    assert [one.wall_sec for one in world.tick().past][-1] == 0.5


def test_counts_of_all_servers_are_added_and_the_living_have_to_be_ready(world: World) -> None:
    second = ScriptedServer(world.folder, world.clock, name="other-8500")
    second.loads = False
    push(world.store, 2)
    world.tick()
    for server in (world.server, second):
        server.look()
    assert "not warm" in world.tick().rollouts[0]
    # It died cold. Once it has been silent for long, it is not waited for.
    old = time.time() - 60
    os.utime(report.path_of("other-8500", world.folder), (old, old))
    assert [one.kind for one in world.tick().events] == ["raised"]
    second.loads = True
    for server in (world.server, second):
        server.serve(50)
    os.utime(report.path_of("other-8500", world.folder), (old, old))
    assert [one.kind for one in world.tick().events] == ["raised"]


def test_a_candidate_that_cannot_be_loaded_is_rolled_back(world: World) -> None:
    push(world.store, 2)
    world.tick()
    world.server.failure = "no saved_model.pb"
    world.server.look()
    [event] = world.tick().events
    assert (event.kind, event.simulated_sec) == ("rolled_back", None)
    assert "host-8500: no saved_model.pb" in event.because


@pytest.mark.parametrize(
    ("wanted", "expected"), [(Wish.ABORT, "rolled_back"), (Wish.PROMOTE, "promoted")]
)
def test_an_operator_has_their_way(world: World, wanted: Wish, expected: str) -> None:
    push(world.store, 2)
    world.tick()
    world.server.look()
    world.tick()
    world.server.look()
    world.wish(Wish.PAUSE)
    world.server.serve(200)
    assert "paused" in world.tick().rollouts[0]
    world.wish(wanted)
    assert [one.kind for one in world.tick().events] == [expected]


def test_an_abort_needs_no_server(world: World) -> None:
    push(world.store, 2)
    world.tick()
    world.wish(Wish.ABORT)
    assert [one.kind for one in world.tick().events] == ["rolled_back"]


def test_of_those_that_wait_the_newest_is_rolled_out(world: World) -> None:
    push(world.store, 2)
    world.tick()
    push(world.store, 3)
    done = world.tick()
    assert (done.events, done.rollouts[-1]) == ((), "version 3 waits for its rollout")
    push(world.store, 4)
    [event] = world.tick().events
    assert (event.kind, event.candidate) == ("superseded", 3)
    assert event.because == "version 4 was pushed since"
    world.wish(Wish.ABORT)
    world.tick()
    assert [one.rollout_id for one in world.tick().events] == ["flights-4"]
    assert world.kinds("flights-3") == ["superseded"]


def test_what_waited_is_tried_against_what_serves_by_then(world: World) -> None:
    push(world.store, 2)
    world.tick()
    push(world.store, 3, stable=1)
    world.server.look()
    world.wish(Wish.PROMOTE)
    assert [one.kind for one in world.tick().events] == ["promoted"]
    [opened] = world.tick().events
    assert (opened.candidate, opened.stable) == (3, 2)


def test_a_version_that_serves_at_once_overtakes_what_waits_and_what_was(world: World) -> None:
    push(world.store, 2)
    push(world.store, 3, stable=None)
    assert [one.kind for one in world.tick().events] == ["superseded"]
    push(world.store, 4, stable=3)
    world.tick()
    world.wish(Wish.ABORT)
    world.tick()
    time.sleep(0.01)  # the store counts in milliseconds
    push(world.store, 5, stable=None)
    world.tick()
    assert order.read(world.folder) == Order(model=NAME, serves=5)


def test_blue_green_switches_at_once(world: World) -> None:
    push(world.store, 2, strategy="blue_green", steps=(), guards=())
    world.tick()
    world.server.look()
    assert [one.kind for one in world.tick().events] == ["switched"]
    world.server.serve(100)
    assert [one.kind for one in world.tick().events] == ["promoted"]


def test_direct_waits_for_the_candidate_alone(world: World) -> None:
    push(world.store, 2, strategy="direct", steps=())
    world.tick()
    world.server.look()
    assert [one.kind for one in world.tick().events] == ["promoted"]


def test_labels_reach_the_guards(tmp_path: Path, world: World) -> None:
    asked = []

    def metrics(plan: Any, state: Any) -> Any:
        asked.append((plan.id, state.step))
        # 400 squared errors each: 0.2 with a spread of 0.1 against 0.1.
        return {
            "candidate": {"brier": Moments(400, 0.2, 4.0)},
            "stable": {"brier": Moments(400, 0.1, 4.0)},
        }

    push(world.store, 2, guards=("live_metric metric=brier max_drop=0.02 min_labels=100",))
    world.tick(metrics=metrics)
    world.server.look()
    world.tick(metrics=metrics)
    assert asked == []
    world.server.serve(150)
    [event] = world.tick(metrics=metrics).events
    assert (event.kind, asked) == ("rolled_back", [("flights-2", 0)])
    assert "live_metric" in event.because


def test_metrics_that_fail_hold_nothing_up(world: World) -> None:
    def metrics(plan: Any, state: Any) -> Any:
        raise OSError("a label file is torn")

    push(world.store, 2, guards=("error_rate", "live_metric metric=brier min_labels=100"))
    world.tick()
    world.server.look()
    world.tick()
    world.server.serve(150)
    assert "0 of 100 labels" in world.tick(metrics=metrics).rollouts[0]


def test_a_shadows_own_labels_are_the_candidates(world: World) -> None:
    def metrics(plan: Any, state: Any) -> Any:
        return {"shadow": {"paired_log_loss": Moments(300, 0.3, 1.0)}}

    push(
        world.store,
        2,
        strategy="shadow",
        steps=(),
        guards=("paired_metric metric=paired_log_loss max_drop=0.1 min_labels=100",),
    )
    for _ in range(2):
        world.tick(metrics=metrics)
        world.server.look()
    [event] = world.tick(metrics=metrics).events
    assert event.kind == "rolled_back"
    assert "paired_log_loss is +0.3 in the mean of 300 pairs" in event.because


def test_a_rollback_that_was_carried_out_but_not_recorded_is_recorded(world: World) -> None:
    push(world.store, 2)
    world.tick()
    world.server.look()
    world.tick()
    placed = order.read(world.folder)
    assert placed is not None
    assert placed.plan is not None
    ahead = State(
        rollout_id="flights-2",
        step=0,
        step_started_sec=world.now_sec - 60,
        outcome=Outcome.ROLLED_BACK,
        because="a guard is broken: error_rate",
        done=2,
    )
    order.write(Order(model=NAME, serves=1, plan=placed.plan, state=ahead), world.folder)
    [event] = world.tick().events
    assert (event.kind, event.because) == ("rolled_back", "a guard is broken: error_rate")
    last = world.read().last
    assert last is not None
    assert last.state == ahead


def test_of_two_that_were_opened_at_once_the_second_is_not_run(world: World) -> None:
    push(world.store, 2)
    world.tick()
    running = world.read().running
    assert running is not None
    other = dataclasses.replace(running.plan, id="flights-9-1", candidate_version=9)
    records.open_rollout(world.store, NAME, other, origin="a race", now_sec=0.0, token="x")
    world.server.look()
    world.wish(Wish.PROMOTE)
    assert [one.kind for one in world.tick().events] == ["promoted"]
    world.tick()
    assert world.kinds("flights-9-1") == ["superseded"]
    placed = order.read(world.folder)
    assert placed is not None
    assert placed.serves == 2


def test_nothing_begins_while_a_server_lacks_the_stable_version(world: World) -> None:
    push(world.store, 2)
    world.tick()
    world.server.lacks = {1}
    world.server.look()
    assert "version 1 is not available at host-8500" in world.tick().rollouts[0]
    world.server.lacks = set()
    world.server.look()
    assert [one.kind for one in world.tick().events] == ["raised"]


def test_a_rollout_that_no_server_begins_ends_after_as_long_as_a_step_may_last(
    world: World,
) -> None:
    push(world.store, 2, max_step_sec=150.0)
    world.tick()
    assert "no server is alive" in world.tick().rollouts[0]
    world.now_sec += 60
    [event] = world.tick().events
    assert event.kind == "rolled_back"
    assert "longer than 150 s" in event.because


def test_an_order_that_cannot_be_read_is_not_overwritten(world: World, monkeypatch: Any) -> None:
    def no_files_left(path: Path, *args: Any, **kwargs: Any) -> Any:
        if path.name == order.FILE_NAME:
            raise OSError(24, "Too many open files")
        return opened(path, *args, **kwargs)

    opened = Path.open
    push(world.store, 2)
    world.tick()
    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", no_files_left)
        with pytest.raises(OSError, match="Too many open files"):
            world.tick()
