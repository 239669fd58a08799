"""How two runs of one pipeline differ. Pure functions over `History`.

Nodes that were served from the cache are compared by the execution whose result they took, so that
a cached and a computed run of the same thing come out equal.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

from pipelines.lineage import contents, keys
from pipelines.lineage.changes import Change, compare
from pipelines.lineage.data_uses import EXAMPLES, HYPERPARAMETERS
from pipelines.lineage.model_lineage import metrics_of
from pipelines.lineage.records import DATA_KEYS, ExecutionRecord, History, Run, Value, state_word
from pipelines.lineage.why import find_run

Reader = Callable[[str], Mapping[str, Value] | None]


@dataclasses.dataclass(frozen=True, kw_only=True)
class NodeDiff:
    """One node in both runs; None where a run has no execution of it."""

    node: str
    state_before: str | None
    state_after: str | None
    seconds_before: float | None
    seconds_after: float | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunDiff:
    """Two runs side by side.

    Attributes:
        before: The run named first.
        after: The run named second.
        sections: Title to what differs: run, configuration, inputs, parameters, code,
            hyperparameters, metrics. A section without differences is empty.
        nodes: Every node of either run.
    """

    before: Run
    after: Run
    sections: Mapping[str, tuple[Change, ...]]
    nodes: tuple[NodeDiff, ...]

    @property
    def same(self) -> bool:
        """Returns whether nothing but names, times and cache states differs."""
        return not any(self.sections.values())


def diff(
    history: History,
    before: str,
    after: str,
    *,
    hyperparameters: Reader = contents.hyperparameters,
) -> RunDiff:
    """Returns how two runs differ.

    Args:
        history: A snapshot that holds both runs.
        before: Id of the one run.
        after: Id of the other.
        hyperparameters: Reads the best values of a `HyperParameters` artifact by its URI.

    Raises:
        UsageError: One of them does not exist; the message names the closest.
    """
    old, new = find_run(history, before), find_run(history, after)
    sides = [_Side(history, run, hyperparameters) for run in (old, new)]
    return RunDiff(
        before=old,
        after=new,
        sections={
            title: compare(read(sides[0]), read(sides[1])) for title, read in _SECTIONS.items()
        },
        nodes=_nodes(sides[0], sides[1]),
    )


class _Side:
    """One run's view: the original execution behind each of its nodes."""

    def __init__(self, history: History, run: Run, reader: Reader) -> None:
        self.history = history
        self.run = run
        self.reader = reader
        self.executions = {e.node: e for e in history.executions_in(run.name)}
        self.originals = {node: history.original(e) for node, e in self.executions.items()}

    def inputs(self) -> Mapping[str, Value]:
        """Returns span, version and fingerprint of every data set that the run ingested."""
        found: dict[str, Value] = {}
        for node, execution in self.originals.items():
            for examples in self.history.linked(execution.outputs, type_name=EXAMPLES):
                for key in DATA_KEYS:
                    value = examples.properties.get(key)
                    if examples.fingerprint and value is not None:
                        found[f"{node}.{key}"] = value
        return found

    def parameters(self) -> Mapping[str, Value]:
        """Returns exec properties by node."""
        return {node: execution.parameters for node, execution in self.originals.items()}

    def code(self) -> Mapping[str, Value]:
        """Returns the hashes of the user's modules by node. Module names hold dots."""
        return {n: dict(e.json_property(keys.CODE)) for n, e in self.originals.items()}

    def hyperparameters(self) -> Mapping[str, Value]:
        """Returns the values that training took, from whichever run found them."""
        found: dict[str, Value] = {}
        for execution in self.originals.values():
            links = (*execution.inputs, *execution.outputs)
            for artifact in self.history.linked(links, type_name=HYPERPARAMETERS):
                found.update(self.reader(artifact.uri) or {})
        return found

    def metrics(self) -> Mapping[str, Value]:
        """Returns what the run's Evaluator measured."""
        found: dict[str, Value] = {}
        for execution in self.originals.values():
            found.update(metrics_of(self.history, execution))
        return found


def _of_run(side: _Side) -> Mapping[str, Value]:
    run = side.run
    said = {"state": run.state, "reason": run.reason, "trigger": run.trigger, "stack": run.stack}
    return {name: value for name, value in said.items() if value}


_SECTIONS: Mapping[str, Callable[[_Side], Mapping[str, Value]]] = {
    "run": _of_run,
    "configuration": lambda side: side.run.config,
    "inputs": _Side.inputs,
    "parameters": _Side.parameters,
    "code": _Side.code,
    "hyperparameters": _Side.hyperparameters,
    "metrics": _Side.metrics,
}


def _nodes(before: _Side, after: _Side) -> tuple[NodeDiff, ...]:
    names = dict.fromkeys(
        (*before.executions, *after.executions, *before.run.node_states, *after.run.node_states)
    )
    return tuple(
        NodeDiff(
            node=node,
            state_before=_state(before, node),
            state_after=_state(after, node),
            seconds_before=_seconds(before.executions.get(node)),
            seconds_after=_seconds(after.executions.get(node)),
        )
        for node in names
    )


def _state(side: _Side, node: str) -> str | None:
    execution = side.executions.get(node)
    state = side.run.node_states.get(node) or (execution.state if execution else "")
    return state_word(state) or None


def _seconds(execution: ExecutionRecord | None) -> float | None:
    return round(execution.duration_sec, 3) if execution else None
