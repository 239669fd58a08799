"""What to do next with a rollout: a pure function of plan, state, snapshot and clock.

Rules are asked in this order, and the first that has something to say is followed:

    1. it has ended                                  wait
    2. the operator aborts                           roll back
    3. the candidate cannot be loaded                roll back
    4. the snapshot is of another step               wait for one of this step, or roll back
                                                     after `max_step_sec`
    5. a guard is broken                             roll back, paused or not, promoted or not
    6. the candidate is not warm                     wait, or roll back after `max_step_sec`
    7. the operator promotes                         promote
    8. the operator pauses                           wait
    9. it has not begun                              begin
    10. an A/B test is out of time                   conclude
    11. the step lacks time, requests or a guard     wait, or roll back after `max_step_sec`
    12. it is an A/B test                            conclude, or wait for a verdict
    13. the step is over                             next step, or promote, or conclude

Before the first step `max_step_sec` counts from when the rollout was opened. While the operator has
paused it, no time runs out.

The same arguments give the same action. An action that is recorded in the state is not asked for
again: the step of a snapshot that was taken before it is another than the state's.

Carrying actions out is left to the server, recording states to the caller.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable

from serving.rollout import guards, sequential
from serving.rollout.actions import Action, Conclude, Promote, Raise, RollBack, Switch, Wait
from serving.rollout.errors import RolloutError
from serving.rollout.guards import Finding, Status, Terms
from serving.rollout.metric import Moments
from serving.rollout.plan import OnSuccess, Plan, Strategy
from serving.rollout.routing import Arm
from serving.rollout.sequential import Comparison, Verdict
from serving.rollout.snapshot import Snapshot, Wish
from serving.rollout.state import State


def next_action(plan: Plan, state: State, snapshot: Snapshot, now_sec: float) -> Action:
    """Returns what to do next.

    Args:
        plan: What is meant.
        state: How far it has come.
        snapshot: What was seen in the present step, and what the operator wants.
        now_sec: On the clock that steps are timed by.

    Raises:
        RolloutError: The state is of another rollout or plan, or values of a metric do not fit it.
    """
    if state.rollout_id != plan.id or state.step >= len(plan.shares):
        raise RolloutError(
            f"state: expected that of {plan.id} with {len(plan.shares)} steps, received "
            f"{state.rollout_id}'s in step {state.step + 1}."
        )
    situation = _Situation(plan, state, snapshot, now_sec)
    for rule in _RULES:
        action = rule(situation)
        if action is not None:
            return action
    return _succeed(situation)


def findings(plan: Plan, state: State, snapshot: Snapshot) -> tuple[Finding, ...]:
    """Returns what each guard says; nothing before the first step or of another step's snapshot.

    Of a plan's guards those are asked that say something in its strategy (`Plan.asked`).
    """
    if state.step < 0 or snapshot.step != state.step:
        return ()
    terms = Terms(
        alpha=plan.alpha, min_requests=plan.min_requests, compared=plan.compared(state.step)
    )
    return guards.judge(plan.asked, snapshot.candidate, snapshot.stable, terms)


@dataclasses.dataclass(frozen=True)
class _Situation:
    """All that a rule looks at."""

    plan: Plan
    state: State
    snapshot: Snapshot
    now_sec: float

    @functools.cached_property
    def findings(self) -> tuple[Finding, ...]:
        return findings(self.plan, self.state, self.snapshot)

    @property
    def elapsed_sec(self) -> float:
        # A clock that was set back must not end a step early, nor make its time negative.
        return max(0.0, self.now_sec - self.state.step_started_sec)

    def said(self, status: Status) -> str:
        return "; ".join(
            f"{one.guard}: {one.because}" for one in self.findings if one.status is status
        )


def _ended(now: _Situation) -> Action | None:
    if not now.state.finished:
        return None
    return Wait(because=f"it has ended: {now.state.outcome.value}, {now.state.because}")


def _aborted(now: _Situation) -> Action | None:
    if now.snapshot.wish is not Wish.ABORT:
        return None
    return RollBack(because="the operator aborts it")


def _not_loadable(now: _Situation) -> Action | None:
    failure = now.snapshot.candidate_failure
    return RollBack(because=f"the candidate cannot be loaded: {failure}") if failure else None


def _of_another_step(now: _Situation) -> Action | None:
    if now.snapshot.step == now.state.step:
        return None
    return _waits(
        now, f"the snapshot is of step {now.snapshot.step + 1}, this is {now.state.step + 1}"
    )


def _broken(now: _Situation) -> Action | None:
    broken = now.said(Status.BROKEN)
    return RollBack(because=f"a guard is broken: {broken}") if broken else None


def _cold(now: _Situation) -> Action | None:
    return None if now.snapshot.candidate_ready else _waits(now, "the candidate is not warm yet")


def _promoted(now: _Situation) -> Action | None:
    if now.snapshot.wish is not Wish.PROMOTE:
        return None
    return Promote(because="the operator promotes it")


def _paused(now: _Situation) -> Action | None:
    if now.snapshot.wish is not Wish.PAUSE:
        return None
    return Wait(because="the operator has paused it; guards go on watching")


def _begun(now: _Situation) -> Action | None:
    if now.state.step >= 0:
        return None
    if now.plan.strategy is Strategy.DIRECT:
        return Promote(because="the candidate is warm, and the plan is direct")
    return _step(now, 0, "the candidate is warm")


def _out_of_time(now: _Situation) -> Action | None:
    experiment = now.plan.experiment
    if experiment is None or now.elapsed_sec < experiment.max_sec:
        return None
    compared = comparison(now.plan, now.snapshot)
    if compared is None:
        return None
    return _concluded(now, compared.verdict, f"out of time: {compared.because}")


def _verdict(now: _Situation) -> Action | None:
    compared = comparison(now.plan, now.snapshot)
    if compared is None:
        return None
    if compared.verdict is Verdict.UNDECIDED:
        return Wait(because=compared.because)
    return _concluded(now, compared.verdict, compared.because)


def _lacking(now: _Situation) -> Action | None:
    missing = _missing(now)
    return _waits(now, missing) if missing else None


def _waits(now: _Situation, missing: str) -> Action:
    """Waits for what is missing, for as long as a step may last."""
    limit = now.plan.max_step_sec
    if limit is None or now.elapsed_sec < limit or now.snapshot.wish is Wish.PAUSE:
        return Wait(because=missing)
    what = "the step" if now.state.step >= 0 else "its beginning"
    return RollBack(because=f"{what} took longer than {limit:g} s: {missing}")


_RULES: tuple[Callable[[_Situation], Action | None], ...] = (
    _ended,
    _aborted,
    _not_loadable,
    _of_another_step,
    _broken,
    _cold,
    _promoted,
    _paused,
    _begun,
    _out_of_time,
    _lacking,
    _verdict,
)


def comparison(plan: Plan, snapshot: Snapshot) -> Comparison | None:
    """Returns how an A/B test stands; None of other strategies.

    Raises:
        RolloutError: The metric is a proportion, and there are values but 0 and 1.
    """
    if plan.experiment is None:
        return None
    metric = plan.experiment.metric
    candidate = snapshot.candidate.metrics.get(metric.name, Moments())
    stable = snapshot.stable.metrics.get(metric.name, Moments())
    return sequential.compare(candidate, stable, metric, alpha=plan.experiment.alpha)


def _missing(now: _Situation) -> str:
    """Returns what the step lacks, in words; nothing if it is over."""
    plan, candidate, stable = now.plan, now.snapshot.candidate, now.snapshot.stable
    least = plan.min_requests
    parts = []
    if now.elapsed_sec < plan.min_step_sec:
        parts.append(f"{now.elapsed_sec:.0f} of {plan.min_step_sec:.0f} s")
    if candidate.requests < least:
        parts.append(f"{candidate.requests} of {least} requests of the candidate")
    if plan.compared(now.state.step) and stable.requests < least:
        parts.append(f"{stable.requests} of {least} requests of the stable version")
    not_enough = now.said(Status.NOT_ENOUGH)
    if not_enough:
        parts.append(not_enough)
    return f"step {now.state.step + 1} has {', '.join(parts)}" if parts else ""


def _succeed(now: _Situation) -> Action:
    """Returns what follows a step that is over with every guard holding."""
    because = _all_hold(now)
    following = now.state.step + 1
    if following < len(now.plan.shares):
        return _step(now, following, because)
    if now.plan.strategy is not Strategy.SHADOW:
        return Promote(because=because)
    if now.plan.on_success is OnSuccess.PROMOTE:
        return Conclude(verdict=None, serves=Arm.CANDIDATE, because=because)
    return Conclude(
        verdict=None, serves=Arm.STABLE, because=f"{because}. The plan is to report, not to promote"
    )


def _concluded(now: _Situation, verdict: Verdict, because: str) -> Action:
    better = verdict is Verdict.CANDIDATE_BETTER
    if better and now.plan.on_success is OnSuccess.REPORT:
        because += ". The plan is to report, not to promote"
    promoted = better and now.plan.on_success is OnSuccess.PROMOTE
    return Conclude(
        verdict=verdict, serves=Arm.CANDIDATE if promoted else Arm.STABLE, because=because
    )


def _step(now: _Situation, step: int, because: str) -> Action:
    if now.plan.strategy is Strategy.BLUE_GREEN:
        return Switch(step=step, because=because)
    return Raise(step=step, share=now.plan.shares[step], because=because)


def _all_hold(now: _Situation) -> str:
    requests = f"{now.snapshot.candidate.requests} requests in {now.elapsed_sec:.0f} s"
    holding = now.said(Status.HOLDS)
    return f"{requests}, every guard holds: {holding}" if holding else f"{requests}, no guards"
