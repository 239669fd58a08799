"""What TensorFlow Serving is told: flags that exist, texts that parse, versions that agree."""

from __future__ import annotations

from typing import Any

import pytest
from deploy_manifests import DEPLOY, FRONT_OPTIONS, SERVER_FLAGS, Document, container_of, flags
from deploy_manifests import named as find
from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from serving.wire import messages

# The official package ships the message of the models only; the other two are checked with the
# messages that our own server reads the same files with.
MESSAGES: dict[str, Any] = {
    "models.pbtxt": model_server_config_pb2.ModelServerConfig,
    "batching.pbtxt": messages.BatchingParameters,
    "monitoring.pbtxt": messages.MonitoringConfig,
}
TEXTS = sorted(DEPLOY.rglob("*.pbtxt"))


def _parsed(name: str, text: str) -> Any:
    return text_format.Parse(text, MESSAGES[name]())


def _setting(resources: list[Document], file: str) -> Any:
    (text,) = [
        one["data"][file] for one in resources if one["kind"] == "ConfigMap" and file in one["data"]
    ]
    return _parsed(file, text)


def _server(resources: list[Document]) -> Document:
    return container_of(find(resources, "Deployment", "tensorflow-serving"))


def test_every_flag_is_one_of_tensorflow_serving(resources: list[Document]) -> None:
    arguments = _server(resources)["args"]
    assert all(argument.startswith("--") and "=" in argument for argument in arguments)
    assert set(flags(arguments)) <= SERVER_FLAGS
    assert len(flags(arguments)) == len(arguments)


def test_a_misspelt_flag_would_be_seen() -> None:
    assert not set(flags(["--enable_grpc_healthcheck=true"])) <= SERVER_FLAGS


def test_every_option_is_one_of_the_front(resources: list[Document]) -> None:
    verb, model, *rest = container_of(find(resources, "Deployment", "ringway"))["args"]
    assert (verb, model) == ("serve", "taxi")
    assert set(rest[::2]) <= FRONT_OPTIONS
    assert not any(value.startswith("--") for value in rest[1::2])


def test_ports_of_the_flags_are_those_of_the_container(resources: list[Document]) -> None:
    container = _server(resources)
    given = flags(container["args"])
    ports = {port["name"]: str(port["containerPort"]) for port in container["ports"]}
    assert ports == {"grpc": given["port"], "rest": given["rest_api_port"]}


def test_the_probes_of_grpc_have_a_service_to_ask(resources: list[Document]) -> None:
    assert flags(_server(resources)["args"])["enable_grpc_healthcheck_service"] == "true"


def test_a_batching_file_comes_with_batching(resources: list[Document]) -> None:
    # The server refuses to start with the first and without the second.
    given = flags(_server(resources)["args"])
    assert "batching_parameters_file" in given
    assert given["enable_batching"] == "true"


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_every_text_parses(path: Any) -> None:
    _parsed(path.name, path.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("file", "field", "misspelt"),
    [
        ("models.pbtxt", "base_path:", "base_dir:"),
        ("models.pbtxt", "num_versions: 1", 'num_versions: "one"'),
        ("batching.pbtxt", "num_batch_threads {", "num_batch_thread {"),
        ("batching.pbtxt", "max_batch_size { value: 1024 }", "max_batch_size: 1024"),
        ("monitoring.pbtxt", "enable:", "enabled:"),
    ],
)
def test_a_mistake_in_a_text_is_refused(file: str, field: str, misspelt: str) -> None:
    text = (DEPLOY / "config" / file).read_text(encoding="utf-8")
    assert field in text
    with pytest.raises(text_format.ParseError):
        _parsed(file, text.replace(field, misspelt))


def test_models_are_read_from_the_volume_of_models(resources: list[Document]) -> None:
    (model,) = _setting(resources, "models.pbtxt").model_config_list.config
    (mount,) = [one for one in _server(resources)["volumeMounts"] if one["name"] == "models"]
    assert model.base_path == f"{mount['mountPath']}/{model.name}"
    assert model.model_platform == "tensorflow"
    assert mount["readOnly"]


def test_the_front_serves_a_model_that_is_configured(resources: list[Document]) -> None:
    models = {one.name for one in _setting(resources, "models.pbtxt").model_config_list.config}
    assert container_of(find(resources, "Deployment", "ringway"))["args"][1] in models


def test_the_base_serves_whatever_was_pushed_last(base: list[Document]) -> None:
    (model,) = _setting(base, "models.pbtxt").model_config_list.config
    assert model.model_version_policy.WhichOneof("policy_choice") == "latest"
    assert model.model_version_policy.latest.num_versions == 1
    assert not model.version_labels


def test_the_canary_labels_versions_that_are_loaded(canary: list[Document]) -> None:
    (model,) = _setting(canary, "models.pbtxt").model_config_list.config
    assert set(model.version_labels) == {"stable", "canary"}
    assert set(model.version_labels.values()) == set(model.model_version_policy.specific.versions)
    assert model.version_labels["stable"] != model.version_labels["canary"]
    # At start no version is loaded yet, and labels are set all the same.
    assert flags(_server(canary)["args"])["allow_version_labels_for_unavailable_models"] == "true"


def test_an_edit_of_the_models_reaches_a_running_server(resources: list[Document]) -> None:
    assert int(flags(_server(resources)["args"])["model_config_file_poll_wait_seconds"]) > 0
    # A name that changed with its content would start new pods; a subPath would never change.
    find(resources, "ConfigMap", "tensorflow-serving-models")
    assert not any("subPath" in mount for mount in _server(resources)["volumeMounts"])


def test_an_edit_of_the_settings_rolls_the_pods(canary: list[Document]) -> None:
    (name,) = [
        one["metadata"]["name"]
        for one in canary
        if one["kind"] == "ConfigMap" and "batching.pbtxt" in one["data"]
    ]
    assert name.startswith("tensorflow-serving-settings-")


def test_batches_are_as_tensorflow_serving_demands(resources: list[Document]) -> None:
    batching = _setting(resources, "batching.pbtxt")
    sizes = list(batching.allowed_batch_sizes)
    assert sizes == sorted(set(sizes))
    assert sizes[-1] == batching.max_batch_size.value
    assert batching.num_batch_threads.value >= 1


def test_metrics_are_where_they_are_scraped(resources: list[Document]) -> None:
    prometheus = _setting(resources, "monitoring.pbtxt").prometheus_config
    template = find(resources, "Deployment", "tensorflow-serving")["spec"]["template"]
    assert prometheus.enable
    assert prometheus.path == template["metadata"]["annotations"]["prometheus.io/path"]
