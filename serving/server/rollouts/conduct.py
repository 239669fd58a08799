"""What a server does about an order: puts it in force, counts, and goes back by itself.

No files and no requests here: orders come in, reports go out, and what is in force is one attribute
that `plane` reads for each request. Guards are judged after every 25 answers of the candidate, as
long as that takes no more than a twentieth of the time, and whenever `judge` is called. When one
breaks, the stable version answers from the very next request on, and whoever decides about the
rollout gets to know afterwards. That stays so until an order brings another rollout, or says that
this one has ended.

Everything is called on the event loop. When to look and to write is for `follower`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence

from serving.monitoring.metrics import ServerMetrics
from serving.rollout import promotion
from serving.rollout.arms import StepAccumulator
from serving.rollout.errors import RolloutError
from serving.rollout.guards import Finding, Status
from serving.rollout.order import Order
from serving.rollout.plan import Plan
from serving.rollout.report import Report
from serving.rollout.routing import Arm
from serving.rollout.snapshot import Snapshot
from serving.rollout.split import Split, split_of
from serving.rollout.state import State
from serving.server.rollouts.in_force import InForce, Trial
from serving.server.rollouts.versions import Versions

_LOGGER = logging.getLogger(__name__)

JUDGED_EVERY = 25  # requests of the candidate
# Judging takes a millisecond or two, which would hold up a thousand requests a second.
_REST = 20  # times as long as judging took is left to requests
# What both versions said about the same request, in a shadow: the mean distance over its rows.
DISTANCE = "prediction distance"


class Conduct:
    """Carries out the orders of one model.

    Args:
        server: Its name in reports.
        versions: Holds the model's versions.
        metrics: Is told of shares and rollbacks.
        now: The time that everybody agrees on, in seconds since 1970.
        elapsed: The machine's own, never going back.
        on_broken: Called when a guard has broken, once the stable version answers everything.

    Attributes:
        in_force: What requests are dealt by; None without an order.
    """

    def __init__(
        self,
        server: str,
        versions: Versions,
        *,
        metrics: ServerMetrics,
        now: Callable[[], float],
        elapsed: Callable[[], float],
        on_broken: Callable[[], None] = lambda: None,
    ) -> None:
        self.in_force: InForce | None = None
        self._server = server
        self._versions = versions
        self._metrics = metrics
        self._now = now
        self._elapsed = elapsed
        self._on_broken = on_broken
        self._forget()

    def apply(
        self, order: Order | None, own: Report | None = None, reports: Sequence[Report] = ()
    ) -> None:
        """Puts an order in force.

        Args:
            order: None for none, and then the server does as it is configured.
            own: What this server reported before it was started anew.
            reports: What servers of the model reported, this one under other names among them: a
                guard that broke at one of them is broken here.
        """
        if order is None:
            if self.in_force is not None:
                for requests in ("answered", "copied"):
                    self._metrics.candidate_share.set(
                        self.in_force.order.model, requests, value=0.0
                    )
            self.in_force = None
            self._forget()
            self._versions.pin({})
            return
        before = (
            self.in_force if self.in_force and self.in_force.order.model == order.model else None
        )
        self._remember(order, before, own)
        self._adopt(order, reports)
        trial = self._trial(order, before, own)
        usual = order.serves if trial is None else trial.version(_most(trial.split))
        self.in_force = InForce(
            order=order, usual=usual, before=_before(before, usual, self._versions), trial=trial
        )
        # After the split, so that no request is sent to a version that was just let go.
        self._versions.pin({order.model: order.versions})
        self._show()

    def answered(
        self, trial: Trial, arm: Arm, seconds: float, predictions: Iterable[float] = ()
    ) -> None:
        """Counts an answer.

        Args:
            trial: As it was in force when the request was dealt.
            arm: Which version answered.
            seconds: How long it took.
            predictions: A number for each row.
        """
        if self._counting(trial):
            trial.counts[arm].add_answer(seconds, predictions)
            self._seen(arm)

    def failed(self, trial: Trial, arm: Arm) -> None:
        """Counts a request that a version failed by its own fault."""
        if self._counting(trial):
            trial.counts[arm].add_error()
            self._seen(arm)

    def apart(self, trial: Trial, distance: float) -> None:
        """Counts how far apart both versions' predictions for one request are."""
        if self._counting(trial):
            trial.counts[Arm.CANDIDATE].add_label(DISTANCE, distance)
            self._news = True

    def judge(self) -> bool:
        """Goes back to the stable version if a guard is broken; returns whether one broke now."""
        trial = self.in_force.trial if self.in_force else None
        if trial is None or self._broken or not self._news:
            return False
        self._unjudged, self._news = 0, False
        start = self._elapsed()
        findings = self._findings(trial)
        self._rested_at = start + (self._elapsed() - start) * (1 + _REST)
        broken = [one for one in findings if one.status is Status.BROKEN]
        if broken:
            self._go_back(trial, broken)
        return bool(broken)

    def report(self) -> Report | None:
        """Returns how things stand; None without an order."""
        force = self.in_force
        if force is None:
            return None
        model, plan, state = force.order.model, force.order.plan, force.order.state
        if plan is None or state is None:
            return Report(
                server=self._server, model=model, available=self._versions.available(model)
            )
        return Report(
            server=self._server,
            model=model,
            rollout_id=plan.id,
            done=state.done,
            available=self._versions.available(model),
            snapshot=self._snapshot(plan),
            broken=self._broken,
            first_candidate_sec=self._first_sec,
            broken_sec=self._broken_sec,
            wall_sec_to_rollback=self._wall_sec,
        )

    def _forget(self) -> None:
        """Begins a rollout."""
        self._broken = ""
        self._first_sec: float | None = None
        self._first_elapsed: float | None = None
        self._broken_sec: float | None = None
        self._wall_sec: float | None = None
        self._unjudged, self._news = 0, True
        self._rested_at = 0.0
        self._counts: StepAccumulator | None = None
        self._complained = False

    def _remember(self, order: Order, before: InForce | None, own: Report | None) -> None:
        """Forgets what another rollout left, or takes up what this one did before a restart."""
        named = order.plan.id if order.plan else ""
        if before is None or before.order.plan is None or before.order.plan.id != named:
            self._forget()
            if own is not None and named and own.rollout_id == named:
                self._broken = own.broken
                self._first_sec, self._broken_sec = own.first_candidate_sec, own.broken_sec
                self._wall_sec = own.wall_sec_to_rollback
        if not order.running:
            self._broken = ""

    def _adopt(self, order: Order, reports: Sequence[Report]) -> None:
        """Takes a guard for broken that a server of the same rollout found so."""
        if self._broken or order.plan is None or not order.running:
            return
        for one in reports:
            if one.broken and (one.model, one.rollout_id) == (order.model, order.plan.id):
                self._broken, self._broken_sec = one.broken, one.broken_sec
                _LOGGER.error(
                    "rollout %s: %s found a guard broken, so version %d answers everything: %s",
                    order.plan.id, one.server, order.plan.stable_version, one.broken,
                )  # fmt: skip
                return

    def _trial(self, order: Order, before: InForce | None, own: Report | None) -> Trial | None:
        plan, state = order.plan, order.state
        if plan is None or state is None:
            return None
        if not _same_step(before, plan, state):
            self._counts = StepAccumulator(state.step, plan.predictions)
            self._unjudged, self._news = 0, True
            if before is None and own is not None and own.rollout_id == plan.id:
                _merge(self._counts, own.snapshot)
        if state.finished or self._counts is None:
            return None
        split = Split(salt=plan.dealt_by) if self._broken else split_of(plan, state)
        return Trial.of(plan, state, split, self._counts)

    def _counting(self, trial: Trial) -> bool:
        # What was dealt in an earlier step is not of this one; and after a guard broke, the numbers
        # stay those that it broke at.
        return trial.counts is self._counts and not self._broken

    def _seen(self, arm: Arm) -> None:
        self._news = True
        if arm is not Arm.CANDIDATE:
            return
        if self._first_elapsed is None:
            self._first_elapsed = self._elapsed()
            self._first_sec = self._now() if self._first_sec is None else self._first_sec
        self._unjudged += 1
        if self._unjudged >= JUDGED_EVERY and self._elapsed() >= self._rested_at:
            self.judge()

    def _snapshot(self, plan: Plan) -> Snapshot:
        counts, model, version = self._counts, plan.model, plan.candidate_version
        gathered = counts or StepAccumulator(-1, plan.predictions)
        return Snapshot(
            step=gathered.step,
            candidate=gathered[Arm.CANDIDATE].extract(),
            stable=gathered[Arm.STABLE].extract(),
            candidate_ready=self._versions.answers(model, version),
            candidate_failure=self._versions.failure(model, version),
        )

    def _findings(self, trial: Trial) -> tuple[Finding, ...]:
        found = promotion.findings(trial.plan, trial.state, self._snapshot(trial.plan))
        failed = [one for one in found if one.failed]
        if failed and not self._complained:
            _LOGGER.error("rollout %s: %s %s", trial.plan.id, failed[0].guard, failed[0].because)
        self._complained = self._complained or bool(failed)
        return found

    def _go_back(self, trial: Trial, broken: list[Finding]) -> None:
        assert self.in_force is not None
        plan = trial.plan
        stopped = Trial.of(plan, trial.state, Split(salt=plan.dealt_by), trial.counts)
        self.in_force = InForce(
            order=self.in_force.order,
            usual=plan.stable_version,
            before=self.in_force.before,
            trial=stopped,
        )
        self._broken = "; ".join(f"{one.guard}: {one.because}" for one in broken)
        self._broken_sec = self._now()
        if self._first_elapsed is not None:
            self._wall_sec = self._elapsed() - self._first_elapsed
        self._show()
        for one in broken:
            self._metrics.rollbacks.add(plan.model, one.guard)
            _LOGGER.error(
                "rollout %s: %s is broken, so version %d answers everything again: %s",
                plan.id, one.guard, plan.stable_version, one.because,
            )  # fmt: skip
        self._on_broken()

    def _show(self) -> None:
        force = self.in_force
        assert force is not None
        split = force.trial.split if force.trial else Split(salt="")
        share = self._metrics.candidate_share
        share.set(force.order.model, "answered", value=split.answered)
        share.set(force.order.model, "copied", value=split.copied)


def _same_step(before: InForce | None, plan: Plan, state: State) -> bool:
    """Whether what was counted under an earlier order is of the same step of the same plan."""
    if before is None or before.order.plan is None or before.order.state is None:
        return False
    known = before.order.plan
    same_plan = known.id == plan.id and known.predictions == plan.predictions
    return same_plan and before.order.state.step == state.step


def _most(split: Split) -> Arm:
    return Arm.CANDIDATE if split.answered == 1 else Arm.STABLE


def _before(before: InForce | None, usual: int, versions: Versions) -> int | None:
    """Returns which version shall answer as long as the usual one cannot."""
    if before is None:
        return None
    found = before.answering(versions)
    return found if found != usual else before.before


def _merge(counts: StepAccumulator, seen: Snapshot) -> None:
    if seen.step != counts.step:
        return
    try:
        counts[Arm.CANDIDATE].merge(seen.candidate)
        counts[Arm.STABLE].merge(seen.stable)
    except RolloutError as error:
        _LOGGER.warning("what was counted before the restart is of another plan: %s", error)
