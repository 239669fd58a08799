"""Shows a submission: lines while it goes on, or one JSON object at its end."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import click

from pipelines.submission.findings import Finding
from pipelines.submission.outcome import Ending
from pipelines.submission.plan import Plan
from pipelines.submission.records import FINAL_STATES, RunStatus, TaskStatus
from pipelines.submission.submitting import Submitted


class Shown:
    """What a user sees; a listener of `watching` as well.

    Args:
        form: `text`, or `json` for one object at the end and remarks on standard error.
    """

    def __init__(self, form: str) -> None:
        self._json = form == "json"
        self._told: dict[str, Any] = {}

    def task(self, task: TaskStatus) -> None:
        """A task has another state."""
        self._told.setdefault("tasks", {})[task.name] = task.state
        if self._json:
            return
        took = "" if task.seconds is None else f" in {task.seconds:.0f} s"
        error = f": {task.error.splitlines()[0]}" if task.error else ""
        click.echo(f"  {task.name}: {task.state.lower()}{took}{error}")

    def note(self, text: str) -> None:
        """A remark."""
        click.echo(f"· {text}", err=self._json)

    def findings(self, findings: Iterable[Finding]) -> None:
        """What the checks say that does not stop the submission."""
        for finding in findings:
            if not finding.serious:
                self.note(str(finding))

    def plan(self, plan: Plan) -> None:
        """What would be done."""
        self._told["plan"] = plan.to_dict()
        if not self._json:
            click.echo(plan.text())

    def to_mend(self, findings: Iterable[Finding]) -> None:
        """What would stop a submission, after a dry run."""
        serious = [finding for finding in findings if finding.serious]
        self._told["to_mend"] = [str(finding) for finding in serious]
        if serious and not self._json:
            click.echo("to mend before it can be submitted")
            for finding in serious:
                click.echo(f"  {finding}")

    def submitted(self, submitted: Submitted, kind: str) -> None:
        """What stands on the server now."""
        self._told |= {"id": submitted.id, "page": submitted.page}
        if not self._json:
            click.echo(f"{kind} {submitted.id}\n  {submitted.page}")

    def ended(self, run: RunStatus, ending: Ending, failed: Iterable[TaskStatus]) -> None:
        """How a run ended."""
        self._told |= {
            "state": ending.state,
            "reason": ending.reason,
            "exit_code": ending.exit_code,
            "tasks": {
                name: task.state for name, task in run.tasks.items() if task.state in FINAL_STATES
            },
        }
        if self._json:
            return
        if ending.note and ending.exit_code:
            self.note(ending.note)
        named = ", ".join(task.name for task in failed)
        click.echo(
            ending.state
            + (f": {ending.reason}" if ending.reason else "")
            + (f" (failed: {named})" if named and ending.exit_code else "")
        )

    def told(self, **more: Any) -> None:
        """Adds to what the JSON object says."""
        self._told |= more

    def finish(self) -> None:
        """Writes the JSON object, if that is the form."""
        if self._json:
            click.echo(json.dumps(self._told, indent=2))
