"""The node in a pipeline on the runner: driver, worker process and cache."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from arrow_reference import examples
from tfx.types import standard_artifacts

from pipelines.lineage.store import connection_config
from pipelines.runners.local import runner
from pipelines.runners.local.runner import RunOptions
from pipelines.runners.local.schedule import NodeState
from pipelines.workspace import Workspace

COMPONENT = "components.arrow_example_gen.component"


def pipeline_of(workspace: Workspace, data: Path) -> Callable[[], Any]:
    def make_pipeline() -> Any:
        from tfx.orchestration.pipeline import Pipeline

        from components.arrow_example_gen import ArrowExampleGen

        return Pipeline(
            pipeline_name="rows",
            pipeline_root=str(workspace.pipeline_root("rows")),
            components=[ArrowExampleGen(input_base=str(data))],
            enable_cache=True,
            metadata_connection_config=connection_config(workspace.metadata_url),
        )

    return make_pipeline


def test_it_runs_once_for_the_same_files_and_anew_for_others(tmp_path: Path) -> None:
    workspace = Workspace.from_environment({"RINGWAY_HOME": str(tmp_path / "home")})
    (tmp_path / "data").mkdir()
    file = tmp_path / "data" / "rows.csv"

    def state() -> NodeState:
        options = RunOptions(preload=(COMPONENT,))
        make_pipeline = pipeline_of(workspace, tmp_path / "data")
        (node,) = runner.run("rows", make_pipeline, workspace, options=options).nodes
        assert node.ingests
        return node.state

    file.write_text("a,b\n1,x\n2,y\n")
    assert [state(), state()] == [NodeState.RAN, NodeState.CACHED]
    file.write_text("a,b\n1,x\n2,y\n3,z\n")
    assert state() == NodeState.RAN

    written = sorted((workspace.pipeline_root("rows") / "ArrowExampleGen" / "examples").iterdir())
    artifact = standard_artifacts.Examples()
    artifact.uri = str(written[-1])
    artifact.split_names = '["train", "eval"]'
    found = [row.features.feature["b"] for rows in examples(artifact).values() for row in rows]
    assert sorted(value.bytes_list.value[0] for value in found) == [b"x", b"y", b"z"]
