"""Why a node ran, or was served from the cache, in one run. Pure functions over `History`.

The node's execution is compared with the nearest earlier successful one of the same node; a cached
one stands for the execution whose result it took. Whatever differs is a cause. An input that was
made anew in the same run is followed to the node that made it, so that the answer ends at what
really changed:

    Trainer ran: input transform_graph is new; it goes back to CsvExampleGen: span 1 → 2
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator

from components.arrow_example_gen.spans import named
from pipelines.errors import UsageError
from pipelines.lineage import changes, contents, keys
from pipelines.lineage.graph import unknown
from pipelines.lineage.records import (
    CACHED,
    CANCELED,
    COMPLETE,
    DATA_KEYS,
    FAILED,
    SUCCESSFUL,
    ExecutionRecord,
    History,
    Link,
    Run,
    Value,
)

# Kinds of causes.
FIRST, FORCED, DATA, INPUT = "first run", "forced", "data", "input"
PARAMETER, CODE, MISSING, ALWAYS = "parameter", "code", "outputs missing", "always runs"
NOT_RECORDED = "not recorded"

_DECISIONS = {COMPLETE: "ran", CACHED: "cached", FAILED: "failed", CANCELED: "cancelled"}
_NEVER_CACHED = ("Resolver", "Importer")  # They ask the store or the disk anew each time.


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cause:
    """One difference that made a node run.

    Attributes:
        node: The node at which it was found; another than asked for when it lies upstream.
        kind: FIRST, FORCED, DATA, INPUT, PARAMETER, CODE, MISSING, ALWAYS or NOT_RECORDED.
        name: Input key, parameter, module or URI; empty where the kind says all.
        before: What it was; None when absent.
        after: What it is; None when absent.
    """

    node: str
    kind: str
    name: str = ""
    before: Value = None
    after: Value = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class NodeReason:
    """Why a node did what it did in a run.

    Attributes:
        node: The node.
        run: The run.
        decision: "ran", "cached", "failed", "cancelled", "running" or "did not run".
        causes: Why it had to run; empty when it was cached or did not run.
        roots: Where inputs that are new come from: causes at nodes upstream.
        compared_run: The run of the execution compared with; empty without one.
        compared_execution: Its id.
        note: What else there is to say, in one line.
    """

    node: str
    run: str
    decision: str
    causes: tuple[Cause, ...] = ()
    roots: tuple[Cause, ...] = ()
    compared_run: str = ""
    compared_execution: int | None = None
    note: str = ""


def find_run(history: History, name: str | None) -> Run:
    """Returns the run of this name; the latest by default.

    Raises:
        UsageError: There is no such run; the message names the closest.
    """
    if name is None:
        if not history.runs:
            raise UsageError(
                f"pipeline {history.pipeline!r} has no runs yet",
                remedy=f"Start one: ringway run {history.pipeline}",
            )
        return history.runs[-1]
    run = history.run(name)
    if run is None:
        raise unknown("run", name, [run.name for run in history.runs])
    return run


def explain(
    history: History,
    node: str,
    run: str | None = None,
    *,
    exists: Callable[[str], bool] = contents.exists,
) -> NodeReason:
    """Returns why a node ran, or did not, in a run.

    Args:
        history: A snapshot that holds the run and the ones before it.
        node: The node's id.
        run: The run's id; the latest run by default.
        exists: Tells whether the files at a URI are still there.

    Raises:
        UsageError: No such run, or no run ever had such a node.
    """
    found = find_run(history, run)
    execution = history.execution_of(found.name, node)
    if execution is None:
        return _absent(history, node, found)
    if execution.state == CACHED:
        original = history.original(execution)
        return NodeReason(
            node=node,
            run=found.name,
            decision="cached",
            compared_run=original.run,
            compared_execution=original.id,
            note="inputs, parameters and code are those of the execution compared with",
        )
    earlier = _earlier(history, execution)
    causes = tuple(_causes(history, execution, earlier, exists))
    return NodeReason(
        node=node,
        run=found.name,
        decision=_DECISIONS.get(execution.state, "running"),
        causes=causes,
        roots=tuple(_roots(history, execution, causes, exists)),
        compared_run=earlier.run if earlier else "",
        compared_execution=earlier.id if earlier else None,
        note=found.reason if execution.state == FAILED else "",
    )


def _absent(history: History, node: str, run: Run) -> NodeReason:
    nodes = {execution.node for execution in history.executions.values()}
    if node not in nodes and node not in run.node_states:
        raise unknown("node", node, sorted(nodes | set(run.node_states)))
    state = run.node_states.get(node, "")
    note = "; ".join(part for part in (state and f"state {state}", run.reason) if part)
    return NodeReason(node=node, run=run.name, decision="did not run", note=note)


def _earlier(history: History, execution: ExecutionRecord) -> ExecutionRecord | None:
    same = (
        other
        for id_, other in sorted(history.executions.items(), reverse=True)
        if id_ < execution.id and other.node == execution.node and other.state in SUCCESSFUL
    )
    nearest = next(same, None)
    return history.original(nearest) if nearest else None


def _causes(
    history: History,
    execution: ExecutionRecord,
    earlier: ExecutionRecord | None,
    exists: Callable[[str], bool],
) -> Iterator[Cause]:
    node = execution.node
    if execution.component in _NEVER_CACHED:
        yield Cause(node=node, kind=ALWAYS)
        return
    if earlier is None:
        yield Cause(node=node, kind=FIRST)
        return
    found = list(_differences(history, execution, earlier))
    if execution.properties.get(keys.FORCED):
        found.append(Cause(node=node, kind=FORCED))
    if not found:
        # Only now: files may also have been removed since, which explains nothing.
        gone = [a.uri for a in history.linked(earlier.outputs) if not exists(a.uri)]
        found = [Cause(node=node, kind=MISSING, name=uri) for uri in gone]
    yield from found or [Cause(node=node, kind=NOT_RECORDED)]


def _differences(
    history: History, execution: ExecutionRecord, earlier: ExecutionRecord
) -> Iterator[Cause]:
    node = execution.node
    old, new = earlier.properties, execution.properties
    for key in DATA_KEYS:
        if old.get(key) != new.get(key):
            yield Cause(node=node, kind=DATA, name=key, before=old.get(key), after=new.get(key))
    keys_ = sorted({link.key for link in (*earlier.inputs, *execution.inputs)})
    for key in keys_:
        before, after = _ids(earlier.inputs, key), _ids(execution.inputs, key)
        if before != after:
            yield Cause(
                node=node,
                kind=INPUT,
                name=key,
                before=_describe(history, before),
                after=_describe(history, after),
            )
    for change in changes.compare(earlier.parameters, execution.parameters):
        yield Cause(
            node=node,
            kind=PARAMETER,
            name=change.name,
            before=change.before,
            after=change.after,
        )
    before_code, after_code = (e.json_property(keys.CODE) for e in (earlier, execution))
    for module in sorted(before_code.keys() | after_code.keys()):
        was, is_ = before_code.get(module), after_code.get(module)
        if was != is_:
            yield Cause(node=node, kind=CODE, name=module, before=was, after=is_)


def _ids(links: Iterable[Link], key: str) -> tuple[int, ...]:
    return tuple(link.artifact_id for link in links if link.key == key)


def _describe(history: History, artifact_ids: Iterable[int]) -> str | None:
    """Returns artifacts in words: id, span where there is one, and where they lie."""
    words = []
    for id_ in artifact_ids:
        artifact = history.artifacts.get(id_)
        if artifact is None:
            words.append(f"artifact {id_} (no longer in the store)")
            continue
        is_data = artifact.type == "Examples" and artifact.spans
        span = f" {named(artifact.spans)}" if is_data else ""
        words.append(f"{artifact.type} {id_}{span} at {artifact.uri}")
    return ", ".join(words) or None


def _roots(
    history: History,
    execution: ExecutionRecord,
    causes: Iterable[Cause],
    exists: Callable[[str], bool],
) -> Iterator[Cause]:
    """Yields what changed at the nodes upstream whose new outputs this execution took."""
    new_keys = {cause.name for cause in causes if cause.kind == INPUT}
    pending = [link for link in execution.inputs if link.key in new_keys]
    seen = {execution.id}
    while pending:
        maker = history.maker(pending.pop().artifact_id)
        if maker is None or maker.id in seen or not set(maker.runs) & set(execution.runs):
            continue
        seen.add(maker.id)
        found = list(_causes(history, maker, _earlier(history, maker), exists))
        yield from (cause for cause in found if cause.kind != INPUT)
        inputs = {cause.name for cause in found if cause.kind == INPUT}
        pending.extend(link for link in maker.inputs if link.key in inputs)
