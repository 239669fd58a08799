"""What must hold whatever happens: the loop is driven through random histories.

A tick decides and, where it decides on a run, keeps the decision and begins the run. Between ticks
anything may happen: time passes, spans come, windows are judged, somebody asks, the run ends in
some way, or the process is killed before or while the run goes.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import Any

from continuous_snapshots import US, hour, live, windows
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.continuous import moments
from pipelines.continuous.policy import TriggerPolicy
from pipelines.continuous.snapshot import Claim, Request, RunRecord, Snapshot, Span
from pipelines.continuous.triggers import Decision, decide

ENDINGS = ("BLESSED", "SUCCEEDED", "REJECTED", "ANOMALIES", "FAILED", "CANCELLED", "INTERRUPTED")
EVENTS = ("pass", "span", "alarm", "ok", "degraded", "request", "end", "kill before run", "by hand")
STEPS = st.lists(
    st.tuples(st.sampled_from(EVENTS), st.sampled_from(ENDINGS), st.floats(0.01, 20)),
    max_size=40,
)
POLICIES = st.builds(
    TriggerPolicy,
    schedule=st.sampled_from(["", "0 2 * * *", "*/30 * * * *"]),
    new_spans=st.integers(0, 3),
    alarm_windows=st.integers(1, 3),
    alarm_for_sec=st.sampled_from([0.0, 7_200.0]),
    min_new_rows=st.sampled_from([0, 1, 150]),
    cool_down_sec=st.sampled_from([0.0, 3_600.0]),
    failed_cool_down_sec=st.sampled_from([0.0, 3_600.0]),
    runs_per_day=st.integers(1, 4),
    retries=st.integers(0, 2),
    max_interruptions=st.integers(1, 3),
)


@dataclasses.dataclass
class World:
    """What really is; the loop sees it through snapshots alone, as after a restart at each tick."""

    policy: TriggerPolicy
    now: float = 0.0
    spans: tuple[Span, ...] = ()
    drift: str = ""
    performance: str = ""
    requests: tuple[Request, ...] = ()
    runs: tuple[RunRecord, ...] = ()
    claims: tuple[Claim, ...] = ()

    def snapshot(self) -> Snapshot:
        return Snapshot(
            now_sec=hour(self.now),
            owner=US,
            new_spans=self.spans,
            skew=windows(self.drift),
            performance=live(self.performance),
            requests=self.requests,
            runs=self.runs,
            claims=self.claims,
        )

    def happen(self, event: str, ending: str) -> None:
        number = len(self.spans) + len(self.requests) + len(self.runs)
        if event == "span":
            self.spans += (Span(number=len(self.spans), rows=100),)
        elif event in {"alarm", "ok"}:
            self.drift += {"alarm": "A", "ok": "O"}[event]
        elif event == "degraded":
            self.performance += "D"
        elif event == "request":
            self.requests += (Request(id=str(number), asked_sec=hour(self.now)),)
        elif event == "end" and self.runs and self.runs[-1].state == "RUNNING":
            ended = None if ending == "INTERRUPTED" else hour(self.now)
            last = dataclasses.replace(self.runs[-1], state=ending, finished_sec=ended)
            self.runs = (*self.runs[:-1], last)

        elif event == "by hand" and not any(run.state == "RUNNING" for run in self.runs):
            self._begin("")

    def _begin(self, decision_id: str) -> None:
        run = RunRecord(
            name=f"run-{len(self.runs)}",
            state="RUNNING",
            started_sec=hour(self.now),
            decision_id=decision_id,
        )
        self.runs += (run,)

    def tick(self, *, killed: bool) -> Decision:
        seen = self.snapshot()
        decided = decide(seen, self.policy)
        assert decide(seen, self.policy) == decided
        assert decided.because
        if not decided.run:
            return decided
        if not decided.resumes:
            self.claims += (
                Claim(
                    decision_id=decided.id,
                    trigger=decided.trigger,
                    because=decided.because,
                    evidence=decided.evidence,
                    decided_sec=hour(self.now),
                    owner=US,
                ),
            )
        if not killed:
            self._begin(decided.id)
        return decided


def play(policy: TriggerPolicy, steps: list[tuple[str, str, float]]) -> World:
    world = World(policy)
    for event, ending, hours in steps:
        world.now += hours
        world.happen(event, ending)
        was_running = any(run.state == "RUNNING" for run in world.runs)
        decided = world.tick(killed=event == "kill before run")
        assert not (decided.run and was_running)
    return world


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(policy=POLICIES, steps=STEPS)
def test_whatever_happens(policy: TriggerPolicy, steps: list[tuple[str, str, float]]) -> None:
    world = play(policy, steps)
    # Never two decisions on one piece of evidence, and none without any.
    seen = Counter(text for claim in world.claims for text in claim.evidence)
    assert not [text for text, times in seen.items() if times > 1]
    assert all(claim.evidence for claim in world.claims)
    assert len({claim.decision_id for claim in world.claims}) == len(world.claims)
    # Never above the budget of a day.
    days = Counter(moments.day(claim.decided_sec) for claim in world.claims)
    assert all(count <= policy.runs_per_day for count in days.values())
    # Every run was decided on, and a decision is run again only after an interruption.
    for run in (run for run in world.runs if run.decision_id):
        assert [claim for claim in world.claims if claim.decision_id == run.decision_id]
    for claim in world.claims:
        states = [run.state for run in world.runs if run.decision_id == claim.decision_id]
        assert all(state in {"INTERRUPTED", "CANCELLED"} for state in states[:-1])
        assert len(states) <= policy.max_interruptions + 1
    # Never two at the same time.
    assert sum(run.state == "RUNNING" for run in world.runs) <= 1


@settings(max_examples=100, deadline=None)
@given(policy=POLICIES, steps=STEPS)
def test_what_waits_may_run_when_it_was_said_to(
    policy: TriggerPolicy, steps: list[tuple[str, str, float]]
) -> None:
    world = play(policy, steps)
    decided = decide(world.snapshot(), policy)
    if decided.run or decided.not_before_sec is None:
        return
    assert decided.not_before_sec > world.snapshot().now_sec
    changes: dict[str, Any] = {"now_sec": decided.not_before_sec}
    assert decide(dataclasses.replace(world.snapshot(), **changes), policy).run
