"""The loop, look by look, in a scripted world on real ML Metadata."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from loop_world import START_SEC, KilledError, World

from pipelines.config_parts import RolloutConfig
from pipelines.continuous import verdict_log
from pipelines.continuous.edges import RolledBack
from pipelines.continuous.policy import TriggerPolicy
from pipelines.errors import DataError
from pipelines.lineage.store import open_store

POLICY = TriggerPolicy(new_spans=1, cool_down_sec=0, failed_cool_down_sec=0, alarm_windows=2)
WEEK = [f"2013-03-{day:02}..2013-03-{day + 1:02}" for day in range(4, 11)]


def alerts(world: World) -> list[dict[str, Any]]:
    path = world.folder / "alerts.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def triggers(world: World) -> list[tuple[str, str]]:
    """Returns each run's trigger and state, interrupted ones left out."""
    runs = world.recorded().runs
    return [(run.trigger, run.state) for run in runs if run.state != "INTERRUPTED"]


def test_a_new_span_makes_one_run(tmp_path: Path) -> None:
    world = World(tmp_path)

    first = world.look(triggers=POLICY)
    second = world.look(triggers=POLICY)

    assert first.run is not None
    assert first.went_well
    assert second.run is None
    assert triggers(world) == [("new span", "BLESSED")]
    [claim] = world.recorded().claims
    assert claim.evidence == ("span:0:0",)


def test_drift_has_to_stand_and_then_makes_one_run_and_one_alert(tmp_path: Path) -> None:
    world = World(tmp_path, verdicts={("drift", name): "ALARM" for name in WEEK})
    policy = dataclasses.replace(POLICY, new_spans=0, min_new_rows=0)
    runs = []
    for day in (0.0, 1.0, 2.0, 3.0, 4.0):
        world.day = day
        runs.append(world.look(triggers=policy).run is not None)

    assert runs == [False, False, True, False, True]
    assert [one["kind"] for one in alerts(world)] == ["drift", "drift"]
    store = open_store(f"sqlite:///{tmp_path / 'metadata.sqlite'}")
    kept = [one for one in verdict_log.read(store, "flights") if one.window == WEEK[0]]
    assert [verdict_log.kind_of(one) for one in kept] == ["drift", "performance", "skew"]


def test_degraded_performance_makes_a_run(tmp_path: Path) -> None:
    world = World(tmp_path, day=1.0, verdicts={("performance", WEEK[0]): "DEGRADED"})

    look = world.look(triggers=dataclasses.replace(POLICY, new_spans=0))

    assert look.decision.trigger == "performance"
    assert [one["kind"] for one in alerts(world)] == ["degraded"]


def test_an_older_version_is_taken_instead_of_a_run(tmp_path: Path) -> None:
    world = World(tmp_path, day=1.0, verdicts={("performance", WEEK[0]): "DEGRADED"}, reusable=7)
    changes: dict[str, Any] = {
        "triggers": dataclasses.replace(POLICY, new_spans=0),
        "rollout": RolloutConfig(reuse=True),
    }

    look = world.look(**changes)
    again = world.look(**changes)

    assert (look.reused, look.run) == (7, None)
    assert again.reused is None
    assert [version for version, _ in world.rollouts] == [7]
    [claim] = world.recorded().claims
    assert claim.answer == "version 7 is rolled out again: it does better"
    assert world.recorded().runs == ()


def test_a_check_that_fails_is_tried_again_and_then_given_up(tmp_path: Path) -> None:
    world = World(tmp_path, day=1.0, unjudgeable={"skew"})

    # Each by a loop that has just been started, as cron does.
    looks = [world.look(triggers=POLICY) for _ in range(4)]

    assert [bool(look.troubles) for look in looks] == [True, True, True, False]
    store = open_store(f"sqlite:///{tmp_path / 'metadata.sqlite'}")
    statuses = {verdict_log.kind_of(one): one.status for one in verdict_log.read(store, "flights")}
    assert statuses == {"drift": "NOT_COMPARED", "performance": "OK", "skew": "NOT_COMPARED"}


def test_a_refused_model_and_a_rollback_are_told_once(tmp_path: Path) -> None:
    back = RolledBack(
        rollout_id="flights-2", version="2", reason="error_rate: too many", at_sec=START_SEC
    )
    world = World(tmp_path, run_states=["REJECTED"], rolled_back=(back,))

    for _ in range(3):
        world.look(triggers=POLICY)

    assert sorted(one["kind"] for one in alerts(world)) == ["rejected", "rolled back"]


@pytest.mark.parametrize("error", [DataError("no such column"), ImportError("no module")])
def test_a_run_that_cannot_begin_has_failed_and_is_not_tried_for_ever(
    tmp_path: Path, error: Exception
) -> None:
    world = World(tmp_path, unable=error)
    policy = dataclasses.replace(POLICY, retries=1)

    looks = [world.look(triggers=policy) for _ in range(4)]

    assert [look.decision.run for look in looks] == [True, True, False, False]
    assert triggers(world) == [("new span", "FAILED"), ("retry", "FAILED")]
    assert [one["kind"] for one in alerts(world)] == ["failed", "failed"]
    # What is wanted after that is not held up.
    world.unable = None
    world.spans = 2
    assert world.look(triggers=policy).run is not None


def test_alerts_go_out_where_the_rest_of_a_look_fails(tmp_path: Path) -> None:
    world = World(tmp_path, run_states=["REJECTED"])
    loop = world.loop(triggers=POLICY)
    (tmp_path / "alerts.jsonl").mkdir()  # nothing can be written there
    loop.tick()
    (tmp_path / "alerts.jsonl").rmdir()

    world.failing_look = True
    world.day = 1.0
    with pytest.raises(OSError, match="no space"):
        loop.tick()

    assert [one["kind"] for one in alerts(world)] == ["rejected"]


@pytest.mark.parametrize("touches", range(8, 16))
def test_a_kill_while_an_older_version_is_taken_makes_neither_two_nor_a_run(
    tmp_path: Path, touches: int
) -> None:
    changes: dict[str, Any] = {
        "triggers": dataclasses.replace(POLICY, new_spans=0),
        "rollout": RolloutConfig(reuse=True),
    }
    world = World(tmp_path, day=1.0, verdicts={("performance", WEEK[0]): "DEGRADED"}, reusable=7)
    world.lives = touches
    with contextlib.suppress(KilledError):
        world.look(**changes)
    world.lives = None
    if world.rollouts:
        world.reusable = None  # asked again it would answer otherwise

    world.look(**changes)

    assert len(world.rollouts) == 1
    assert world.recorded().runs == ()
    assert [bool(claim.answer) for claim in world.recorded().claims] == [True]


def test_what_the_serving_version_does_counts_after_its_successor_was_taken_back(
    tmp_path: Path,
) -> None:
    """The successor's run began after the bad window had ended; it never served."""
    world = World(tmp_path, verdicts={("performance", name): "DEGRADED" for name in WEEK})
    policy = dataclasses.replace(POLICY, min_new_rows=0)
    for day in (1.0, 2.0, 3.0):
        world.day = day
        world.look(triggers=policy)

    assert [trigger for trigger, _ in triggers(world)] == ["performance"] * 3


def _days(world: World) -> None:
    """Looks through a week in which much happens."""
    while world.day <= 6:
        world.spans = 1 + int(world.day) // 3
        world.look(triggers=POLICY)
        world.day += 1


def _week(folder: Path) -> World:
    folder.mkdir()
    verdicts = {("drift", name): "ALARM" for name in WEEK[1:5]}
    verdicts["performance", WEEK[4]] = "DEGRADED"
    return World(folder, verdicts=verdicts, run_states=["BLESSED", "REJECTED"])


@pytest.mark.parametrize("stride", [1, 3])
def test_killed_anywhere_and_started_again_it_ends_as_if_undisturbed(
    tmp_path: Path, stride: int
) -> None:
    calm = _week(tmp_path / "calm")
    _days(calm)
    kills = range(stride, calm.touches, max(1, calm.touches // 12))

    for at in kills:
        world = _week(tmp_path / f"killed-{at}")
        world.lives = at
        with contextlib.suppress(KilledError):
            _days(world)
        world.lives = None
        _days(world)

        assert triggers(world) == triggers(calm), at
        assert [one.evidence for one in world.recorded().claims] == [
            one.evidence for one in calm.recorded().claims
        ], at
        # Those of one look may go out in another order, and runs that follow a killed one have
        # other names.
        told = [sorted((one["kind"], one["raised"]) for one in alerts(x)) for x in (world, calm)]
        assert told[0] == told[1], at
        assert len({one["id"] for one in alerts(world)}) == len(alerts(world)), at
