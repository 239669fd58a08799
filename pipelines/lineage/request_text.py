"""A request's lineage as text, for a terminal or a pipe: first the answer, then what made it.

What is in the document is decided by `request_lineage`; the model's part is written by `render`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pipelines.lineage import render
from pipelines.lineage.changes import text
from pipelines.lineage.render import facts, section, when

Document = Mapping[str, Any]


def request(document: Document) -> str:
    """Returns what is known of a request."""
    lines = [f"Request {document['request']} to {document['pipeline']}"]
    for served in document["served"]:
        lines += section(_title(served), _served(served))
    lines += section("Rollout", _rollout(document))
    lines += section("Label", _labels(document["labels"]))
    lines += section("Checks of its window", _checks(document["checks"]))
    lines += section("Run that trained it", _run(document))
    lines += section("Schema", _schema(document["schema_changes"]))
    if document["model"] is not None:
        lines += ["", render.lineage(document["model"])]
    lines += section("Could not be read", [f"  {name}" for name in document["unreadable"]])
    return "\n".join(lines)


def _title(served: Document) -> str:
    if served["arm"] == "shadow":
        return "What a shadow answered, which no caller saw"
    return "What the caller got"


def _served(served: Document) -> list[str]:
    lines = facts(
        {
            "time": when(served["time"]) + " UTC",
            "model version": served["version"] or "not named by the server behind",
            "call": " of ".join(filter(None, (served["method"], served["signature"]))),
            "arm": served["arm"],
            "rows": served["rows"],
            "log file": served["shard"],
            "unread": served["unread"],
        }
    )
    for place, row in enumerate(served["shown"]):
        lines.append(f"  row {place}")
        lines.append(f"    answered  {_values(row['answered'])}")
        lines.append(f"    asked     {_values(row['asked'])}")
    left = served["rows"] - len(served["shown"])
    return [*lines, f"  and {left} more rows"] if left > 0 else lines


def _values(values: Any) -> str:
    if not isinstance(values, Mapping):
        return str(values)
    return ", ".join(f"{name}={text(value)}" for name, value in values.items()) or "nothing"


def _rollout(document: Document) -> list[str]:
    rollout = document["rollout"]
    if rollout is None:
        return ["  no rollout dealt this request"]
    if not rollout["known"]:
        return facts({"rollout": f"{rollout['id']}, which ML Metadata does not know"})
    then = rollout["then"]
    return facts(
        {
            "rollout": f"{rollout['id']}, {rollout['strategy']} of version "
            f"{rollout['candidate_version']} beside {rollout['stable_version']}",
            "arm": rollout["arm"],
            "at that moment": _then(then, rollout["steps"]) if then else "it had not begun",
            "because": then and then["because"],
            "asked for by": rollout["origin"],
            "now": rollout["outcome"],
            "now because": rollout["outcome_because"],
        }
    )


def _then(then: Document, steps: int) -> str:
    return (
        f"step {then['step'] + 1} of {steps}, the candidate's share {then['share']:.4g}, since "
        f"{when(then['at'])} UTC ({then['action']})"
    )


def _labels(labels: Iterable[Document]) -> list[str]:
    lines = []
    for one in labels:
        if one["label"] is None:
            said = f"none counts: {one['reason']}"
        else:
            said = f"{_values(one['label'])}, known {when(one['labelled'])} UTC"
        extra = [f"{one[key]} {key}" for key in ("late", "duplicate") if one[key]]
        extra += ["others contradict it"] if one["contradictory"] and one["label"] else []
        lines.append(f"  row {one['row']}: {'; '.join([said, *extra])} ({', '.join(one['files'])})")
    return lines or ["  none was delivered"]


def _checks(checks: Iterable[Document]) -> list[str]:
    lines = []
    for one in checks:
        cause = f": {one['cause']}" if one["cause"] else ""
        lines.append(
            f"  {one['pipeline']}  {when(one['since'])} to {when(one['until'])}  "
            f"{one['status']}{cause}"
        )
        lines.append(f"    {one['folder']}")
    return lines or ["  none has looked at that time"]


def _run(document: Document) -> list[str]:
    run = document["run"]
    if document["model"] is None:
        version = document["version"] or "that version"
        return [f"  no run in ML Metadata pushed {version}"]
    if run is None:
        return ["  it is not in ML Metadata"]
    lines = facts(
        {
            "run": run["run"],
            "started": f"{when(run['started'])} UTC",
            "ended": run["state"],
            "trigger": run["trigger"] or "not recorded",
            "because": run["because"],
            "pushed": f"{when(document['push']['time'])} UTC in run {document['push']['run']}",
        }
    )
    return lines + [f"    {one}" for one in run["evidence"]]


def _schema(found: Document | None) -> list[str]:
    if found is None:
        return ["  there is no earlier version to compare it with"]
    if not found["changes"]:
        return [f"  the same as of version {found['since_version']}"]
    lines = [f"  changed since version {found['since_version']}:"]
    for one in found["changes"]:
        # Of the two, the comparison calls the newer one inferred and the older one curated.
        before, after = one["curated"] or "nothing", one["inferred"] or "nothing"
        aspect = {"missing": "removed"}.get(one["aspect"], one["aspect"])
        lines.append(f"    {one['feature']}, {aspect}: {before} → {after}")
    return lines
