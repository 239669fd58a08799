"""What the server has, as plain values: runs, their tasks, recurring runs."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

SUCCEEDED, FAILED, CANCELED, SKIPPED = "SUCCEEDED", "FAILED", "CANCELED", "SKIPPED"
# backend/api/v2beta1/run.proto, RuntimeState; CACHED is what newer servers tell of a task.
FINAL_STATES = frozenset({SUCCEEDED, FAILED, CANCELED, SKIPPED, "CACHED"})


@dataclasses.dataclass(frozen=True, kw_only=True)
class TaskStatus:
    """A task of a run.

    Attributes:
        name: Its name in the pipeline.
        state: As the server writes it: `RUNNING`.
        error: What the server says of its failure; empty otherwise.
        seconds: How long it took; None while it runs.
    """

    name: str
    state: str
    error: str = ""
    seconds: float | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunStatus:
    """A run.

    Attributes:
        run_id: The server's id.
        name: Its name.
        state: As the server writes it; empty while it has none.
        tasks: Its tasks by name.
        error: What the server says of its failure; empty otherwise.
        recurring_run_id: The recurring run that made it; empty for others.
    """

    run_id: str
    name: str
    state: str
    tasks: Mapping[str, TaskStatus] = dataclasses.field(default_factory=dict)
    error: str = ""
    recurring_run_id: str = ""

    @property
    def ended(self) -> bool:
        """Whether the run is over."""
        return self.state in FINAL_STATES


@dataclasses.dataclass(frozen=True, kw_only=True)
class Source:
    """What is run.

    Attributes:
        pipeline_id: The pipeline.
        version_id: The version of it.
        parameters: Values by name.
        root: The server's own root for this run; empty for its default.
        service_account: Of the tasks; empty for the server's default.
    """

    pipeline_id: str
    version_id: str
    parameters: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    root: str = ""
    service_account: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recurring:
    """A recurring run as it is wanted, or as the server has it.

    Attributes:
        name: Its name; a server lets several have one.
        cron: Six fields, seconds first.
        source: What is run.
        recurring_run_id: The server's id; empty while it is only wanted.
        enabled: Whether it fires.
    """

    name: str
    cron: str
    source: Source
    recurring_run_id: str = ""
    enabled: bool = True

    def is_met_by(self, other: Recurring) -> bool:
        """Whether another runs the same at the same times, whatever its id, enabled or not."""
        mine, others = self.source, other.source
        return (
            (self.name, self.cron) == (other.name, other.cron)
            and (mine.pipeline_id, mine.version_id) == (others.pipeline_id, others.version_id)
            and dict(mine.parameters) == dict(others.parameters)
            and mine.root == others.root
            # A server fills in its own account where none was asked for.
            and mine.service_account in ("", others.service_account)
        )
