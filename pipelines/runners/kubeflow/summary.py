"""What Kubeflow's page shows of a task: a few lines of Markdown."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipelines.runners.kubeflow.records import NodeRecord
from pipelines.runners.kubeflow.specification import SUMMARY
from pipelines.verdicts import Objection, Outcome

_OVERALL = "overall"
_MAX_SLICES = 20


def of_node(
    record: NodeRecord,
    *,
    run_id: str,
    outputs: Mapping[str, Sequence[tuple[int, str]]],
    metrics: Mapping[str, Mapping[str, float]],
) -> str:
    """Returns the summary of a node.

    Args:
        record: How it ended.
        run_id: Its run.
        outputs: Key to the ids and places of the artifacts.
        metrics: Slice to metric to value.
    """
    rows = f", {record.rows:,} rows" if record.rows is not None else ""
    lines = [
        f"# {record.node_id}: {record.state}{rows}",
        "",
        f"Run `{run_id}`, execution {record.execution_id}, {record.seconds:.1f} s.",
    ]
    if record.failure:
        lines += ["", f"**{record.failure}**", "", record.remedy]
    if record.gate is not None:
        lines += ["", *_objections(record.gate.objections)]
    if outputs:
        lines += ["", "| output | artifact | place |", "|---|---|---|"]
        for key, artifacts in outputs.items():
            lines += [f"| {key} | {number} | `{place}` |" for number, place in artifacts]
    lines += _metrics(metrics)
    if record.pushed_to:
        lines += ["", f"Pushed to `{record.pushed_to}`."]
    return "\n".join(lines).rstrip() + "\n"


def of_run(run_id: str, outcome: Outcome, records: Sequence[NodeRecord]) -> str:
    """Returns the summary of a whole run."""
    lines = [f"# {run_id}: {outcome.state}", "", outcome.reason, ""]
    lines += ["| node | state | seconds | rows |", "|---|---|---|---|"]
    for record in records:
        rows = "" if record.rows is None else f"{record.rows:,}"
        lines.append(f"| {record.node_id} | {record.state} | {record.seconds:.1f} | {rows} |")
    if outcome.objections:
        lines += ["", *_objections(outcome.objections)]
    lines += [f"\nPushed to `{record.pushed_to}`." for record in records if record.pushed_to]
    return "\n".join(lines) + "\n"


def of_failure(node_id: str, run_id: str, reason: str, remedy: str) -> str:
    """Returns the summary of a task that failed before its node began."""
    return f"# {node_id}: failed\n\nRun `{run_id}`.\n\n**{reason}**\n\n{remedy}\n"


def write(text: str, path: str, executor_input: Mapping[str, Any]) -> None:
    """Writes a summary where Kubeflow takes it from.

    Args:
        text: Markdown.
        path: The summary's file; empty where nobody asks for one.
        executor_input: What the task was told; it names the file that lists the outputs.
    """
    if path:
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    outputs = executor_input.get("outputs", {})
    listing = outputs.get("outputFile", "")
    told = outputs.get("artifacts", {}).get(SUMMARY, {}).get("artifacts", [])
    if listing and told:
        kept = {key: told[0][key] for key in ("name", "type", "uri") if key in told[0]}
        document = {"artifacts": {SUMMARY: {"artifacts": [{**kept, "metadata": {}}]}}}
        Path(listing).parent.mkdir(parents=True, exist_ok=True)
        Path(listing).write_text(json.dumps(document), encoding="utf-8")


def _objections(objections: Sequence[Objection]) -> list[str]:
    return [f"- **{one.subject}**: {one.reason}. {one.remedy}".rstrip() for one in objections]


def _metrics(metrics: Mapping[str, Mapping[str, float]]) -> list[str]:
    if not metrics:
        return []
    names = sorted(metrics.get(_OVERALL, next(iter(metrics.values()))))
    lines = ["", "| slice | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    slices = sorted(metrics, key=lambda name: (name != _OVERALL, name))
    for name in slices[:_MAX_SLICES]:
        values = (metrics[name].get(metric) for metric in names)
        shown = " | ".join("" if value is None else f"{value:.4f}" for value in values)
        lines.append(f"| {name} | {shown} |")
    if len(slices) > _MAX_SLICES:
        lines.append(f"\n{len(slices) - _MAX_SLICES} more slices are not shown.")
    return lines
