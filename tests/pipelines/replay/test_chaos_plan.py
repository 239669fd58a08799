"""When what is killed, and what has to come out the same."""

from __future__ import annotations

import dataclasses

from pipelines.replay import chaos
from pipelines.replay.outcome import Alerted, Labels, Outcome, RolledOut, Training
from pipelines.replay.processes import SERVER, WATCHER


def test_kills_are_those_of_the_seed() -> None:
    assert chaos.plan(20, 21, seed=3) == chaos.plan(20, 21, seed=3)
    assert chaos.plan(20, 21, seed=3) != chaos.plan(20, 21, seed=4)


def test_loop_and_server_are_killed_in_turn_on_days_of_the_replay() -> None:
    found = chaos.plan(20, 21, seed=3)
    assert [kill.target for kill in found] == [WATCHER, SERVER] * 10
    assert [kill.day for kill in found] == sorted(kill.day for kill in found)
    assert all(0 <= kill.day < 21 and 0 <= kill.part < 1 for kill in found)


def _training(version: int, decision: str = "", state: str = "BLESSED") -> Training:
    return Training(
        run_id=f"flights-{version}",
        state=state,
        trigger="new span" if decision else "on demand",
        because="",
        decision=decision,
        started_sec=0.0,
        last_span=version % 10,
        version=version,
    )


def _rollout(stable: int, candidate: int, outcome: str = "promoted") -> RolledOut:
    return RolledOut(
        id=f"flights-{candidate}",
        candidate=candidate,
        stable=stable,
        origin="push",
        outcome=outcome,
        because="",
        opened_sec=0.0,
        ended_sec=1.0,
        steps=(0.25, 1.0),
    )


def _outcome(first: int, second: int) -> Outcome:
    return Outcome(
        trainings=(_training(first), _training(second, "d1")),
        decisions=("d1",),
        rollouts=(_rollout(first, second),),
        alerts=(Alerted(kind="drift", subject=f"{first}:2013-01-29", text="", raised_sec=0.0),),
        labels=Labels(delivered=10, due=10, windows=1, served=10, matched=10),
    )


def test_numbers_of_versions_make_no_difference() -> None:
    one = chaos.final_state(_outcome(104, 205), serves=205)
    other = chaos.final_state(_outcome(304, 515), serves=515)
    assert one == other
    assert one.serves == "v2"
    assert one.alerts == (("drift", "v1:2013-01-29"),)


def test_what_differs_is_seen() -> None:
    undisturbed = chaos.final_state(_outcome(104, 205), serves=205)
    assert chaos.final_state(_outcome(104, 205), serves=104) != undisturbed
    other = dataclasses.replace(_outcome(104, 205), alerts=())
    assert chaos.final_state(other, serves=205) != undisturbed


def test_a_run_that_was_killed_is_no_finished_one() -> None:
    undisturbed = _outcome(104, 205)
    killed = dataclasses.replace(_training(0, "d1"), state="INTERRUPTED")
    disturbed = dataclasses.replace(
        undisturbed, trainings=(undisturbed.trainings[0], killed, undisturbed.trainings[1])
    )
    assert chaos.final_state(disturbed, 205) == chaos.final_state(undisturbed, 205)
    assert chaos.faults(disturbed) == ()


def test_faults_are_told() -> None:
    good = _outcome(104, 205)
    assert chaos.faults(good) == ()
    twice = (*good.trainings, _training(206, "d1"))
    assert chaos.faults(dataclasses.replace(good, trainings=twice)) == (
        "decision d1 has two finished runs",
    )
    again = (*good.rollouts, _rollout(205, 205))
    assert chaos.faults(dataclasses.replace(good, rollouts=again)) == (
        "version 205 was rolled out twice",
    )
    open_ = dataclasses.replace(good, decisions=("d1", "d2"))
    assert chaos.faults(open_) == ("decision d2 was not carried out",)
    lost = Labels(delivered=12, due=12, windows=1, served=10, matched=9)
    assert chaos.faults(dataclasses.replace(good, labels=lost)) == (
        "1 served rows have no label",
        "12 labels were delivered, 10 rows found in the log",
    )
