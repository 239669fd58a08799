"""Which data a model saw, and what for. Pure functions over `History`.

A model's data is found by the part each input plays, not by walking everything upstream: the
hyperparameters that a Tuner found on span 3 and a later Trainer took from the store do not make
span 3 training data of that later model. So a `DataUse` says for what an `Examples` artifact was
used: training, tuning, evaluation, or training of the model that this one started from.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator

from pipelines.lineage.records import ArtifactRecord, ExecutionRecord, History, json_object

EXAMPLES, MODEL, SCHEMA = "Examples", "Model", "Schema"
STATISTICS, TRANSFORM_GRAPH = "ExampleStatistics", "TransformGraph"
HYPERPARAMETERS, EVALUATION = "HyperParameters", "ModelEvaluation"
BLESSING, PUSHED_MODEL = "ModelBlessing", "PushedModel"
INFRA_BLESSING = "InfraBlessing"

TRAINING, TUNING, EVALUATING, BASE_MODEL = "training", "tuning", "evaluation", "base model"


@dataclasses.dataclass(frozen=True, kw_only=True)
class DataUse:
    """One ingested data set and what it was used for.

    Attributes:
        examples: The artifact of ExampleGen, before any transformation.
        purpose: TRAINING, TUNING, EVALUATING or BASE_MODEL.
        splits: Names of the splits used.
        run: The run that ingested it; empty when that run is not in the store.
    """

    examples: ArtifactRecord
    purpose: str
    splits: tuple[str, ...]
    run: str


def made_from(
    history: History, model: ArtifactRecord, types: tuple[str, ...]
) -> list[ExecutionRecord]:
    """Returns the executions that made artifacts of these types from the model or its copies.

    Cached executions made nothing; an Evaluator that took the model as its baseline judged another.
    An infrastructure validator's blessing holds a copy of the model, which a Pusher may take.
    """
    found: dict[int, ExecutionRecord] = {}
    for source in (model.id, *_copies(history, model)):
        for consumer in history.consumers(source):
            if _made(history, consumer, source, types):
                found.setdefault(consumer.id, consumer)
    return [found[id_] for id_ in sorted(found)]


def _made(
    history: History, consumer: ExecutionRecord, source: int, types: tuple[str, ...]
) -> list[ArtifactRecord]:
    judged = {link.artifact_id for link in consumer.inputs if link.key != "baseline_model"}
    made = [a for type_ in types for a in history.linked(consumer.outputs, type_name=type_)]
    return [a for a in made if source in judged and history.maker(a.id) == consumer]


def _copies(history: History, model: ArtifactRecord) -> list[int]:
    """Returns the artifacts that hold a copy of the model."""
    return [
        blessing.id
        for consumer in history.consumers(model.id)
        for blessing in _made(history, consumer, model.id, (INFRA_BLESSING,))
    ]


def is_ingested(history: History, examples: ArtifactRecord) -> bool:
    """Returns whether examples came from outside, and not from other examples."""
    maker = history.maker(examples.id)
    return maker is None or not history.linked(maker.inputs, type_name=EXAMPLES)


def _ingested(history: History, examples: Iterable[ArtifactRecord]) -> list[ArtifactRecord]:
    """Returns the untransformed data sets that these examples were made from."""
    found: dict[int, ArtifactRecord] = {}
    pending, seen = list(examples), set[int]()
    while pending:
        current = pending.pop()
        if current.id in seen:
            continue
        seen.add(current.id)
        maker = history.maker(current.id)
        if maker is None or is_ingested(history, current):
            found[current.id] = current
        else:
            pending.extend(history.linked(maker.inputs, type_name=EXAMPLES))
    return [artifact for _, artifact in sorted(found.items())]


def data_uses(history: History, model: ArtifactRecord) -> Iterator[DataUse]:
    """Yields every data set that a model saw, by purpose."""
    trainer = history.maker(model.id)
    if trainer is not None:
        yield from _uses(history, trainer, TRAINING, ("train_args", "eval_args"))
        for found in history.linked(trainer.inputs, type_name=HYPERPARAMETERS):
            tuner = history.maker(found.id)
            if tuner is not None:
                yield from _uses(history, tuner, TUNING, ("train_args", "eval_args"))
        yield from _base_uses(history, trainer)
    for evaluator in made_from(history, model, (EVALUATION, BLESSING)):
        yield from _uses(history, evaluator, EVALUATING, ("example_splits",))


def _base_uses(history: History, trainer: ExecutionRecord) -> Iterator[DataUse]:
    """Yields what the chain of models that this training started from was trained on."""
    seen, pending = {trainer.id}, [trainer]
    while pending:
        for base in history.linked(pending.pop().inputs, type_name=MODEL):
            earlier = history.maker(base.id)
            if earlier is not None and earlier.id not in seen:
                seen.add(earlier.id)
                pending.append(earlier)
                yield from _uses(history, earlier, BASE_MODEL, ("train_args", "eval_args"))


def _uses(
    history: History, execution: ExecutionRecord, purpose: str, split_keys: tuple[str, ...]
) -> Iterator[DataUse]:
    examples = history.linked(execution.inputs, type_name=EXAMPLES)
    for ingested in _ingested(history, examples):
        maker = history.maker(ingested.id)
        yield DataUse(
            examples=ingested,
            purpose=purpose,
            splits=_splits(execution, ingested, split_keys),
            run=maker.run if maker else "",
        )


def _splits(
    execution: ExecutionRecord, examples: ArtifactRecord, split_keys: tuple[str, ...]
) -> tuple[str, ...]:
    """Returns the splits that an execution read, with TFX's defaults where it names none."""
    named: list[str] = []
    for key in split_keys:
        if key == "example_splits":
            wrapped = f'{{"splits": {execution.properties.get(key) or "[]"}}}'
            splits = json_object(wrapped).get("splits") or ["eval"]
        else:
            default = ["train"] if key == "train_args" else ["eval"]
            splits = execution.json_property(key).get("splits") or default
        named.extend(str(split) for split in splits)
    known = examples.split_names
    return tuple(name for name in dict.fromkeys(named) if not known or name in known)
