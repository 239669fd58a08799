"""What a server does about orders, without sockets and files."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

import pytest
from rollout_orders import CANDIDATE, MODEL, NEWER, STABLE, ended, plan, running

from serving.monitoring.metrics import ServerMetrics
from serving.rollout import guards
from serving.rollout.guards import registry
from serving.rollout.order import Order
from serving.rollout.plan import Strategy
from serving.rollout.routing import Arm
from serving.rollout.state import Outcome
from serving.server.rollouts.conduct import DISTANCE, JUDGED_EVERY, Conduct

LOADED = {STABLE, CANDIDATE}
ERRORS = (guards.ErrorRate(),)


class Held:
    """Versions that are there when a test says so."""

    def __init__(self, loaded=LOADED):
        self.loaded = set(loaded)
        self.pinned = None
        self.failures = {}

    def pin(self, versions):
        self.pinned = dict(versions)

    def answers(self, model, version):
        return version in self.loaded

    def available(self, model):
        return tuple(sorted(self.loaded))

    def failure(self, model, version):
        return self.failures.get(version, "")


class Desk:
    """A `Conduct` with clocks to set."""

    def __init__(self, loaded=LOADED):
        self.versions = Held(loaded)
        self.metrics = ServerMetrics()
        self.now = 1_700_000_000.0
        self.elapsed = 10.0
        self.broken = 0
        self.conduct = Conduct(
            "host-1",
            self.versions,
            metrics=self.metrics,
            now=lambda: self.now,
            elapsed=lambda: self.elapsed,
            on_broken=self.count_broken,
        )

    def count_broken(self):
        self.broken += 1

    @property
    def trial(self) -> Any:
        assert self.conduct.in_force
        return self.conduct.in_force.trial

    def fail(self, times, arm=Arm.CANDIDATE, trial=None):
        for _ in range(times):
            self.conduct.failed(trial or self.trial, arm)

    def answer(self, times, arm=Arm.STABLE, trial=None):
        for _ in range(times):
            self.conduct.answered(trial or self.trial, arm, 0.001, [0.5])

    def report(self) -> Any:
        return self.conduct.report()

    def seen(self):
        snapshot = self.report().snapshot
        return snapshot.step, snapshot.stable.requests, snapshot.candidate.requests


@pytest.fixture
def desk():
    return Desk()


def test_without_an_order_nothing_is_in_force_or_reported(desk):
    assert (desk.conduct.in_force, desk.report()) == (None, None)
    assert not desk.conduct.judge()


@pytest.mark.parametrize(
    ("order", "usual", "answered", "copied"),
    [
        (running(plan(), step=-1), STABLE, 0.0, 0.0),
        (running(plan(), step=0), STABLE, 0.25, 0.0),
        (running(plan(), step=1), CANDIDATE, 1.0, 0.0),
        (running(plan(Strategy.SHADOW)), STABLE, 0.0, 1.0),
        (running(plan(Strategy.BLUE_GREEN)), CANDIDATE, 1.0, 0.0),
    ],
)
def test_an_order_becomes_a_split_a_usual_version_and_a_share(desk, order, usual, answered, copied):
    desk.conduct.apply(order)
    assert (desk.conduct.in_force.usual, desk.trial.split.answered) == (usual, answered)
    assert desk.trial.split.copied == copied
    assert desk.trial.needs_key == (answered == 0.25)
    assert desk.versions.pinned == {MODEL: (STABLE, CANDIDATE)}
    share = desk.metrics.candidate_share
    assert share.value(MODEL, "answered") == answered
    assert share.value(MODEL, "copied") == copied


def test_the_end_of_a_rollout_keeps_its_numbers_and_its_name(desk):
    made = plan()
    desk.conduct.apply(running(made))
    desk.answer(3)
    desk.conduct.apply(ended(made, Outcome.ROLLED_BACK, STABLE))
    assert desk.trial is None
    assert desk.versions.pinned == {MODEL: (STABLE,)}
    report = desk.report()
    assert (report.rollout_id, report.done, desk.seen()) == (made.id, 9, (0, 3, 0))


def test_an_order_that_goes_leaves_the_server_to_its_configuration(desk):
    desk.conduct.apply(running(plan()))
    desk.conduct.apply(None)
    assert (desk.conduct.in_force, desk.versions.pinned) == (None, {})
    assert desk.metrics.candidate_share.value(MODEL, "answered") == 0


def test_until_a_version_can_answer_the_one_before_it_does(desk):
    desk.conduct.apply(Order(model=MODEL, serves=STABLE))
    desk.conduct.apply(Order(model=MODEL, serves=NEWER))
    force = desk.conduct.in_force
    assert force.answering(desk.versions) == STABLE
    desk.versions.loaded = {NEWER}
    assert force.answering(desk.versions) == NEWER
    desk.versions.loaded = {CANDIDATE}
    assert force.answering(desk.versions) is None


def test_counts_are_of_the_step_that_a_request_was_dealt_in(desk):
    made = plan()
    desk.conduct.apply(running(made))
    first = desk.trial
    desk.answer(2)
    desk.answer(1, Arm.CANDIDATE)
    assert desk.seen() == (0, 2, 1)
    desk.conduct.apply(running(made))  # the same again changes nothing
    desk.answer(1, trial=first)
    assert desk.seen() == (0, 3, 1)
    desk.conduct.apply(running(made, step=1, done=2))
    desk.answer(1, trial=first)
    assert desk.seen() == (1, 0, 0)


def test_a_guard_is_looked_at_after_every_25_of_the_candidate_and_goes_back(desk):
    made = plan(guards=ERRORS)
    desk.conduct.apply(running(made))
    desk.answer(100)
    desk.fail(JUDGED_EVERY - 1)
    assert desk.trial.split.answered == 0.25
    desk.elapsed += 1.5
    desk.now += 86_400
    dealt = desk.trial
    desk.fail(1)
    assert (desk.trial.split.answered, desk.broken) == (0.0, 1)
    assert desk.conduct.in_force.usual == STABLE
    report = desk.report()
    assert report.broken.startswith("error_rate: ")
    assert (report.first_candidate_sec, report.broken_sec) == (
        1_700_000_000.0,
        1_700_086_400.0,
    )
    assert report.wall_sec_to_rollback == 1.5
    assert desk.metrics.rollbacks.value(MODEL, "error_rate") == 1
    # Those that were on their way change nothing any more, and nobody judges twice.
    desk.fail(5, trial=dealt)
    desk.answer(50, trial=dealt)
    assert desk.seen() == (0, 100, JUDGED_EVERY)
    assert not desk.conduct.judge()


def test_a_broken_guard_stays_broken_in_later_steps_until_the_rollout_ends(desk):
    made = plan(guards=ERRORS)
    desk.conduct.apply(running(made))
    desk.answer(100)
    desk.fail(24)
    assert desk.conduct.judge()
    desk.conduct.apply(running(made, step=1, done=2))
    assert desk.trial.split.answered == 0.0
    assert desk.report().broken
    desk.conduct.apply(ended(made, Outcome.ROLLED_BACK, STABLE))
    report = desk.report()
    assert (report.broken, report.wall_sec_to_rollback) == ("", 0.0)
    desk.conduct.apply(running(dataclasses.replace(made, id="chance-13")))
    assert desk.trial.split.answered == 0.25
    assert desk.report().first_candidate_sec is None


def test_a_sound_candidate_breaks_nothing(desk):
    desk.conduct.apply(running(plan(guards=ERRORS)))
    for _ in range(10):
        desk.answer(75)
        desk.answer(25, Arm.CANDIDATE)
    assert not desk.conduct.judge()
    assert desk.seen() == (0, 750, 250)


def test_judging_takes_no_more_than_a_small_part_of_the_time(monkeypatch):
    desk = Desk()
    ticks = iter(range(1000))
    looks = []

    def slow_findings(trial):
        looks.append(desk.elapsed)
        desk.elapsed += 1.0  # a judgement of a second
        return ()

    monkeypatch.setattr(desk.conduct, "_findings", slow_findings)
    desk.conduct.apply(running(plan(guards=ERRORS)))
    for _ in ticks:
        desk.answer(1, Arm.CANDIDATE)
        desk.elapsed += 0.1
    assert looks[0] == pytest.approx(10 + 2.4)
    assert min(later - sooner for sooner, later in itertools.pairwise(looks)) >= 21


def test_a_restart_takes_up_what_was_reported(desk):
    made = plan(guards=ERRORS)
    desk.conduct.apply(running(made))
    desk.answer(7)
    desk.answer(3, Arm.CANDIDATE)
    before = desk.report()
    again = Desk()
    again.now += 5
    again.conduct.apply(running(made), before)
    assert again.seen() == (0, 7, 3)
    again.answer(1, Arm.CANDIDATE)
    assert again.report().first_candidate_sec == before.first_candidate_sec


@pytest.mark.parametrize("broken", ["error_rate: 9 of 9", ""])
def test_a_restart_takes_up_a_broken_guard(desk, broken):
    made = plan(guards=ERRORS)
    desk.conduct.apply(running(made))
    own = dataclasses.replace(desk.report(), broken=broken)
    again = Desk()
    again.conduct.apply(running(made), own)
    assert again.trial.split.answered == (0.0 if broken else 0.25)


@pytest.mark.parametrize("other", [{"id": "chance-13"}, {"predictions": None}])
def test_a_restart_forgets_what_is_of_another_rollout_or_plan(desk, other):
    from serving.rollout.histogram import LinearScale

    if "predictions" in other:
        other = {"predictions": LinearScale(low=-1.0, high=1.0, inner=8)}
    desk.conduct.apply(running(plan()))
    desk.answer(7)
    again = Desk()
    again.conduct.apply(running(plan(**other)), desk.report())
    assert again.seen()[1:] == (0, 0)


def test_a_step_later_is_counted_anew_after_a_restart(desk):
    made = plan()
    desk.conduct.apply(running(made))
    desk.answer(7)
    again = Desk()
    again.conduct.apply(running(made, step=1, done=2), desk.report())
    assert again.seen() == (1, 0, 0)


def test_whether_the_candidate_is_there_or_why_not_is_reported(desk):
    desk.versions.loaded = {STABLE}
    desk.versions.failures = {CANDIDATE: "INTERNAL: no"}
    desk.conduct.apply(running(plan(), step=-1))
    report = desk.report()
    assert report.available == (STABLE,)
    assert not report.snapshot.candidate_ready
    assert report.snapshot.candidate_failure == "INTERNAL: no"


def test_a_guard_that_cannot_judge_is_told_once_and_breaks_nothing(desk, caplog):
    from serving.rollout.metric import Metric

    metric = Metric(name="right")
    desk.conduct.apply(running(plan(guards=(guards.LiveMetric(metric=metric, min_labels=100),))))
    for _ in range(200):
        desk.trial.counts[Arm.CANDIDATE].add_label("right", 0.5)
        desk.trial.counts[Arm.STABLE].add_label("right", 0.5)
    assert not desk.conduct.judge()
    assert not desk.conduct.judge()
    assert len([one for one in caplog.records if "cannot be judged" in one.message]) == 1


def test_distances_of_a_shadow_are_the_candidates(desk):
    desk.conduct.apply(running(plan(Strategy.SHADOW)))
    for distance in (0.0, 0.5):
        desk.conduct.apart(desk.trial, distance)
    assert desk.report().snapshot.candidate.metrics[DISTANCE].mean == 0.25


def test_a_guard_that_fails_does_not_silence_the_others(desk, monkeypatch):
    def at_fault(*_):
        raise ZeroDivisionError("a fault")

    registered = registry._GUARDS["prediction_drift"]
    at_fault_guard = dataclasses.replace(registered, judge=at_fault)
    monkeypatch.setitem(registry._GUARDS, "prediction_drift", at_fault_guard)
    desk.conduct.apply(running(plan(guards=(guards.PredictionDrift(), guards.ErrorRate()))))
    desk.answer(100)
    desk.fail(24)
    assert desk.conduct.judge()
    assert desk.report().broken.startswith("error_rate: ")


def test_a_guard_that_another_server_found_broken_is_broken_in_later_steps_too(desk):
    made = plan(guards=ERRORS)
    desk.conduct.apply(running(made))
    broken = dataclasses.replace(desk.report(), server="host-2", broken="error_rate: all")
    other = dataclasses.replace(broken, rollout_id="chance-11")
    desk.conduct.apply(running(made, step=1, done=2), None, [other])
    assert desk.trial.split.answered == 1.0
    desk.conduct.apply(running(made, step=1, done=2), None, [other, broken])
    assert (desk.trial.split.answered, desk.conduct.in_force.usual) == (0.0, STABLE)
    desk.conduct.apply(ended(made, Outcome.PROMOTED, CANDIDATE), None, [broken])
    assert (desk.report().broken, desk.conduct.in_force.usual) == ("", CANDIDATE)
