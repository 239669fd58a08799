"""Where a model comes from, and which models saw a span of data. Pure functions over `History`.

Which data it saw is found by `data_uses`. Reading files that artifacts point to is left to
`contents`, showing all this to `render` and `page`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping

from pipelines.errors import UsageError
from pipelines.lineage import keys
from pipelines.lineage.data_uses import (
    BLESSING,
    EVALUATION,
    EXAMPLES,
    HYPERPARAMETERS,
    INFRA_BLESSING,
    MODEL,
    PUSHED_MODEL,
    SCHEMA,
    STATISTICS,
    TRAINING,
    TRANSFORM_GRAPH,
    DataUse,
    data_uses,
    is_ingested,
    made_from,
)
from pipelines.lineage.graph import unknown
from pipelines.lineage.records import ArtifactRecord, ExecutionRecord, History, Value, json_object

BLESSED, REJECTED, NOT_EVALUATED = "BLESSED", "REJECTED", "NOT EVALUATED"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Evaluation:
    """One verdict on the model: metrics as far as recorded, blessing, and what it was held to."""

    run: str
    state: str
    metrics: Mapping[str, Value]
    artifact: ArtifactRecord | None
    baseline_id: int | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Push:
    """One place that the model was pushed to."""

    run: str
    version: str
    destination: str
    time: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelLineage:
    """Everything that made one model, and what became of it.

    Attributes:
        model: The model's artifact.
        trainer: The execution that made it; None when it was imported from elsewhere.
        data: Every data set, by purpose.
        schema: The schema that training used.
        statistics: Statistics of the training data.
        transform_graph: The transformation that training used.
        hyperparameters: What the Tuner found, if training took it.
        base_model: The model that training started from.
        parameters: Exec properties of training.
        code: Hashes of the user's modules, by node.
        evaluations: Verdicts, oldest first.
        pushes: Where it was pushed, oldest first.
        artifact_ids: All artifacts of the picture: upstream, verdicts and pushes.
        execution_ids: The executions between them.
    """

    model: ArtifactRecord
    trainer: ExecutionRecord | None
    data: tuple[DataUse, ...]
    schema: ArtifactRecord | None
    statistics: tuple[ArtifactRecord, ...]
    transform_graph: ArtifactRecord | None
    hyperparameters: ArtifactRecord | None
    base_model: ArtifactRecord | None
    parameters: Mapping[str, Value]
    code: Mapping[str, Mapping[str, str]]
    evaluations: tuple[Evaluation, ...]
    pushes: tuple[Push, ...]
    artifact_ids: frozenset[int]
    execution_ids: frozenset[int]

    @property
    def run(self) -> str:
        """Returns the run that trained the model; empty when unknown."""
        return self.trainer.run if self.trainer else ""

    @property
    def blessing(self) -> str:
        """Returns the newest verdict's state."""
        return self.evaluations[-1].state if self.evaluations else NOT_EVALUATED

    @property
    def version(self) -> str:
        """Returns the newest pushed version; empty when it was never pushed."""
        return self.pushes[-1].version if self.pushes else ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class SpanUse:
    """One model that saw a span, and for what."""

    model: ArtifactRecord
    purposes: tuple[str, ...]
    run: str
    version: str
    blessing: str


def find_model(history: History, wanted: str | None = None) -> ArtifactRecord:
    """Returns a model by pushed version, artifact id or run id; the latest by default.

    The latest is the one pushed last, or trained last when none was pushed.

    Raises:
        UsageError: There is no such model; the message names the closest that exist.
    """
    models = history.of_type(MODEL)
    versions = {push.version: model for model in models for push in pushes_of(history, model)}
    if wanted is None:
        if not models:
            raise UsageError(
                f"no model of pipeline {history.pipeline!r} is in the metadata store",
                remedy=f"Train one: ringway run {history.pipeline}",
            )
        pushed = [(push.time, m.id) for m in models for push in pushes_of(history, m)]
        return history.artifacts[max(pushed)[1]] if pushed else models[-1]
    by_id = {str(model.id): model for model in models}
    by_run = {maker.run: m for m in models if (maker := history.maker(m.id)) is not None}
    for known in (versions, by_id, by_run):
        if wanted in known:
            return known[wanted]
    kind = "model (pushed version, artifact id or run id)"
    raise unknown(kind, wanted, [*by_id, *by_run, *versions])


def lineage_of(history: History, model: ArtifactRecord) -> ModelLineage:
    """Returns everything the store knows about how a model came to be."""
    trainer = history.maker(model.id)
    inputs = trainer.inputs if trainer else ()
    graph = _first(history.linked(inputs, type_name=TRANSFORM_GRAPH))
    hyperparameters = _first(history.linked(inputs, type_name=HYPERPARAMETERS))
    data = tuple(data_uses(history, model))
    evaluators = made_from(history, model, (EVALUATION, BLESSING))
    validators = made_from(history, model, (INFRA_BLESSING,))
    pushers = made_from(history, model, (PUSHED_MODEL,))
    artifacts, executions = history.upstream(model.id)
    statistics = _statistics(history, data)
    for execution in (*evaluators, *validators, *pushers, *_around(history, statistics)):
        executions.add(execution.id)
        artifacts.update(link.artifact_id for link in (*execution.inputs, *execution.outputs))
    return ModelLineage(
        model=model,
        trainer=trainer,
        data=data,
        schema=_schema(history, trainer, graph),
        statistics=statistics,
        transform_graph=graph,
        hyperparameters=hyperparameters,
        base_model=_first(history.linked(inputs, type_name=MODEL)),
        parameters=_given(trainer.parameters) if trainer else {},
        code=_code(history, model, sorted(executions)),
        evaluations=tuple(_evaluation(history, evaluator) for evaluator in evaluators),
        pushes=pushes_of(history, model),
        artifact_ids=frozenset(artifacts),
        execution_ids=frozenset(executions),
    )


def models_of_span(history: History, span: int, version: int | None = None) -> tuple[SpanUse, ...]:
    """Returns every model that saw a span, oldest first.

    Raises:
        UsageError: No data of this span was ever ingested; the message names the spans known.
    """
    ingested = [a for a in history.of_type(EXAMPLES) if is_ingested(history, a)]
    if not any(_holds(examples, span, version) for examples in ingested):
        wanted = str(span) if version is None else f"{span} version {version}"
        known = sorted({number for examples in ingested for number in examples.spans})
        raise unknown("span", wanted, [str(number) for number in known])
    found = []
    for model in history.of_type(MODEL):
        purposes = tuple(
            dict.fromkeys(
                use.purpose
                for use in data_uses(history, model)
                if _holds(use.examples, span, version)
            )
        )
        if purposes:
            lineage = lineage_of(history, model)
            found.append(
                SpanUse(
                    model=model,
                    purposes=purposes,
                    run=lineage.run,
                    version=lineage.version,
                    blessing=lineage.blessing,
                )
            )
    return tuple(found)


def pushes_of(history: History, model: ArtifactRecord) -> tuple[Push, ...]:
    """Returns where a model was pushed, oldest first. A Pusher that declined left no version."""
    pushes = []
    for pusher in made_from(history, model, (PUSHED_MODEL,)):
        for pushed in history.linked(pusher.outputs, type_name=PUSHED_MODEL):
            version = str(pushed.properties.get("pushed_version") or "")
            destination = str(pushed.properties.get("pushed_destination") or "")
            if version or destination:
                pushes.append(
                    Push(
                        run=pusher.run,
                        version=version,
                        destination=destination,
                        time=pusher.updated,
                    )
                )
    return tuple(pushes)


def metrics_of(history: History, execution: ExecutionRecord) -> Mapping[str, Value]:
    """Returns the metrics recorded on an Evaluator's evaluation, or on its execution.

    The whole comes first, then the slices, those with most examples first.
    """
    recorded = execution.json_property(keys.METRICS)
    for artifact in history.linked(execution.outputs, type_name=EVALUATION):
        if found := json_object(artifact.properties.get(keys.METRICS)):
            recorded = found
            break
    return dict(sorted(recorded.items(), key=_slice_order))


def _slice_order(item: tuple[str, Value]) -> tuple[bool, float, str]:
    name, metrics = item
    count = metrics.get("example_count") if isinstance(metrics, Mapping) else None
    size = float(count) if isinstance(count, int | float) else 0.0
    return name != "overall", -size, name


def _around(history: History, statistics: Iterable[ArtifactRecord]) -> Iterator[ExecutionRecord]:
    """Yields what made the statistics, and what was made of them: schema and anomalies."""
    for artifact in statistics:
        maker = history.maker(artifact.id)
        if maker is not None:
            yield maker
        for consumer in history.consumers(artifact.id):
            if any(history.maker(link.artifact_id) == consumer for link in consumer.outputs):
                yield consumer


def _code(
    history: History, model: ArtifactRecord, execution_ids: Iterable[int]
) -> Mapping[str, Mapping[str, str]]:
    """Returns code hashes by node, those behind the training itself under the plain name.

    Hyperparameters may come from an older run in which the same node had other code; that stands
    beside it, with the execution's id.
    """
    _, direct = history.upstream(model.id, without=(HYPERPARAMETERS, MODEL))
    found: dict[str, Mapping[str, str]] = {}
    for id_ in sorted(execution_ids, key=lambda id_: (id_ not in direct, id_)):
        execution = history.executions[id_]
        code = execution.json_property(keys.CODE)
        if code and found.setdefault(execution.node, code) != code:
            found[f"{execution.node} (execution {id_})"] = code
    return found


def _given(parameters: Mapping[str, Value]) -> Mapping[str, Value]:
    return {key: value for key, value in parameters.items() if value not in (None, "", "null")}


def _first(artifacts: Iterable[ArtifactRecord]) -> ArtifactRecord | None:
    return next(iter(artifacts), None)


def _schema(
    history: History, trainer: ExecutionRecord | None, graph: ArtifactRecord | None
) -> ArtifactRecord | None:
    transform = history.maker(graph.id) if graph else None
    for execution in (trainer, transform):
        if execution is not None:
            found = _first(history.linked(execution.inputs, type_name=SCHEMA))
            if found is not None:
                return found
    return None


def _statistics(history: History, data: Iterable[DataUse]) -> tuple[ArtifactRecord, ...]:
    found: dict[int, ArtifactRecord] = {}
    for use in data:
        if use.purpose == TRAINING:
            for consumer in history.consumers(use.examples.id):
                if consumer.component.endswith("StatisticsGen"):
                    made = history.linked(consumer.outputs, type_name=STATISTICS)
                    found.update((artifact.id, artifact) for artifact in made)
    return tuple(found.values())


def _evaluation(history: History, evaluator: ExecutionRecord) -> Evaluation:
    blessing = _first(history.linked(evaluator.outputs, type_name=BLESSING))
    state = NOT_EVALUATED
    if blessing is not None and "blessed" in blessing.properties:
        state = BLESSED if blessing.properties["blessed"] == 1 else REJECTED
    baseline = next((k.artifact_id for k in evaluator.inputs if k.key == "baseline_model"), None)
    return Evaluation(
        run=evaluator.run,
        state=state,
        metrics=metrics_of(history, evaluator),
        artifact=_first(history.linked(evaluator.outputs, type_name=EVALUATION)),
        baseline_id=baseline,
    )


def _holds(examples: ArtifactRecord, span: int, version: int | None) -> bool:
    return span in examples.spans and version in (None, examples.spans[span])
