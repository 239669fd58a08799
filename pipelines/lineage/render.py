"""Documents as text for a terminal or a pipe: one fact a line, tables in columns.

The same text goes to both, without colours, so that `grep` and `diff` see what people see. What is
in a document is decided by `documents`; the page by `page`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from components.arrow_example_gen.spans import named
from pipelines.lineage.changes import text
from pipelines.lineage.why import (
    ALWAYS,
    CODE,
    DATA,
    FIRST,
    FORCED,
    INPUT,
    MISSING,
    NOT_RECORDED,
    PARAMETER,
)

Document = Mapping[str, Any]
_KEY_WIDTH = 16
_HASH_SHOWN = 12


def runs(documents: Sequence[Document]) -> str:
    """Returns runs as a table, the newest first."""
    if not documents:
        return "no runs yet"
    rows = [
        (
            item["run"],
            when(item["started"]),
            duration(item["duration_sec"]),
            item["state"],
            item["trigger"] or "-",
            counts(item["counts"]),
            item["reason"],
        )
        for item in documents
    ]
    head = ("RUN", "STARTED (UTC)", "TOOK", "STATE", "TRIGGER", "NODES", "REASON")
    heading, *lines = table(head, rows)
    whys = [f"    because {item['because']}" if item["because"] else "" for item in documents]
    told = [text for pair in zip(lines, whys, strict=True) for text in pair if text]
    return "\n".join([heading, *told])


def lineage(document: Document) -> str:
    """Returns a model's lineage."""
    model = document["model"]
    lines = [f"Model {model['id']} of {document['pipeline']}: {document['blessing']}"]
    lines += facts(
        {
            "files": model["uri"],
            "version": document["version"] or "never pushed",
            "trained": f"{when(document['trained'])} by {document['trainer']}"
            if document["trainer"]
            else "elsewhere: no execution in this store made it",
            "run": document["run"],
        }
    )
    lines += section("Data", _data_table(document["data"]))
    lines += section("Made with", facts(_made_with(document)))
    best = document["hyperparameters"]
    if best is not None:
        title = f"Hyperparameters (artifact {best['id']}, found in run {best['run']})"
        gone = [f"  the file is gone: {best['uri']}"]
        lines += section(title, gone if best["values"] is None else facts(best["values"]))
    lines += section("Parameters of training", facts(document["parameters"]))
    code = [f"{n}  {m}  {h}" for n, ms in document["code"].items() for m, h in ms.items()]
    lines += section("Code", [f"  {line}" for line in code])
    for item in document["evaluations"]:
        baseline = item["baseline_model"]
        against = f", against model {baseline}" if baseline is not None else ""
        lines += section(
            f"Evaluation: {item['blessing']} in run {item['run']}{against}",
            _metrics_table(item["metrics"]) or ["  no metrics were recorded"],
        )
    pushes = [(p["version"], when(p["time"]), p["run"], p["destination"])
              for p in document["pushes"]]  # fmt: skip
    lines += section(
        "Pushed", _indented(table(("VERSION", "WHEN (UTC)", "RUN", "DESTINATION"), pushes), pushes)
    )
    lines += section("No longer on disk", [f"  {uri}" for uri in document["missing"]])
    return "\n".join(lines)


def spans(document: Document) -> str:
    """Returns the models that saw a span."""
    version = f" version {document['version']}" if document["version"] is not None else ""
    title = f"span {document['span']}{version} of {document['pipeline']}"
    rows = [
        (
            str(item["model"]["id"]),
            item["version"] or "-",
            ", ".join(item["purposes"]),
            item["blessing"],
            item["run"] or "-",
        )
        for item in document["models"]
    ]
    if not rows:
        return f"No model has seen {title}."
    head = ("MODEL", "VERSION", "USED FOR", "BLESSING", "RUN")
    return "\n".join([f"Models that saw {title}:", *table(head, rows)])


def why(document: Document) -> str:
    """Returns why a node ran or was cached, the causes first."""
    node, run, decision = document["node"], document["run"], document["decision"]
    compared = ""
    if document["compared_execution"] is not None:
        compared = f"run {document['compared_run']} (execution {document['compared_execution']})"
    if decision == "cached":
        return f"{node} was served from the cache in run {run}: {document['note']}, {compared}."
    lines = [f"{node} {decision} in run {run}" + (f"; compared with {compared}" * bool(compared))]
    lines += [f"  {_cause(cause)}" for cause in document["causes"]]
    if document["roots"]:
        lines.append("New inputs go back to:")
        lines += [f"  {cause['node']}: {_cause(cause)}" for cause in document["roots"]]
    if document["note"]:
        lines.append(f"  {document['note']}")
    return "\n".join(lines)


def difference(document: Document) -> str:
    """Returns how two runs differ, section by section."""
    before, after = document["before"], document["after"]
    lines = [f"{before['run']} ({before['state']})  →  {after['run']} ({after['state']})"]
    for title, changes in document["sections"].items():
        rows = [f"  {c['name']}: {text(c['before'])} → {text(c['after'])}{_by(c)}" for c in changes]
        lines += section(title.capitalize(), rows)
    if document["same"]:
        lines += ["", "Nothing differs but times and what came from the cache."]
    rows_ = [
        (
            item["node"],
            item["state_before"] or "-",
            item["state_after"] or "-",
            duration(item["seconds_before"]),
            duration(item["seconds_after"]),
        )
        for item in document["nodes"]
    ]
    head = ("NODE", "BEFORE", "AFTER", "TOOK", "TOOK")
    return "\n".join([*lines, *section("Nodes", _indented(table(head, rows_), rows_))])


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Returns the lines of a table whose columns are as wide as their widest cell."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (head, *rows)
    ]


def duration(seconds: float | None) -> str:
    """Returns a duration for people: `0.4 s`, `58 s`, `3 min 07 s`, `2 h 05 min`."""
    if seconds is None:
        return "-"
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"


def counts(by_state: Mapping[str, int]) -> str:
    """Returns how many nodes did what, what ran first: `9 ran, 2 cached`."""
    order = ("ran", "cached", "skipped", "failed", "cancelled")
    states = sorted(by_state, key=lambda s: (order.index(s) if s in order else len(order), s))
    return ", ".join(f"{by_state[state]} {state}" for state in states) or "-"


def when(iso: str | None) -> str:
    """Returns a time for people, `2026-11-21 16:00:00`; a dash where there is none."""
    return "-" if iso is None else iso.replace("T", " ").removesuffix("Z")


def section(title: str, lines: Iterable[str]) -> list[str]:
    """Returns an empty line, the title and the lines; nothing where there are none."""
    body = list(lines)
    return ["", title, *body] if body else []


def _indented(lines: Iterable[str], rows: Sequence[object]) -> list[str]:
    return [f"  {line}" for line in lines] if rows else []


def facts(named: Mapping[str, Any]) -> list[str]:
    """Returns a line for each fact that is not None, the names in a column."""
    width = max([_KEY_WIDTH, *(len(key) for key in named)])
    return [f"  {key.ljust(width)}  {text(v)}" for key, v in named.items() if v is not None]


def _made_with(document: Document) -> dict[str, str]:
    facts = {}
    for key in ("schema", "transform_graph", "base_model"):
        item = document[key]
        if item is not None:
            digest = item.get("sha256")
            shown = f", sha256 {digest[:_HASH_SHOWN]}" if digest else ""
            facts[key.replace("_", " ")] = f"artifact {item['id']}{shown}, {item['uri']}"
    for item in document["statistics"]:
        facts[f"statistics {item['id']}"] = item["uri"]
    return facts


def span_words(numbers: Sequence[int]) -> str:
    """Returns the numbers of spans in a few words, such as `5 to 12`; empty for none."""
    return named(numbers).partition(" ")[2] if numbers else ""


def _data_table(data: Sequence[Document]) -> list[str]:
    rows = [
        (
            item["purpose"],
            span_words(item["spans"]) or "-",
            text(item["version"]) if item["version"] is not None else "-",
            ", ".join(item["splits"]) or "-",
            str(item["artifact"]["id"]),
            item["run"] or "elsewhere",
            item["fingerprint"] or "-",
        )
        for item in data
    ]
    head = ("USED FOR", "SPAN", "VERSION", "SPLITS", "ARTIFACT", "INGESTED IN RUN", "FINGERPRINT")
    return _indented(table(head, rows), rows)


def _metrics_table(metrics: Document) -> list[str]:
    names = metric_names(metrics)
    rows = [
        (slice_, *(text(values.get(name, "-")) for name in names))
        for slice_, values in metrics.items()
        if isinstance(values, Mapping)
    ]
    return _indented(table(("SLICE", *names), rows), rows)


def metric_names(metrics: Document) -> list[str]:
    """Returns the names of all metrics of any slice, in the order in which they come."""
    found: dict[str, None] = {}
    for values in metrics.values():
        if isinstance(values, Mapping):
            found.update(dict.fromkeys(values))
    return list(found)


def _by(change: Document) -> str:
    """Returns the distance between two numbers, signed; empty for other values."""
    before, after = change["before"], change["after"]
    numbers = all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in (before, after))
    return f"  ({after - before:+.6g})" if numbers else ""


def _changed(cause: Document) -> str:
    return f"{cause['name']}: {text(cause['before'])} → {text(cause['after'])}"


_CAUSES: Mapping[str, Callable[[Document], str]] = {
    FIRST: lambda _: "no earlier run of this node succeeded",
    FORCED: lambda _: "the cache was ignored on request",
    ALWAYS: lambda _: "nodes of this kind look anew in every run",
    NOT_RECORDED: lambda _: (
        "nothing recorded has changed: the cache is off, was pruned, "
        "or the component itself changed"
    ),
    MISSING: lambda cause: f"earlier outputs are gone: {cause['name']}",
    DATA: lambda cause: f"data changed: {_changed(cause)}",
    INPUT: lambda cause: f"input changed: {_changed(cause)}",
    PARAMETER: lambda cause: f"parameter changed: {_changed(cause)}",
    CODE: lambda cause: f"code changed: {_changed(cause)}",
}


def _cause(cause: Document) -> str:
    return _CAUSES[cause["kind"]](cause)
