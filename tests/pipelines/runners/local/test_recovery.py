"""What is put in order after a kill, on stores written as TFX writes them."""

import json
from pathlib import Path

import pytest
from ml_metadata import MetadataStore
from ml_metadata.proto import metadata_store_pb2 as proto
from rollout_pushes import push

from pipelines.lineage import keys
from pipelines.lineage.store import open_store
from pipelines.runners.local import recovery
from serving.rollout import order
from serving.rollout.order import Order

PUSHER = "tfx.components.pusher.component.Pusher"


@pytest.fixture
def store(tmp_path: Path) -> MetadataStore:
    return open_store(f"sqlite:///{tmp_path / 'metadata.sqlite'}")


def context(store: MetadataStore, kind: str, name: str) -> proto.Context:
    made = proto.Context(name=name)
    made.type_id = store.put_context_type(proto.ContextType(name=kind), can_add_fields=True)
    [made.id] = store.put_contexts([made])
    return made


def execution(
    store: MetadataStore, root: Path, kind: str, node_id: str, state: int, base: Path | None = None
) -> int:
    made = proto.Execution(last_known_state=state)
    made.type_id = store.put_execution_type(proto.ExecutionType(name=kind))
    if base is not None:
        destination = {"filesystem": {"base_directory": str(base)}}
        made.custom_properties["push_destination"].string_value = json.dumps(destination)
    run = store.get_context_by_type_and_name(keys.RUN_CONTEXT, "taxi-0")
    if run is None:
        run = context(store, keys.RUN_CONTEXT, "taxi-0")
        run.custom_properties[keys.RUN_ROOT].string_value = str(root)
        store.put_contexts([run])
    contexts = [
        run,
        store.get_context_by_type_and_name(keys.PIPELINE_CONTEXT, "taxi")
        or context(store, keys.PIPELINE_CONTEXT, "taxi"),
        store.get_context_by_type_and_name(keys.NODE_CONTEXT, f"taxi.{node_id}")
        or context(store, keys.NODE_CONTEXT, f"taxi.{node_id}"),
    ]
    made_id, _, _ = store.put_execution(made, [], contexts)
    return int(made_id)


def state_of(store: MetadataStore, execution_id: int) -> int:
    [found] = store.get_executions_by_id([execution_id])
    return int(found.last_known_state)


def test_nothing_to_do_in_an_empty_store(store: MetadataStore) -> None:
    assert recovery.recover(store, "taxi") == []


def test_fails_what_was_running_and_removes_only_its_output(
    store: MetadataStore, tmp_path: Path
) -> None:
    done = execution(store, tmp_path, "Trainer", "Trainer", proto.Execution.COMPLETE)
    killed = execution(store, tmp_path, "Trainer", "Trainer", proto.Execution.RUNNING)
    folders = {i: tmp_path / "Trainer" / "model" / str(i) for i in (done, killed)}
    for folder in folders.values():
        folder.mkdir(parents=True)
        (folder / "saved_model.pb").write_text("model")
    # A folder of the same number inside a finished output, as KerasTuner's trials make.
    (folders[done] / "trials" / str(killed)).mkdir(parents=True)
    working = tmp_path / "Trainer" / ".system" / "executor_execution" / str(killed)
    working.mkdir(parents=True)
    [said] = recovery.recover(store, "taxi")
    assert f"Trainer (execution {killed}) had been killed" in said
    assert state_of(store, killed) == proto.Execution.FAILED
    assert state_of(store, done) == proto.Execution.COMPLETE
    assert folders[done].exists()
    assert (folders[done] / "trials" / str(killed)).exists()
    assert not folders[killed].exists()
    assert not working.exists()
    assert recovery.recover(store, "taxi") == []


def test_sets_a_half_pushed_version_aside_and_leaves_the_others(
    store: MetadataStore, tmp_path: Path
) -> None:
    base = tmp_path / "models"
    killed = execution(store, tmp_path, PUSHER, "Pusher", proto.Execution.RUNNING, base)
    [found] = store.get_executions_by_id([killed])
    now = found.create_time_since_epoch // 1000
    by_hand, recorded, half = (str(number) for number in (now - 100, now + 1, now + 2))
    for version in (by_hand, recorded, half):
        (base / version).mkdir(parents=True)
    pushed = proto.Artifact(uri=str(tmp_path))
    pushed.type_id = store.put_artifact_type(proto.ArtifactType(name="PushedModel"))
    pushed.custom_properties["pushed_version"].string_value = recorded
    store.put_artifacts([pushed])
    said = recovery.recover(store, "taxi")
    assert any(f"version {half} was half pushed" in sentence for sentence in said)
    assert {path.name for path in base.iterdir()} == {by_hand, recorded, f"incomplete-{half}"}


def test_servers_are_told_to_go_back_where_they_were_to_serve_what_is_set_aside(
    store: MetadataStore, tmp_path: Path
) -> None:
    base, folder = tmp_path / "models", tmp_path / "rollouts"
    kind = "components.rollout_pusher.component.RolloutPusher"
    killed = execution(store, tmp_path, kind, "Pusher", proto.Execution.RUNNING, base)
    [found] = store.get_executions_by_id([killed])
    found.custom_properties["rollout_root"].string_value = str(folder)
    store.put_executions([found])
    half = found.create_time_since_epoch // 1000 + 2
    for version in (7, 8, half):
        (base / str(version)).mkdir(parents=True)
    for version in (7, 8):
        push(store, version, stable=None, model="taxi")
    order.write(Order(model="taxi", serves=half), folder)
    said = recovery.recover(store, "taxi")
    assert said[-1] == "servers were told to go back to version 8"
    assert order.read(folder) == Order(model="taxi", serves=8)


def test_closes_only_the_runs_of_this_pipeline(store: MetadataStore, tmp_path: Path) -> None:
    execution(store, tmp_path, "Trainer", "Trainer", proto.Execution.COMPLETE)
    for name, owner in (("taxi-1", "taxi"), ("taxi-new-1", "taxi-new")):
        run = context(store, keys.RUN_CONTEXT, name)
        run.custom_properties[keys.RUN_PIPELINE].string_value = owner
        run.custom_properties[keys.RUN_STATE].string_value = "RUNNING"
        store.put_contexts([run])
    recovery.recover(store, "taxi")
    states = {
        run.name: run.custom_properties[keys.RUN_STATE].string_value
        for run in store.get_contexts_by_type(keys.RUN_CONTEXT)
    }
    del states["taxi-0"]
    assert states == {"taxi-1": "FAILED", "taxi-new-1": "RUNNING"}
