"""Shows a run: a live table on a terminal, plain lines elsewhere, JSON when asked for."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from pipelines.lineage.keys import RunState
from pipelines.runners.local.report import NodeReport, Progress, RunReport
from pipelines.runners.local.schedule import NodeState

_STYLES = {
    NodeState.WAITING: "dim",
    NodeState.RUNNING: "bold cyan",
    NodeState.RAN: "green",
    NodeState.CACHED: "blue",
    NodeState.REUSED: "blue",
    NodeState.SKIPPED: "dim",
    NodeState.FAILED: "bold red",
    NodeState.CANCELLED: "yellow",
}
_MAX_OBJECTIONS = 8
_OUTCOME_STYLES = {RunState.BLESSED: "bold green", RunState.SUCCEEDED: "bold green"}


def make_progress(stream: TextIO, form: str) -> Progress:
    """Returns what shows a run on a stream.

    Args:
        stream: Where to write.
        form: `text`, or `json` for one object at the end and nothing before.
    """
    if form == "json":
        return JsonProgress(stream)
    console = Console(file=stream, highlight=False, soft_wrap=not stream.isatty())
    return LiveProgress(console) if console.is_terminal else PlainProgress(console)


class PlainProgress:
    """A line per event, for logs and pipes."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def note(self, text: str) -> None:
        """Prints a remark."""
        self._console.print(f"[dim]·[/] {escape(text)}")

    def begin(self, run_id: str, node_ids: tuple[str, ...]) -> None:
        """Prints the run's name."""
        self._console.print(f"run {run_id}: {len(node_ids)} nodes")

    def update(self, node: NodeReport) -> None:
        """Prints a node's new state."""
        if node.state is NodeState.RUNNING:
            self._console.print(f"  {node.id}: started")
        elif node.state is not NodeState.WAITING:
            rows = f", {node.rows:,} rows" if node.rows is not None else ""
            self._console.print(f"  {node.id}: {node.state} in {node.seconds:.1f} s{rows}")

    def tick(self) -> None:
        """Prints nothing: a log needs no clock."""

    def end(self, report: RunReport) -> None:
        """Prints the summary."""
        print_summary(self._console, report)


class LiveProgress:
    """A table that is drawn again as nodes go on."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._nodes: dict[str, NodeReport] = {}
        self._started: dict[str, float] = {}
        self._live: Live | None = None

    def note(self, text: str) -> None:
        """Prints a remark above the table."""
        self._console.print(f"[dim]·[/] {escape(text)}")

    def begin(self, run_id: str, node_ids: tuple[str, ...]) -> None:
        """Draws the table with all nodes waiting."""
        self._console.print(f"run [bold]{run_id}[/]")
        self._nodes = {i: NodeReport(id=i, state=NodeState.WAITING) for i in node_ids}
        self._live = Live(self._table(), console=self._console, transient=True, auto_refresh=False)
        self._live.start()

    def update(self, node: NodeReport) -> None:
        """Draws a node's new state."""
        if node.state is NodeState.RUNNING:
            self._started[node.id] = self._clock()
        self._nodes[node.id] = node
        self.tick()

    def tick(self) -> None:
        """Draws the table with the time gone on."""
        if self._live is not None:
            self._live.update(self._table(), refresh=True)

    def end(self, report: RunReport) -> None:
        """Replaces the table by the summary."""
        if self._live is not None:
            self._live.stop()
        print_summary(self._console, report)

    def _table(self) -> Table:
        now = self._clock()
        shown = [
            (node, now - self._started[node.id])
            if node.state is NodeState.RUNNING
            else (node, node.seconds)
            for node in self._nodes.values()
        ]
        return node_table(shown)


class JsonProgress:
    """One JSON object when the run has ended."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def note(self, text: str) -> None:
        """Shows nothing."""

    def begin(self, run_id: str, node_ids: tuple[str, ...]) -> None:
        """Shows nothing."""

    def update(self, node: NodeReport) -> None:
        """Shows nothing."""

    def tick(self) -> None:
        """Shows nothing."""

    def end(self, report: RunReport) -> None:
        """Writes the object."""
        content = {
            "run": report.run_id,
            "pipeline": report.pipeline,
            "state": report.outcome.state,
            "reason": report.outcome.reason,
            "exit_code": report.outcome.exit_code,
            "seconds": round(report.seconds, 2),
            "pushed_to": report.pushed_to,
            "objections": [
                {"subject": o.subject, "reason": o.reason, "remedy": o.remedy}
                for o in report.outcome.objections
            ],
            "nodes": [
                {
                    "id": node.id,
                    "state": str(node.state),
                    "seconds": round(node.seconds, 2),
                    "rows": node.rows,
                    "failure": str(node.failure) if node.failure else "",
                }
                for node in report.nodes
            ],
        }
        self._stream.write(json.dumps(content, indent=2) + "\n")


def node_table(nodes: list[tuple[NodeReport, float]]) -> Table:
    """Returns the table of nodes, each with the seconds to show for it."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("node")
    table.add_column("state")
    table.add_column("time", justify="right")
    table.add_column("rows", justify="right")
    for node, seconds in nodes:
        timed = node.state not in (NodeState.WAITING, NodeState.SKIPPED)
        table.add_row(
            node.id,
            Text(str(node.state), style=_STYLES[node.state]),
            f"{seconds:.1f} s" if timed else "",
            f"{node.rows:,}" if node.rows is not None else "",
        )
    return table


def print_summary(console: Console, report: RunReport) -> None:
    """Prints how a run ended: nodes, causes, verdict, where the model went."""
    console.print(node_table([(node, node.seconds) for node in report.nodes]))
    console.print(Group(*_causes(report)))
    outcome = report.outcome
    style = _OUTCOME_STYLES.get(outcome.state, "bold red")
    console.print(f"[{style}]{outcome.state}[/] in {report.seconds:.1f} s  (run {report.run_id})")
    if report.pushed_to and outcome.exit_code == 0:
        console.print(f"model: {report.pushed_to}")


def _causes(report: RunReport) -> list[Text]:
    objections = report.outcome.objections
    lines = []
    remedies = []
    for objection in objections[:_MAX_OBJECTIONS]:
        lines.append(Text.assemble((objection.subject, "bold"), ": ", objection.reason))
        if objection.remedy and objection.remedy not in remedies:
            remedies.append(objection.remedy)
    if len(objections) > _MAX_OBJECTIONS:
        lines.append(Text(f"and {len(objections) - _MAX_OBJECTIONS} more (all: --format json)"))
    lines.extend(Text(f"  {remedy}", style="dim") for remedy in remedies)
    for node in report.nodes:
        if node.failure is None:
            continue
        lines.append(Text.assemble((f"{node.id} failed: ", "bold red"), str(node.failure)))
        if node.failure.remedy:
            lines.append(Text(f"  {node.failure.remedy}"))
        lines.append(Text(f"  The whole trace: {node.log_path}", style="dim"))
    return lines
