"""A scripted server of a rollout: follows the order in a folder, and reports what it is told to.

It does as servers do that stand behind the same folder: puts the order in force, counts within a
step, and goes back by itself when a guard is broken.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

from serving.rollout import order, promotion, report
from serving.rollout.arms import StepAccumulator
from serving.rollout.guards import Status
from serving.rollout.report import Report
from serving.rollout.routing import Arm
from serving.rollout.snapshot import Snapshot
from serving.rollout.state import Outcome


class ScriptedServer:
    """One server.

    Args:
        folder: Of orders and reports.
        clock: The time that all agree on.
        name: Of the server.
        latest: Which version it serves without an order.
    """

    def __init__(
        self,
        folder: Path,
        clock: Callable[[], float],
        *,
        name: str = "host-8500",
        latest: int = 1,
    ) -> None:
        self.folder = folder
        self.failure = ""  # of loading the candidate
        self.loads = True
        self.lacks: set[int] = set()  # of what should be loaded
        self._clock = clock
        self._name = name
        self._latest = latest
        self._order: order.Order | None = None
        self._counts = StepAccumulator(-1)
        self._broken = ""
        self._broken_sec: float | None = None
        self._first_sec: float | None = None

    @property
    def answering(self) -> int:
        """Which version answers most."""
        if self._order is None:
            return self._latest
        return self._order.serves if not self._order.running else self._order.versions[0]

    def look(self) -> None:
        """Puts the order in force and reports."""
        found = order.read(self.folder)
        if found != self._order:
            self._take(found)
        self._report()

    def serve(
        self,
        requests: int,
        *,
        candidate_errors: int = 0,
        candidate_predicts: float = 0.3,
        stable_predicts: float = 0.3,
    ) -> None:
        """Answers requests in both arms, as many in each, and reports."""
        self.look()
        if self._order is None or not self._order.running:
            return
        state = self._order.state
        assert state is not None
        if state.step < 0 or self._broken:
            return
        if self._first_sec is None:
            self._first_sec = self._clock()
        for number in range(requests):
            self._counts[Arm.STABLE].add_answer(0.01, [stable_predicts])
            if number < candidate_errors:
                self._counts[Arm.CANDIDATE].add_error()
            else:
                self._counts[Arm.CANDIDATE].add_answer(0.01, [candidate_predicts])
        self._judge()
        self._report()

    def _take(self, found: order.Order | None) -> None:
        before, self._order = self._order, found
        plan = found.plan if found else None
        if plan is None or before is None or before.plan is None or before.plan.id != plan.id:
            self._broken, self._broken_sec, self._first_sec = "", None, None
        state = found.state if found else None
        if state is not None and state.outcome is not Outcome.RUNNING:
            self._broken = ""
        self._counts = StepAccumulator(state.step if state is not None else -1)

    def _snapshot(self) -> Snapshot:
        running = self._order is not None and self._order.running
        return Snapshot(
            step=self._counts.step,
            candidate=self._counts[Arm.CANDIDATE].extract(),
            stable=self._counts[Arm.STABLE].extract(),
            candidate_ready=running and self.loads and not self.failure,
            candidate_failure=self.failure if running else "",
        )

    def _judge(self) -> None:
        assert self._order is not None
        plan, state = self._order.plan, self._order.state
        assert plan is not None
        assert state is not None
        found = promotion.findings(plan, state, self._snapshot())
        broken = [one for one in found if one.status is Status.BROKEN]
        if broken and not self._broken:
            self._broken = f"{broken[0].guard}: {broken[0].because}"
            self._broken_sec = self._clock()

    def _report(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        written = Report(
            server=self._name,
            model=self._order.model if self._order else "flights",
            available=tuple(
                version
                for version in (self._order.versions if self._order else (self._latest,))
                if version not in self.lacks
            ),
            snapshot=self._snapshot(),
        )
        if self._order is not None and self._order.plan is not None:
            assert self._order.state is not None
            written = dataclasses.replace(
                written,
                rollout_id=self._order.plan.id,
                done=self._order.state.done,
                broken=self._broken,
                first_candidate_sec=self._first_sec,
                broken_sec=self._broken_sec,
                wall_sec_to_rollback=None if self._broken_sec is None else 0.5,
            )
        report.write(written, self.folder)
