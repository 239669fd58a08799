"""Versions come and go; configurations and labels are replaced."""

import shutil

import grpc
import pytest
import serving_requests as ask
from model_server import refused, until
from served_models import (
    AVAILABLE,
    END,
    answered_version,
    config,
    error_of,
    push,
    push_broken,
    reaches,
    serve,
    states,
)

INVALID = grpc.StatusCode.INVALID_ARGUMENT
NOT_FOUND = grpc.StatusCode.NOT_FOUND
OK = 0


@pytest.fixture
def half(model_root, tmp_path):
    """A base path with version 1, under a name of its own."""
    base = tmp_path / f"half-{tmp_path.name}"
    push(model_root / "half" / "124", base, 1)
    return base


def add(base, version):
    push(base / "1", base, version)


def test_a_new_version_replaces_the_old_one(empty_server, half):
    serve(empty_server, half)
    assert answered_version(empty_server, half.name) == 1
    add(half, "00000003")
    (half / "notes").mkdir()
    reaches(empty_server, half.name, {3: AVAILABLE, 1: END})
    assert answered_version(empty_server, half.name) == 3
    with refused(NOT_FOUND, f"Servable not found for request: Specific({half.name}, 1)"):
        empty_server.prediction.Predict(ask.predict(ask.spec(half.name, 1), x=[1.0]))


def test_there_is_always_a_version_that_answers(empty_server, half):
    serve(empty_server, half)
    answered = [answered_version(empty_server, half.name)]
    add(half, 2)

    def swapped():
        answered.append(answered_version(empty_server, half.name))
        return answered[-1] == 2

    until(swapped)
    assert set(answered) == {1, 2}


def test_a_version_that_fails_leaves_the_old_one(empty_server, half):
    serve(empty_server, half)
    push_broken(half, 2)
    reaches(empty_server, half.name, {2: END, 1: AVAILABLE})
    assert error_of(empty_server, half.name, 2).error_code != OK
    assert error_of(empty_server, half.name, 2).error_message
    assert answered_version(empty_server, half.name) == 1


def test_without_versions_nothing_is_served(empty_server, half):
    serve(empty_server, half)
    shutil.rmtree(half / "1")
    reaches(empty_server, half.name, {1: END})
    with refused(NOT_FOUND, f"Servable not found for request: Latest({half.name})"):
        empty_server.prediction.Predict(ask.predict(ask.spec(half.name), x=[1.0]))


def test_a_base_path_that_vanishes_is_told_and_its_model_stays(empty_server, half):
    serve(empty_server, half)
    half.rename(half.with_name("moved"))
    until(lambda: str(half) in empty_server.stderr)
    assert answered_version(empty_server, half.name) == 1


@pytest.mark.parametrize(
    ("policy", "served"),
    [
        ("", [4]),
        ("latest { num_versions: 2 }", [4, 3]),
        ("all {}", [4, 3, 1]),
        ("specific { versions: 3 versions: 1 versions: 9 }", [3, 1]),
    ],
)
def test_policies(empty_server, half, policy, served):
    add(half, 3)
    add(half, 4)
    serve(empty_server, half, more=f"model_version_policy {{ {policy} }}")
    reaches(empty_server, half.name, dict.fromkeys(served, AVAILABLE))


def test_a_call_in_flight_keeps_its_version(empty_server, model_root, half):
    slow = half.parent / "slow"
    push(model_root / "slow" / "1", slow, 1)
    serve(empty_server, slow)
    call = empty_server.prediction.Predict.future(ask.predict(ask.spec("slow"), x=[1.0]))
    serve(empty_server, half)
    assert ask.values(call.result()) == [1.0]
    reaches(empty_server, "slow", {1: END})


def test_a_reload_replaces_the_models_and_waits_for_new_ones(empty_server, half):
    other = half.with_name("other")
    push(half / "1", other, 5)
    serve(empty_server, half)
    response = serve(empty_server, other)
    assert response.status.error_code == OK
    assert response.HasField("status")
    assert answered_version(empty_server, "other") == 5
    reaches(empty_server, half.name, {1: END})


def test_a_reload_tells_how_metrics_grew(empty_server, half):
    name = "/tensorflow/cc/saved_model/load_attempt_count"
    response = serve(empty_server, half, metrics=(name, "/no/such/metric"))
    assert [(each.name, each.int64_value_increase) for each in response.metric] == [(name, 1)]


def test_a_reload_fails_when_a_new_model_does(empty_server, half):
    broken = half.with_name("broken")
    push_broken(broken, 1)
    with refused(grpc.StatusCode.UNKNOWN, "{name: broken version: 1}"):
        serve(empty_server, half, broken)
    assert answered_version(empty_server, half.name) == 1


def test_an_empty_list_serves_nothing(empty_server, half):
    serve(empty_server, half)
    serve(empty_server)
    reaches(empty_server, half.name, {1: END})


@pytest.mark.parametrize("text", ["", "custom_model_config {}"])
def test_only_lists_of_models_can_be_reloaded(empty_server, text):
    with refused(INVALID):
        empty_server.models.HandleReloadConfigRequest(ask.reload(text))


def test_labels_name_versions_and_can_be_moved(empty_server, half):
    add(half, 2)
    policy = "model_version_policy { all {} }"
    serve(empty_server, half, more=policy)
    reaches(empty_server, half.name, {2: AVAILABLE, 1: AVAILABLE})
    for stable in (1, 2, 1):
        labels = f'version_labels {{ key: "stable" value: {stable} }}'
        serve(empty_server, half, more=f"{policy} {labels}")
        assert answered_version(empty_server, half.name, label="stable") == stable
    serve(empty_server, half, more=policy)
    with refused(INVALID, "Unrecognized servable version label: stable"):
        answered_version(empty_server, half.name, label="stable")


def test_labels_must_name_versions_that_serve(empty_server, half):
    serve(empty_server, half)
    with refused(grpc.StatusCode.FAILED_PRECONDITION) as caught:
        serve(empty_server, half, more='version_labels { key: "new" value: 7 }')
    assert caught.value.details() == (
        f"Request to assign label to version 7 of model {half.name}, "
        "which is not currently available for inference"
    )
    assert answered_version(empty_server, half.name) == 1


def test_a_configuration_file_is_followed(batching_server, model_root, tmp_path):
    server, file, before = batching_server
    added = tmp_path / "added"
    push(model_root / "half" / "124", added, 1)
    file.write_text(before.rpartition("}")[0] + config(added).partition("{")[2])
    until(lambda: server.ask("GET", "/v1/models/added").status == 200)
    reaches(server, "added", {1: AVAILABLE})
    file.write_text("model_config_list { nonsense")
    until(lambda: "Error parsing text-format tensorflow.serving.ModelServer" in server.stderr)
    assert states(server, "added") == {1: AVAILABLE}
    file.write_text(before)
    reaches(server, "added", {1: END})
