"""Writes into ML Metadata what TFX would write for runs, models, verdicts and pushes."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ml_metadata.metadata_store.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2 as proto

from pipelines.lineage import keys


@dataclasses.dataclass
class Writer:
    """Writes pipelines, runs and executions as TFX's portable launcher does."""

    store: MetadataStore
    pipeline: str = "taxi"

    def run(self, name: str, **properties: object) -> str:
        """Begins a run, a child of the pipeline's context."""
        pipeline = self._context(keys.PIPELINE_CONTEXT, self.pipeline)
        run = self._context(keys.RUN_CONTEXT, name, properties)
        if pipeline not in [p.id for p in self.store.get_parent_contexts_by_context(run)]:
            link = proto.ParentContext(parent_id=pipeline, child_id=run)
            self.store.put_parent_contexts([link])
        return name

    def artifact(self, type_name: str, uri: str, **properties: object) -> int:
        """Writes an artifact that no execution made."""
        [id_] = self.store.put_artifacts([self._artifact(type_name, uri, properties)])
        return int(id_)

    def execution(
        self,
        run: str,
        node: str,
        *,
        inputs: Mapping[str, int | list[int]] | None = None,
        outputs: Mapping[str, int | tuple[str, str, Mapping[str, object]]] | None = None,
        state: str = "COMPLETE",
        component: str | None = None,
        properties: Mapping[str, object] | None = None,
        internal: bool = False,
    ) -> dict[str, int]:
        """Writes an execution; returns the ids of its outputs by key.

        An output is an existing artifact's id (as for cached ones) or (type, uri, properties).
        """
        component = component or node
        type_name = f"tfx.components.{component.lower()}.component.{component}"
        type_id = self.store.put_execution_type(proto.ExecutionType(name=type_name))
        execution = proto.Execution(
            type_id=type_id, last_known_state=proto.Execution.State.Value(state)
        )
        for key, value in (properties or {}).items():
            _set(execution.custom_properties[key], value)
        pairs, made = [], {}
        for key, ids in (inputs or {}).items():
            for index, id_ in enumerate(ids if isinstance(ids, list) else [ids]):
                [known] = self.store.get_artifacts_by_id([id_])
                pairs.append((known, _event(proto.Event.INPUT, key, index)))
        for key, output in (outputs or {}).items():
            if isinstance(output, int):
                [artifact] = self.store.get_artifacts_by_id([output])
            else:
                artifact = self._artifact(*output)
            kind = proto.Event.INTERNAL_OUTPUT if internal else proto.Event.OUTPUT
            pairs.append((artifact, _event(kind, key, 0)))
            made[key] = len(pairs) - 1
        contexts = [
            self._context(keys.PIPELINE_CONTEXT, self.pipeline),
            self._context(keys.RUN_CONTEXT, run),
            self._context(keys.NODE_CONTEXT, f"{self.pipeline}.{node}"),
        ]
        _, ids, _ = self.store.put_execution(
            execution, pairs, self.store.get_contexts_by_id(contexts)
        )
        return {key: int(ids[place]) for key, place in made.items()}

    def _artifact(
        self, type_name: str, uri: str, properties: Mapping[str, object]
    ) -> proto.Artifact:
        type_id = self.store.put_artifact_type(proto.ArtifactType(name=type_name))
        artifact = proto.Artifact(type_id=type_id, uri=uri, state=proto.Artifact.LIVE)
        for key, value in properties.items():
            _set(artifact.custom_properties[key], value)
        return artifact

    def _context(
        self, type_name: str, name: str, properties: Mapping[str, object] | None = None
    ) -> int:
        found = self.store.get_context_by_type_and_name(type_name, name)
        if found is not None:
            return int(found.id)
        type_id = self.store.put_context_type(proto.ContextType(name=type_name))
        context = proto.Context(type_id=type_id, name=name)
        for key, value in (properties or {}).items():
            _set(context.custom_properties[key], value)
        [id_] = self.store.put_contexts([context])
        return int(id_)

    def taxi_run(self, name: str, root: Path, **choices: Any) -> dict[str, int]:
        """Writes one whole run of the taxi pipeline; returns artifact ids by key.

        Args:
            name: The run's id.
            root: Folder of the artifacts' files; hyperparameters and schema are really there.
            choices: span=1, spans="1-3" where it is the last of a range, blessed=True, epochs=5,
                auc=0.8, code="aaaa", baseline=id, hyperparameters=id of an earlier run's,
                base_model=id.
        """
        span, blessed = choices.get("span", 1), choices.get("blessed", True)
        self.run(
            name,
            **{
                keys.RUN_STATE: "BLESSED" if blessed else "REJECTED",
                keys.RUN_REASON: "" if blessed else "auc of overall is 0.5, below 0.6",
                keys.RUN_STARTED: 1_767_323_000.0 + span * 100,
                keys.RUN_FINISHED: 1_767_323_061.5 + span * 100,
                keys.RUN_TRIGGER: "on demand",
                keys.RUN_STACK: "tfx-1.16",
                keys.RUN_CONFIG: json.dumps({"epochs": choices.get("epochs", 5)}),
            },
        )
        fingerprint = f"split:single,num_files:1,total_bytes:{span}00,xor_checksum:{span}"
        data = {"span": span, "version": 1, "input_fingerprint": fingerprint}
        data |= {key: choices[key] for key in ("spans", "versions") if key in choices}
        made = self.execution(
            name,
            "CsvExampleGen",
            outputs={
                "examples": (
                    "Examples",
                    f"{root}/{name}/examples",
                    {**data, "split_names": '["train", "eval"]'},
                )
            },
            properties={**data, "input_base": "data/taxi"},
        )
        examples = {"examples": made["examples"]}
        made |= self.execution(
            name,
            "StatisticsGen",
            inputs=examples,
            outputs={"statistics": ("ExampleStatistics", f"{root}/{name}/statistics", {})},
        )
        schema = root / name / "schema"
        schema.mkdir(parents=True)
        (schema / "schema.pbtxt").write_text("feature { name: 'fare' }\n")
        made |= self.execution(
            name,
            "ImportSchemaGen",
            outputs={"schema": ("Schema", str(schema), {})},
            properties={"schema_file": "schemas/taxi/schema.pbtxt"},
        )
        code = {"pipelines.taxi.preprocessing": choices.get("code", "aaaaaaaaaaaa")}
        transformed = self.execution(
            name,
            "Transform",
            inputs={**examples, "schema": made["schema"]},
            outputs={
                "transform_graph": ("TransformGraph", f"{root}/{name}/graph", {}),
                "transformed_examples": (
                    "Examples",
                    f"{root}/{name}/transformed",
                    {"split_names": '["train", "eval"]'},
                ),
            },
            properties={keys.CODE: json.dumps(code)},
        )
        made |= transformed
        training = {
            "examples": made["transformed_examples"],
            "transform_graph": made["transform_graph"],
            "schema": made["schema"],
        }
        best = choices.get("hyperparameters")
        if best is None:
            folder = root / name / "best"
            folder.mkdir()
            (folder / "best_hyperparameters.txt").write_text(
                json.dumps({"space": [], "values": {"units": 32 * span, "rate": 0.01}})
            )
            best = self.execution(
                name,
                "Tuner",
                inputs=training,
                outputs={"best_hyperparameters": ("HyperParameters", str(folder), {})},
            )["best_hyperparameters"]
        made["best_hyperparameters"] = best
        base = choices.get("base_model")
        made |= self.execution(
            name,
            "Trainer",
            inputs={
                **training,
                "hyperparameters": best,
                **({} if base is None else {"base_model": base}),
            },
            outputs={"model": ("Model", f"{root}/{name}/model", {})},
            properties={
                "train_args": '{"num_steps": 100}',
                "custom_config": json.dumps({"epochs": choices.get("epochs", 5), "label": "tip"}),
                keys.CODE: json.dumps({"pipelines.taxi.model": "bbbbbbbbbbbb"}),
            },
        )
        return made | self._verdict(name, root, made, blessed, choices)

    def _verdict(
        self,
        name: str,
        root: Path,
        made: Mapping[str, int],
        blessed: bool,
        choices: Mapping[str, Any],
    ) -> dict[str, int]:
        auc = choices.get("auc", 0.8)
        metrics = {"overall": {"auc": auc, "loss": 0.4}, "payment_type=Cash": {"auc": auc - 0.1}}
        baseline = choices.get("baseline")
        verdict = self.execution(
            name,
            "Evaluator",
            inputs={
                "examples": made["examples"],
                "model": made["model"],
                **({} if baseline is None else {"baseline_model": baseline}),
            },
            outputs={
                "evaluation": ("ModelEvaluation", f"{root}/{name}/evaluation", {}),
                "blessing": (
                    "ModelBlessing",
                    f"{root}/{name}/blessing",
                    {"blessed": int(blessed), "current_model_id": made["model"]},
                ),
            },
            properties={"example_splits": '["eval"]', keys.METRICS: json.dumps(metrics)},
        )
        if not blessed:
            return verdict
        version = f"17673230{choices.get('span', 1):02}"
        return verdict | self.execution(
            name,
            "Pusher",
            inputs={"model": made["model"], "model_blessing": verdict["blessing"]},
            outputs={
                "pushed_model": (
                    "PushedModel",
                    f"{root}/{name}/pushed",
                    {
                        "pushed": 1,
                        "pushed_version": version,
                        "pushed_destination": f"{root}/models/{version}",
                    },
                )
            },
        )


def _set(value: proto.Value, content: object) -> None:
    if isinstance(content, int):
        value.int_value = content
    elif isinstance(content, float):
        value.double_value = content
    else:
        value.string_value = str(content)


def _event(kind: int, key: str, index: int) -> proto.Event:
    path = proto.Event.Path(
        steps=[proto.Event.Path.Step(key=key), proto.Event.Path.Step(index=index)]
    )
    return proto.Event(type=kind, path=path)
