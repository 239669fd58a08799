"""How the rollouts of a model stand, as plain data and for a reader. Reads only."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pipelines.continuous import moments
from pipelines.rollout import conduct, events, sightings
from pipelines.rollout.conduct import Metrics, no_metrics
from pipelines.rollout.records import Recorded, Rollout
from pipelines.rollout.sightings import Sighting
from serving.rollout import promotion
from serving.rollout.actions import Wait
from serving.rollout.guards import Status
from serving.rollout.order import Order
from serving.rollout.report import Report
from serving.rollout.snapshot import ArmStats

_MARKS = {Status.HOLDS.value: "holds", Status.BROKEN.value: "BROKEN"}
_NOT_ENOUGH = "not enough"


def document(
    model: str,
    recorded: Recorded,
    order: Order | None,
    reports: Sequence[tuple[Report, float]],
    *,
    now_sec: float,
    metrics: Metrics = no_metrics,
    wall: Callable[[], float] = time.time,
) -> dict[str, Any]:
    """Returns how things stand as JSON values.

    Args:
        model: The model's name.
        recorded: Its rollouts.
        order: What servers follow.
        reports: What servers said, each with the time of its file.
        now_sec: The time that all agree on, seconds since 1970.
        metrics: Live metrics.
        wall: The machine's time.
    """
    running = recorded.running
    return {
        "model": model,
        "serves": order.serves if order else None,
        "servers": [_server(one, written, wall()) for one, written in reports],
        "rollout": _running(running, reports, now_sec, metrics, wall) if running else None,
        "last": _ended(recorded.last) if recorded.last else None,
    }


def history(recorded: Recorded) -> list[dict[str, Any]]:
    """Returns all that happened, the oldest first."""
    return [
        {**dataclasses.asdict(event), "at": moments.utc(event.at_sec), "text": str(event)}
        for event in events.of(recorded)
    ]


def text(report: Mapping[str, Any]) -> str:
    """Returns what `document` made for a reader."""
    serves = "the newest version" if report["serves"] is None else f"version {report['serves']}"
    rollout, last = report["rollout"], report["last"]
    lines = [f"{report['model']}: {serves} serves" + (", and a rollout runs" if rollout else "")]
    if rollout:
        lines += _rollout_lines(rollout)
    else:
        lines.append("no rollout runs")
    if last and not rollout:
        lines.append(f"last: {last['id']}, {last['outcome']} at {last['at']}: {last['because']}")
    for server in report["servers"]:
        alive = "" if server["alive"] else f", silent for {server['silent_sec']:.0f} s"
        answers = ", ".join(map(str, server["available"])) or "none"
        lines.append(f"server {server['server']}: versions {answers}{alive}")
    return "\n".join(lines)


def _rollout_lines(rollout: Mapping[str, Any]) -> list[str]:
    plan = rollout["plan"]
    step = f"step {rollout['step'] + 1} of {rollout['steps']}, share {rollout['share']:.2%}"
    lines = [
        f"{rollout['id']}: {plan['strategy']} of version {plan['candidate_version']} against "
        f"{plan['stable_version']}, {'not begun' if rollout['step'] < 0 else step}",
        f"  opened {rollout['opened']}, {rollout['origin']}",
    ]
    if rollout["wish"] != "none":
        lines.append(f"  the operator wants: {rollout['wish']}")
    lines += [
        f"  {arm:<10} {seen['requests']:>9} requests, {seen['errors']} errors"
        for arm, seen in rollout["arms"].items()
    ]
    lines += [
        f"  {one['guard']:<18} {_MARKS.get(one['status'], _NOT_ENOUGH):<11} {one['because']}"
        for one in rollout["guards"]
    ]
    lines.append(f"  next: {rollout['next']}, {rollout['because']}")
    return lines


def _running(
    rollout: Rollout,
    reports: Sequence[tuple[Report, float]],
    now_sec: float,
    metrics: Metrics,
    wall: Callable[[], float],
) -> dict[str, Any]:
    plan, state = rollout.plan, rollout.state
    wanted = state.step >= 0 and sightings.wants_labels(plan)
    live = metrics(plan, state) if wanted else {}
    seen = sightings.look(rollout, reports, live, wall_sec=wall())
    action = conduct.decide(rollout, seen, now_sec)
    return {
        "id": plan.id,
        "plan": _plan(rollout),
        "opened": moments.utc(rollout.opened_sec),
        "origin": rollout.origin,
        "wish": rollout.wish.value,
        "step": state.step,
        "steps": len(plan.shares),
        "share": state.share,
        "arms": {
            "candidate": _arm(seen.snapshot.candidate),
            "stable": _arm(seen.snapshot.stable),
        },
        "guards": _findings(rollout, seen),
        "next": "wait" if isinstance(action, Wait) else type(action).__name__.lower(),
        "because": action.because,
    }


def _findings(rollout: Rollout, seen: Sighting) -> list[dict[str, str]]:
    found = promotion.findings(rollout.plan, rollout.state, seen.snapshot)
    return [
        {"guard": one.guard, "status": one.status.value, "because": one.because} for one in found
    ]


def _plan(rollout: Rollout) -> dict[str, Any]:
    plan = rollout.plan
    return {
        "strategy": plan.strategy.value,
        "stable_version": plan.stable_version,
        "candidate_version": plan.candidate_version,
        "steps": list(plan.shares),
        "key": str(plan.key),
        "min_requests": plan.min_requests,
        "min_step_sec": plan.min_step_sec,
        "max_step_sec": plan.max_step_sec,
    }


def _arm(seen: ArmStats) -> dict[str, Any]:
    return {
        "requests": seen.requests,
        "errors": seen.errors,
        "metrics": {name: {"count": m.count, "mean": m.mean} for name, m in seen.metrics.items()},
    }


def _ended(rollout: Rollout) -> dict[str, Any]:
    action = rollout.actions[-1]
    return {
        "id": rollout.plan.id,
        "plan": _plan(rollout),
        "outcome": rollout.state.outcome.value,
        "winner": rollout.winner,
        "at": moments.utc(action.at_sec),
        "because": action.because,
    }


def _server(one: Report, written: float, wall_sec: float) -> dict[str, Any]:
    return {
        "server": one.server,
        "available": list(one.available),
        "rollout": one.rollout_id,
        "broken": one.broken,
        "alive": wall_sec - written <= sightings.STALE_AFTER_SEC,
        "silent_sec": max(0.0, wall_sec - written),
    }
