"""Recurring runs: one of a name, changed where it is submitted again.

A server cannot change a recurring run, lets several have one name, and each of them fires. So a
changed one takes the other's place, in an order in which never two are enabled, whenever it stops:

    create the new one, disabled ─► disable the old ─► enable the new ─► delete the old

What a stop leaves behind is cleared by the next submission, which looks at what is there.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from typing import Literal

from pipelines.submission.records import Recurring
from pipelines.submission.server import Server
from pipelines.submission.starting import create_once

NEW = ""  # stands for the id of the one that is created


@dataclasses.dataclass(frozen=True)
class Step:
    """One change on the server.

    Attributes:
        action: What is done.
        recurring_run_id: To which; `NEW` for the one that the first step creates.
    """

    action: Literal["create", "disable", "enable", "delete"]
    recurring_run_id: str = NEW


def steps(
    existing: Sequence[Recurring], wanted: Recurring, busy: frozenset[str] = frozenset()
) -> tuple[Step, ...]:
    """Returns what makes `wanted` the one that fires.

    Args:
        existing: The recurring runs of its name.
        wanted: The one that is asked for.
        busy: Those of which a run has not ended. An old server ends it with its recurring run, so
            they stay, disabled, until a later submission.
    """
    alike = [one for one in existing if wanted.is_met_by(one)]
    alike.sort(key=lambda one: not one.enabled)
    keep = alike[0] if alike else None
    others = [one for one in existing if one is not keep]
    kept_id = keep.recurring_run_id if keep else NEW
    return (
        *([] if keep else [Step("create")]),
        *(Step("disable", one.recurring_run_id) for one in others if one.enabled),
        *([] if keep and keep.enabled else [Step("enable", kept_id)]),
        *removal(others, busy),
    )


def removal(existing: Sequence[Recurring], busy: frozenset[str]) -> tuple[Step, ...]:
    """Returns what deletes recurring runs of which none is at work."""
    return tuple(
        Step("delete", one.recurring_run_id) for one in existing if one.recurring_run_id not in busy
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scheduled:
    """What became of a schedule.

    Attributes:
        recurring_run_id: The one that fires now; empty when none is left.
        done: The changes that were made, in words.
        left: Disabled ones that stay while a run of theirs is at work.
    """

    recurring_run_id: str
    done: tuple[str, ...]
    left: tuple[str, ...]


def put(
    server: Server,
    wanted: Recurring,
    experiment_id: str,
    description: str,
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> Scheduled:
    """Makes a recurring run the only one of its name.

    Raises:
        ServerError: The server refused a change; what was done by then is cleared by the next
            submission.
    """
    existing = server.recurring(wanted.name, experiment_id)
    busy = frozenset(server.active_recurring(experiment_id)) if existing else frozenset()
    before = {one.recurring_run_id for one in existing}
    disabled = dataclasses.replace(wanted, enabled=False)

    def find() -> str | None:
        named = server.recurring(wanted.name, experiment_id)
        fresh = (o.recurring_run_id for o in named if o.recurring_run_id not in before)
        return next(fresh, None)

    new_id = NEW
    done = steps(existing, wanted, busy)
    for step in done:
        if step.action == "create":
            new_id = create_once(
                lambda: server.create_recurring(disabled, experiment_id, description),
                find,
                sleep=sleep,
            )
        else:
            _carry_out(server, step, new_id)
    kept = new_id or next(
        one.recurring_run_id for one in existing if _stays(one, done) and wanted.is_met_by(one)
    )
    left = tuple(o.recurring_run_id for o in existing if _stays(o, done))
    return Scheduled(
        recurring_run_id=kept,
        done=tuple(_words(step, new_id) for step in done),
        left=tuple(one for one in left if one != kept),
    )


def remove(server: Server, name: str, experiment_id: str) -> Scheduled:
    """Ends every recurring run of a name; what they started goes on."""
    existing = server.recurring(name, experiment_id)
    busy = frozenset(server.active_recurring(experiment_id)) if existing else frozenset()
    done = (
        *(Step("disable", one.recurring_run_id) for one in existing if one.enabled),
        *removal(existing, busy),
    )
    for step in done:
        _carry_out(server, step, NEW)
    return Scheduled(
        recurring_run_id="",
        done=tuple(_words(step, NEW) for step in done),
        left=tuple(o.recurring_run_id for o in existing if _stays(o, done)),
    )


def _carry_out(server: Server, step: Step, new_id: str) -> None:
    target = step.recurring_run_id or new_id
    if step.action == "delete":
        server.delete_recurring(target)
    else:
        server.enable_recurring(target, step.action == "enable")


def _stays(one: Recurring, done: Sequence[Step]) -> bool:
    return Step("delete", one.recurring_run_id) not in done


def _words(step: Step, new_id: str) -> str:
    return f"{step.action}d {step.recurring_run_id or new_id}"
