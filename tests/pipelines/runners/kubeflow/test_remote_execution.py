"""Tasks whose artifacts lie in an object store: a real S3 server over sockets."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubeflow_commands
import object_stores
import pytest
from kubeflow_commands import Run
from object_stores import BUCKET, ObjectStore

from pipelines.lineage import keys
from pipelines.lineage.store import connection_config, open_store
from pipelines.runners.kubeflow.compiler import compile_pipeline
from pipelines.runners.kubeflow.settings import Settings
from pipelines.runners.kubeflow.specification import REMOTE_SCHEMES

ROOT = f"s3://{BUCKET}/root"


@pytest.fixture(scope="module")
def server() -> Iterator[ObjectStore]:
    with object_stores.running() as store:
        yield store


@pytest.fixture
def store(server: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    for key in server.object_keys():
        server.client.delete_object(Bucket=BUCKET, Key=key)
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "argv", ["task"])
    return server


def run_of(folder: Path, components: list) -> Run:
    from tfx.orchestration.pipeline import Pipeline

    url = f"sqlite:///{folder / 'metadata.sqlite'}"
    pipeline = Pipeline(
        pipeline_name="toy",
        pipeline_root="/nowhere",
        components=components,
        enable_cache=True,
        metadata_connection_config=connection_config(url),
    )
    settings = Settings(image="an-image", pipeline_root=ROOT, workspace=str(folder))
    compiled = compile_pipeline(pipeline, settings)
    assert compiled.spec["defaultPipelineRoot"] == ROOT
    environment = {**kubeflow_commands.environment(folder), **os.environ, "RINGWAY_HOME": folder}
    return Run(compiled, folder / "kfp", {k: str(v) for k, v in environment.items()}).all()


def recorded(folder: Path, run: Run) -> tuple[dict[str, Any], list, list]:
    store = open_store(f"sqlite:///{folder / 'metadata.sqlite'}")
    context = store.get_context_by_type_and_name(keys.RUN_CONTEXT, run.name)
    nodes = json.loads(context.custom_properties[keys.RUN_NODES].string_value)
    executions = store.get_executions_by_context(context.id)
    return nodes, store.get_artifacts_by_context(context.id), executions


def test_artifacts_go_through_the_object_store(store: ObjectStore, tmp_path: Path) -> None:
    import toy_components as toys

    def chain() -> list:
        source = toys.Source(number=21)
        return [source, toys.Double(data=source.outputs["data"])]

    run = run_of(tmp_path, chain())
    assert run.exit_codes == {"begin": 0, "source": 0, "double": 0, "finish": 0}
    nodes, artifacts, _ = recorded(tmp_path, run)
    assert nodes == {"Source": "ran", "Double": "ran"}
    assert {artifact.uri.split("/data/")[0] for artifact in artifacts} >= {f"{ROOT}/toy/Source"}
    assert all(artifact.uri.startswith(f"{ROOT}/toy/") for artifact in artifacts)
    [doubled] = [key for key in store.object_keys("root/toy/Double/") if key.endswith("/value")]
    assert store.client.get_object(Bucket=BUCKET, Key=doubled)["Body"].read() == b"42"
    nodes, _, _ = recorded(tmp_path, run_of(tmp_path, chain()))
    assert nodes == {"Source": "cached", "Double": "cached"}


def test_what_a_failed_node_wrote_is_not_sent(store: ObjectStore, tmp_path: Path) -> None:
    import toy_components as toys

    source = toys.Source(number=21)
    run = run_of(tmp_path, [source, toys.Fail(data=source.outputs["data"], how="raise")])
    assert run.exit_codes["fail"] == 1
    assert store.object_keys("root/toy/Fail/") == []


def test_an_input_that_is_gone_is_named(
    store: ObjectStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import toy_components as toys

    source = toys.Source(number=21)
    double = toys.Double(data=source.outputs["data"])
    run = run_of(tmp_path, [source, double])
    for key in store.object_keys("root/toy/"):
        store.client.delete_object(Bucket=BUCKET, Key=key)
    run.uuid += "-2"
    assert run.all().exit_codes["double"] == 0  # the cache verifies, and Source runs again
    assert "Traceback" not in capsys.readouterr().err


def test_anomalies_are_read_from_the_object_store(store: ObjectStore, tmp_path: Path) -> None:
    import toy_components as toys

    source = toys.Source(number=1)
    data = source.outputs["data"]
    run = run_of(tmp_path, [source, toys.Object(data=data, feature="fare", severity="ERROR")])
    assert run.exit_codes == {"begin": 0, "source": 0, "object": 3}


def test_examples_are_made_of_a_bucket_s_newest_span(store: ObjectStore, tmp_path: Path) -> None:
    from tfx.components.example_gen.csv_example_gen.component import CsvExampleGen
    from tfx.proto import example_gen_pb2

    for span in (1, 2):
        store.put(f"data/span-{span}/rows.csv", b"fare,tip\n" + b"1.5,2\n" * 30)
    single = example_gen_pb2.Input.Split(name="rows", pattern="span-{SPAN}/*")

    def examples() -> CsvExampleGen:
        return CsvExampleGen(
            input_base=f"s3://{BUCKET}/data",
            input_config=example_gen_pb2.Input(splits=[single]),
        )

    run = run_of(tmp_path, [examples()])
    assert run.exit_codes == {"begin": 0, "csv-example-gen": 0, "finish": 0}
    _, [artifact], [execution] = recorded(tmp_path, run)
    assert artifact.custom_properties["span"].int_value == 2
    assert artifact.uri.startswith(ROOT)
    assert execution.custom_properties["input_base"].string_value == f"s3://{BUCKET}/data"
    sent = store.object_keys(artifact.uri.removeprefix(f"s3://{BUCKET}/"))
    assert {key.rsplit("/", 2)[1] for key in sent if key.endswith(".gz")} == {
        "Split-train",
        "Split-eval",
    }
    nodes, _, _ = recorded(tmp_path, run_of(tmp_path, [examples()]))
    assert nodes == {"CsvExampleGen": "cached"}


def test_a_model_is_pushed_beside_older_versions(store: ObjectStore, tmp_path: Path) -> None:
    from tfx.components.pusher.component import Pusher
    from tfx.dsl.components.common.importer import Importer
    from tfx.proto import pusher_pb2
    from tfx.types import standard_artifacts

    store.put("models/1/saved_model.pb", b"old")
    store.put("trained/Format-Serving/saved_model.pb", b"new")
    model = Importer(
        source_uri=f"s3://{BUCKET}/trained", artifact_type=standard_artifacts.Model
    ).with_id("model")
    base = pusher_pb2.PushDestination.Filesystem(base_directory=f"s3://{BUCKET}/models")
    pusher = Pusher(
        model=model.outputs["result"],
        push_destination=pusher_pb2.PushDestination(filesystem=base),
    )
    run = run_of(tmp_path, [model, pusher])
    assert run.exit_codes == {"begin": 0, "model": 0, "pusher": 0, "finish": 0}
    versions = {key.split("/")[1] for key in store.object_keys("models/")}
    assert "1" in versions
    [pushed] = [name for name in versions if name.isdigit() and name != "1"]
    body = store.client.get_object(Bucket=BUCKET, Key=f"models/{pushed}/saved_model.pb")["Body"]
    assert body.read() == b"new"
    _, artifacts, _ = recorded(tmp_path, run)
    [destination] = [
        artifact.custom_properties["pushed_destination"].string_value
        for artifact in artifacts
        if "pushed_destination" in artifact.custom_properties
    ]
    assert destination == f"s3://{BUCKET}/models/{pushed}"
    assert f"s3://{BUCKET}/models/{pushed}" in run.summary("pusher").read_text()


def test_schemes_are_those_that_kubeflow_maps() -> None:
    assert set(REMOTE_SCHEMES) == {"gs://", "s3://", "minio://"}
