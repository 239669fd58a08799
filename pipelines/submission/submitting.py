"""A submission in its order: what is asked of the server, looked at, uploaded and started."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable

from pipelines.submission import cron, schedules, starting
from pipelines.submission.credentials import Access
from pipelines.submission.plan import Plan
from pipelines.submission.records import Recurring, Source
from pipelines.submission.server import Server
from pipelines.submission.server_errors import ServerError
from pipelines.submission.snapshot import Contact

Note = Callable[[str], None]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Submitted:
    """What stands on the server now.

    Attributes:
        id: Of the run, or of the recurring run.
        page: Address of its page.
    """

    id: str
    page: str


def contact(server: Server, access: Access, experiment: str, namespace: str) -> Contact:
    """Returns what comes of asking the server who it is, and whether it knows us."""
    known = {"host": access.host, "sends_token": access.sends_token}
    health = None
    try:
        health = server.health()
        if not health.multi_user or namespace:
            server.experiment(experiment, namespace if health.multi_user else "")
    except ServerError as error:
        return Contact(**known, health=health, problem=str(error), remedy=error.remedy)  # type: ignore[arg-type]
    return Contact(**known, health=health)  # type: ignore[arg-type]


def submit(
    server: Server, plan: Plan, note: Note, *, sleep: Callable[[float], None] = time.sleep
) -> Submitted:
    """Uploads the pipeline and starts its run, or puts its schedule in place.

    Raises:
        ServerError: The server refused something.
    """
    experiment_id = starting.ensure_experiment(server, plan.experiment, plan.namespace, sleep=sleep)
    pipeline_id, version_id, uploaded = starting.ensure_version(
        server,
        plan.compiled.name,
        plan.content,
        plan.namespace,
        f"image {plan.settings.image}",
        sleep=sleep,
    )
    note(f"version {plan.version} {'uploaded' if uploaded else 'is there already'}")
    source = Source(
        pipeline_id=pipeline_id,
        version_id=version_id,
        parameters=plan.values,
        root=plan.server_root,
        service_account=plan.settings.service_account,
    )
    if plan.schedule:
        return _schedule(server, plan, source, experiment_id, note, sleep)
    run_id = starting.start_run(
        server, plan.name, source, experiment_id, f"version {plan.version}", sleep=sleep
    )
    return Submitted(id=run_id, page=server.run_page(run_id))


def _schedule(
    server: Server,
    plan: Plan,
    source: Source,
    experiment_id: str,
    note: Note,
    sleep: Callable[[float], None],
) -> Submitted:
    wanted = Recurring(name=plan.name, cron=cron.for_server(plan.schedule), source=source)
    description = f"version {plan.version}, {plan.schedule!r} by the server's clock"
    scheduled = schedules.put(server, wanted, experiment_id, description, sleep=sleep)
    tell_schedule(scheduled, plan.name, note)
    page = server.recurring_page(scheduled.recurring_run_id)
    return Submitted(id=scheduled.recurring_run_id, page=page)


def unschedule(server: Server, name: str, experiment: str, namespace: str, note: Note) -> bool:
    """Ends the recurring runs of a name; returns whether there were any.

    Raises:
        ServerError: The server refused something.
    """
    experiment_id = server.experiment(experiment, namespace)
    if experiment_id is None:
        return False
    removed = schedules.remove(server, name, experiment_id)
    tell_schedule(removed, name, note)
    return bool(removed.done or removed.left)


def tell_schedule(scheduled: schedules.Scheduled, name: str, note: Note) -> None:
    """Says what was changed of a schedule, and what stays for now."""
    for done in scheduled.done:
        note(f"schedule {name}: {done}")
    if scheduled.recurring_run_id and not scheduled.done:
        note(f"schedule {name} is as it was")
    for left in scheduled.left:
        note(
            f"schedule {name}: {left} fires no more, and stays until its run has ended; "
            "the next submission deletes it"
        )
