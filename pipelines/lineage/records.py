"""What ML Metadata holds about one pipeline, as small frozen values.

`History` is a snapshot: runs, executions and artifacts joined by links, with the walks that the
questions of lineage are made of. Reading a store into it is left to `graph`; the questions
themselves to `model_lineage`, `why` and `run_diff`.

A worked example. Two runs, the second served from the cache:

    execution 1  CsvExampleGen  COMPLETE  run A   ->  artifact 1
    execution 5  CsvExampleGen  CACHED    run B   ->  artifact 1

`maker(1)` is execution 1: the first that completed. `producers(1)` are both.
"""

from __future__ import annotations

import dataclasses
import functools
import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Any, TypeVar

from components.arrow_example_gen.spans import restored
from pipelines.lineage import keys

Value = Any  # int, float, str, bool, or what JSON holds
K = TypeVar("K")

COMPLETE, CACHED, FAILED, CANCELED, RUNNING = "COMPLETE", "CACHED", "FAILED", "CANCELED", "RUNNING"
SUCCESSFUL = (COMPLETE, CACHED)

_STATE_WORDS = {COMPLETE: "ran", CANCELED: "cancelled"}

# What ExampleGen's driver resolves and writes among the exec properties: facts about the data.
DATA_KEYS = ("span", "version", "first_span", "spans", "versions", "input_fingerprint")
_NOT_PARAMETERS = (*DATA_KEYS, keys.CODE, keys.METRICS, keys.FORCED)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Run:
    """One run of the pipeline; fields that only Ringway's runner writes may be empty.

    Attributes:
        context_id: Id of its context in the store; grows with time.
        name: The run id.
        state: A value of `keys.RunState`; derived from the executions when none was recorded.
        reason: One line; empty when all went well.
        started: Seconds since the epoch.
        finished: Seconds since the epoch; None while running or when unknown.
        trigger: What started it.
        because: Why the loop started it, in words; empty where a person did.
        stack: "tfx-1.16" or "tfx-1.21".
        config: The pipeline's configuration.
        node_states: How the runner says that each node ended.
    """

    context_id: int
    name: str
    state: str
    started: float
    finished: float | None = None
    reason: str = ""
    trigger: str = ""
    because: str = ""
    stack: str = ""
    config: Mapping[str, Value] = dataclasses.field(default_factory=dict)
    node_states: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def duration_sec(self) -> float | None:
        """Returns how long the run took; None while unknown."""
        return None if self.finished is None else max(0.0, self.finished - self.started)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Link:
    """One input or output of an execution: its key, position under the key, and artifact."""

    key: str
    index: int
    artifact_id: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExecutionRecord:
    """One execution of a node.

    Attributes:
        id: Its id in the store.
        node: The node's id in the pipeline.
        runs: Names of the runs it belongs to; normally one.
        type: Full name of the component class.
        state: COMPLETE, CACHED, FAILED, CANCELED, RUNNING, NEW or UNKNOWN.
        properties: Exec properties and what else stands on the execution.
        created: When it was registered, seconds since the epoch.
        updated: When it was last written, seconds since the epoch.
        inputs: Its inputs, by key and index.
        outputs: Its outputs, by key and index.
    """

    id: int
    node: str
    runs: tuple[str, ...]
    type: str
    state: str
    created: float
    updated: float
    properties: Mapping[str, Value] = dataclasses.field(default_factory=dict)
    inputs: tuple[Link, ...] = ()
    outputs: tuple[Link, ...] = ()

    @property
    def run(self) -> str:
        """Returns the run that it was made for."""
        return self.runs[0] if self.runs else ""

    @property
    def component(self) -> str:
        """Returns the class name of the component, such as `Trainer`."""
        return self.type.rpartition(".")[2]

    @property
    def duration_sec(self) -> float:
        """Returns the time between registration and last change."""
        return max(0.0, self.updated - self.created)

    @property
    def parameters(self) -> Mapping[str, Value]:
        """Returns the exec properties alone: nothing of the data, of TFX's own, or of ours."""
        return {
            key: value
            for key, value in self.properties.items()
            if key not in _NOT_PARAMETERS and not key.startswith("__")
        }

    def json_property(self, key: str) -> Mapping[str, Value]:
        """Returns a property that holds a JSON object; empty when absent or not an object."""
        return json_object(self.properties.get(key))


@dataclasses.dataclass(frozen=True, kw_only=True)
class ArtifactRecord:
    """One artifact.

    Attributes:
        id: Its id in the store.
        type: Name of its type, such as `Examples`.
        uri: Where its files lie, or lay.
        state: LIVE, DELETED, …
        created: Seconds since the epoch.
        properties: Properties, overlaid with custom properties.
    """

    id: int
    type: str
    uri: str
    state: str = "LIVE"
    created: float = 0.0
    properties: Mapping[str, Value] = dataclasses.field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        """Returns ExampleGen's fingerprint of the source files; empty for other artifacts."""
        return str(self.properties.get("input_fingerprint") or "")

    @property
    def span(self) -> int | None:
        """Returns the span, the newest of several; None when the artifact has none."""
        value = self.properties.get("span")
        return int(value) if isinstance(value, (int, float, str)) and str(value) else None

    @property
    def spans(self) -> Mapping[int, int | None]:
        """Returns all spans that it holds, with the version of each, or None without versions."""
        if self.span is None:
            return {}
        try:
            found = restored(
                *(str(self.properties.get(key) or "") for key in ("spans", "versions"))
            )
        except ValueError:  # of one span, or not from ArrowExampleGen
            return {self.span: self.version}
        return {one.number: one.version for one in found}

    @property
    def version(self) -> int | None:
        """Returns the version of the (newest) span; None when the source has no versions."""
        value = self.properties.get("version")
        return int(value) if isinstance(value, (int, float, str)) and str(value) else None

    @property
    def split_names(self) -> tuple[str, ...]:
        """Returns the names of its splits."""
        text = self.properties.get("split_names")
        return tuple(json.loads(text)) if isinstance(text, str) and text else ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class History:
    """A snapshot of one pipeline in the store.

    Attributes:
        pipeline: Its name.
        runs: Oldest first.
        executions: By id.
        artifacts: By id.
    """

    pipeline: str
    runs: tuple[Run, ...]
    executions: Mapping[int, ExecutionRecord]
    artifacts: Mapping[int, ArtifactRecord]

    def run(self, name: str) -> Run | None:
        """Returns the run of this name, or None."""
        return next((run for run in self.runs if run.name == name), None)

    def executions_in(self, run: str) -> tuple[ExecutionRecord, ...]:
        """Returns a run's executions in the order in which they were registered."""
        return self._by_run.get(run, ())

    def execution_of(self, run: str, node: str) -> ExecutionRecord | None:
        """Returns the last execution of a node in a run, or None."""
        return next((e for e in reversed(self.executions_in(run)) if e.node == node), None)

    def producers(self, artifact_id: int) -> tuple[ExecutionRecord, ...]:
        """Returns all executions that have the artifact among their outputs, oldest first."""
        return self._producers.get(artifact_id, ())

    def maker(self, artifact_id: int) -> ExecutionRecord | None:
        """Returns the execution that really made the artifact: the first that completed.

        A cached execution names the same outputs as the one whose result it took. Where none
        completed (a store that was cut off), the oldest producer stands in.
        """
        producers = self.producers(artifact_id)
        completed = (execution for execution in producers if execution.state == COMPLETE)
        return next(completed, producers[0] if producers else None)

    def original(self, execution: ExecutionRecord) -> ExecutionRecord:
        """Returns the execution whose result a cached one took; any other is its own original.

        A cached ExampleGen does not record the span and fingerprint that it resolved; its
        original does.
        """
        if execution.state != CACHED or not execution.outputs:
            return execution
        return self.maker(execution.outputs[0].artifact_id) or execution

    def consumers(self, artifact_id: int) -> tuple[ExecutionRecord, ...]:
        """Returns all executions that read the artifact, oldest first."""
        return self._consumers.get(artifact_id, ())

    def linked(self, links: Iterable[Link], *, type_name: str = "") -> tuple[ArtifactRecord, ...]:
        """Returns the artifacts of links, optionally of one type only; forgotten ones left out."""
        found = (self.artifacts.get(link.artifact_id) for link in links)
        return tuple(a for a in found if a is not None and type_name in ("", a.type))

    def of_type(self, type_name: str) -> tuple[ArtifactRecord, ...]:
        """Returns all artifacts of a type, oldest first."""
        return tuple(a for _, a in sorted(self.artifacts.items()) if a.type == type_name)

    def upstream(
        self, artifact_id: int, *, without: Collection[str] = ()
    ) -> tuple[set[int], set[int]]:
        """Returns ids of artifacts and of makers that the artifact descends from, itself too.

        Args:
            artifact_id: Where to start.
            without: Types of artifacts that are not followed.
        """
        artifacts, executions, pending = set[int](), set[int](), [artifact_id]
        while pending:
            current = pending.pop()
            if current in artifacts:
                continue
            artifacts.add(current)
            maker = self.maker(current)
            if maker is not None:
                executions.add(maker.id)
                pending.extend(
                    link.artifact_id
                    for link in maker.inputs
                    if self._type(link.artifact_id) not in without
                )
        return artifacts, executions

    def downstream(self, artifact_id: int) -> tuple[set[int], set[int]]:
        """Returns ids of artifacts and executions that descend from the artifact, itself too."""
        artifacts, executions, pending = set[int](), set[int](), [artifact_id]
        while pending:
            current = pending.pop()
            if current in artifacts:
                continue
            artifacts.add(current)
            for consumer in self.consumers(current):
                executions.add(consumer.id)
                pending.extend(link.artifact_id for link in consumer.outputs)
        return artifacts, executions

    def _type(self, artifact_id: int) -> str:
        found = self.artifacts.get(artifact_id)
        return found.type if found else ""

    @functools.cached_property
    def _by_run(self) -> Mapping[str, tuple[ExecutionRecord, ...]]:
        return _grouped((name, e) for e in self._ordered for name in e.runs)

    @functools.cached_property
    def _producers(self) -> Mapping[int, tuple[ExecutionRecord, ...]]:
        return _grouped((link.artifact_id, e) for e in self._ordered for link in e.outputs)

    @functools.cached_property
    def _consumers(self) -> Mapping[int, tuple[ExecutionRecord, ...]]:
        return _grouped((link.artifact_id, e) for e in self._ordered for link in e.inputs)

    @property
    def _ordered(self) -> list[ExecutionRecord]:
        return [execution for _, execution in sorted(self.executions.items())]


def _grouped(pairs: Iterable[tuple[K, ExecutionRecord]]) -> Mapping[K, tuple[ExecutionRecord, ...]]:
    groups: defaultdict[K, list[ExecutionRecord]] = defaultdict(list)
    for key, execution in pairs:
        groups[key].append(execution)
    return {key: tuple(values) for key, values in groups.items()}


def state_word(state: str) -> str:
    """Returns a state in the runner's words: ran, cached or failed."""
    return _STATE_WORDS.get(state.upper(), state.lower())


def json_object(value: Value) -> Mapping[str, Value]:
    """Returns a JSON object from its text or from a mapping; empty when it is neither."""
    if isinstance(value, Mapping):
        return value
    if not isinstance(value, str):
        return {}
    try:
        decoded = json.loads(value)
    except ValueError:
        return {}
    return decoded if isinstance(decoded, dict) else {}
