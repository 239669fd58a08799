"""The job for Vertex is stock TFX's to the last byte, and what would fail there is told."""

from pathlib import Path
from typing import Any

import pytest

from pipelines.submission import vertex

IMAGE = "images.example/ringway:1"


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    import kubeflow_toys

    path = tmp_path_factory.mktemp("vertex") / "job.json"
    return vertex.compile_job(kubeflow_toys.pipeline(), IMAGE, path)


def settled(job: dict[str, Any], **change: Any) -> vertex.VertexJob:
    asked: dict[str, Any] = {
        "project": "ringway-tests",
        "region": "europe-west4",
        "root": "gs://bucket/runs",
        "values": {},
    }
    return vertex.VertexJob(job=job, **{**asked, **change})


def test_the_job_is_what_stock_tfx_writes(job: dict[str, Any], tmp_path: Path) -> None:
    import json

    import kubeflow_toys
    from tfx.orchestration.kubeflow.v2 import kubeflow_v2_dag_runner as stock

    runner = stock.KubeflowV2DagRunner(
        config=stock.KubeflowV2DagRunnerConfig(default_image=IMAGE),
        output_filename=str(tmp_path / "stock.json"),
    )
    runner.run(kubeflow_toys.pipeline())
    assert job == json.loads((tmp_path / "stock.json").read_text())


def test_its_parameters_are_read(job: dict[str, Any]) -> None:
    assert vertex.declared(job)["number"] == "int"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"root": "s3://bucket"}, "gs:// alone"),
        ({"project": ""}, "project's id"),
        ({"region": "Europe"}, "a region"),
    ],
)
def test_where_it_goes_is_checked(job: dict[str, Any], change: dict[str, Any], words: str) -> None:
    [finding] = vertex.findings(settled(job, **change), "/opt/ringway")
    assert words in finding.problem


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("/gcs/bucket/data", True),
        ("/opt/ringway/schemas/taxi/schema.pbtxt", True),
        ("/srv/me/schema.pbtxt", False),
        ('{"rules": "/srv/me/rules.toml"}', False),
        ("--model_dir=/srv/me/model", False),
    ],
)
def test_paths_that_no_machine_of_vertex_has_are_told(
    job: dict[str, Any], text: str, good: bool
) -> None:
    changed = {**job, "runtimeConfig": {"parameterValues": {"place": text}}}
    problems = [f.problem for f in vertex.findings(settled(changed), "/opt/ringway")]
    assert (problems == []) == good


def test_the_client_takes_the_job(job: dict[str, Any], tmp_path: Path) -> None:
    import json

    from google.auth.credentials import AnonymousCredentials
    from google.cloud import aiplatform

    path = tmp_path / "job.json"
    path.write_text(json.dumps(job))
    arguments = settled(job, values={"number": 4}).arguments(path, "toy-1")
    made = aiplatform.PipelineJob(**arguments, credentials=AnonymousCredentials()).to_dict()
    assert made["displayName"] == "toy-1"
    config = made["runtimeConfig"]
    assert config["gcsOutputDirectory"] == "gs://bucket/runs"
    assert "4" in str(config.get("parameters") or config.get("parameterValues"))


def test_the_command_that_is_printed_is_python(job: dict[str, Any]) -> None:
    import ast
    import shlex

    python, option, code = shlex.split(settled(job).command(Path("/tmp/job.json"), "toy-1"))
    assert (python, option) == ("python", "-c")
    ast.parse(code)
    assert "project='ringway-tests'" in code
