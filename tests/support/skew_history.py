"""What ML Metadata would hold of a pipeline's runs, written by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.lineage.records import ArtifactRecord, ExecutionRecord, History, Link


class Store:
    """A history written by hand: each run ingests, looks, trains, and pushes a version."""

    def __init__(self, root: str = "/artifacts") -> None:
        self.root = root
        self.executions: dict[int, ExecutionRecord] = {}
        self.artifacts: dict[int, ArtifactRecord] = {}

    def made(
        self,
        component: str,
        inputs: Sequence[int] = (),
        outputs: Sequence[tuple[str, Mapping[str, Any]]] = (),
    ) -> list[int]:
        """Adds an execution; returns the ids of what it made."""
        ids = []
        for type_, properties in outputs:
            id_ = len(self.artifacts) + 1
            self.artifacts[id_] = ArtifactRecord(
                id=id_, type=type_, uri=f"{self.root}/{id_}", properties=properties
            )
            ids.append(id_)
        number = len(self.executions) + 1
        self.executions[number] = ExecutionRecord(
            id=number,
            node=component,
            runs=("run",),
            type=f"tfx.components.{component}",
            state="COMPLETE",
            created=number,
            updated=number,
            inputs=tuple(Link(key="in", index=i, artifact_id=a) for i, a in enumerate(inputs)),
            outputs=tuple(Link(key="out", index=i, artifact_id=a) for i, a in enumerate(ids)),
        )
        return ids

    def trained(
        self, version: str, *, statistics: bool = True, push: bool = True
    ) -> tuple[int, int | None, int, int]:
        """Adds a run; returns ids of examples, statistics, schema and model."""
        splits = {"split_names": '["train", "eval"]', "input_fingerprint": version}
        [examples] = self.made("ArrowExampleGen", outputs=[("Examples", splits)])
        seen: int | None = None
        if statistics:
            [seen] = self.made("StatisticsGen", [examples], [("ExampleStatistics", {})])
        [schema] = self.made("ImportSchemaGen", outputs=[("Schema", {})])
        [graph] = self.made("Transform", [examples, schema], [("TransformGraph", {})])
        [model] = self.made("Trainer", [examples, graph, schema], [("Model", {})])
        if push:
            pushed = {"pushed_version": version, "pushed_destination": f"/models/{version}"}
            self.made("Pusher", [model], [("PushedModel", pushed)])
        return examples, seen, schema, model

    @property
    def history(self) -> History:
        """What there is so far."""
        return History(
            pipeline="taxi", runs=(), executions=self.executions, artifacts=self.artifacts
        )
