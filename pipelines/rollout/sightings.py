"""What is seen of the running rollout: servers' reports and live metrics become one snapshot. Pure.

Numbers of all servers that have put the present step in force are added, however long ago they
last wrote. Whether the candidate is ready is asked of those that are alive: each of them has to
have the present step in force, and the candidate warm. A server that is gone is waited for no
longer than its report takes to grow old.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from pipelines.rollout.records import NO_TIMES, Rollout, Times
from serving.rollout.guards import LiveMetric, PairedMetric
from serving.rollout.metric import Moments
from serving.rollout.plan import Plan
from serving.rollout.report import Report
from serving.rollout.snapshot import ArmStats, Snapshot

STALE_AFTER_SEC = 10.0

# By arm ("stable", "candidate", "shadow") and name of the metric.
LiveMetrics = Mapping[str, Mapping[str, Moments]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sighting:
    """A rollout as it is seen.

    Attributes:
        snapshot: What decisions are made from. Its step is the present one only where a server
            has reported it.
        broken: Which guard a server has found broken, and which server; empty without.
        times: When it met the world.
        present: How many servers have reported the present step, the dead ones too.
        alive: How many of all servers are alive.
        without_stable: The live servers of the present step that cannot ask the stable version.
    """

    snapshot: Snapshot
    broken: str = ""
    times: Times = NO_TIMES
    present: int = 0
    alive: int = 0
    without_stable: tuple[str, ...] = ()


def look(
    rollout: Rollout,
    reports: Sequence[tuple[Report, float]],
    metrics: LiveMetrics,
    *,
    wall_sec: float,
) -> Sighting:
    """Returns what is seen of a rollout.

    Args:
        rollout: Which.
        reports: Of all servers of the model, each with the time of its file.
        metrics: Of the present step.
        wall_sec: The machine's time, on the same clock as the files'.

    Raises:
        RolloutError: Servers counted predictions over different bins.
    """
    plan, state = rollout.plan, rollout.state
    ours = [one for one, _ in reports if one.model == plan.model and one.rollout_id == plan.id]
    alive = [
        one
        for one, written in reports
        if one.model == plan.model and wall_sec - written <= STALE_AFTER_SEC
    ]
    present = [one for one in ours if one.done == state.done and one.snapshot.step == state.step]
    failures = [
        f"{one.server}: {one.snapshot.candidate_failure}"
        for one in present
        if one.snapshot.candidate_failure and one in alive
    ]
    snapshot = Snapshot(
        # One that no step has, so that it is waited for the first report of this one.
        step=state.step if present else state.step + 1,
        candidate=_added([one.snapshot.candidate for one in present], _of_candidate(metrics)),
        stable=_added([one.snapshot.stable for one in present], metrics.get("stable", {})),
        candidate_ready=bool(alive)
        and all(one in present and one.snapshot.candidate_ready for one in alive),
        candidate_failure="; ".join(failures),
        wish=rollout.wish,
    )
    broken = [f"{one.broken} (seen by {one.server})" for one in ours if one.broken]
    return Sighting(
        snapshot=snapshot,
        broken="; ".join(broken),
        times=_times(ours),
        present=len(present),
        alive=len(alive),
        without_stable=tuple(
            one.server
            for one in present
            if one in alive and plan.stable_version not in one.available
        ),
    )


def wants_labels(plan: Plan) -> bool:
    """Returns whether anything in a plan depends on live metrics."""
    by_label = any(isinstance(one, LiveMetric | PairedMetric) for one in plan.guards)
    return by_label or plan.experiment is not None


def _of_candidate(metrics: LiveMetrics) -> Mapping[str, Moments]:
    """Returns the candidate's; in a shadow they are its copies'."""
    return {**metrics.get("shadow", {}), **metrics.get("candidate", {})}


def _added(seen: Sequence[ArmStats], metrics: Mapping[str, Moments]) -> ArmStats:
    # Not from an empty one: its bins may be others than the plan's.
    total = seen[0] if seen else ArmStats()
    for one in seen[1:]:
        total = total.merged(one)
    return dataclasses.replace(total, metrics={**total.metrics, **metrics})


def _times(reports: Sequence[Report]) -> Times:
    first = [r.first_candidate_sec for r in reports if r.first_candidate_sec is not None]
    broken = [r.broken_sec for r in reports if r.broken_sec is not None]
    wall = [r.wall_sec_to_rollback for r in reports if r.wall_sec_to_rollback is not None]
    return Times(
        first_candidate_sec=min(first, default=None),
        broken_sec=min(broken, default=None),
        # Until the last of them had gone back.
        wall_sec=max(wall, default=None),
    )
