"""The overlay that rolls a version over replicas: what changes when the version does, and how."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
from deploy_manifests import DEPLOY, KUBERNETES, OLDEST, Document, container_of, named, rendered
from google.protobuf import text_format
from model_server import free_port, until
from tensorflow_serving.config import model_server_config_pb2

from pipelines.workspace import REPOSITORY
from serving.server.options import ServerOptions

ROLLING = "kubernetes/overlays/rolling"


@pytest.fixture(scope="module")
def rolling() -> list[Document]:
    return rendered(DEPLOY / ROLLING)


def _front(resources: list[Document]) -> Document:
    return named(resources, "Deployment", "ringway")


def _models(text: str) -> Any:
    parsed = text_format.Parse(text, model_server_config_pb2.ModelServerConfig())
    (config,) = parsed.model_config_list.config
    return config


@pytest.mark.parametrize("version", [OLDEST, kubernetes_validate.latest_version()])
def test_every_resource_meets_the_strict_schema(rolling: list[Document], version: str) -> None:
    for resource in rolling:
        kubernetes_validate.validate(resource, version, strict=True)


def test_another_version_is_another_template_and_nothing_else(
    rolling: list[Document], tmp_path: Path
) -> None:
    shutil.copytree(DEPLOY, tmp_path / "deploy")
    path = tmp_path / "deploy" / ROLLING / "models.pbtxt"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("versions: 1 ", "versions: 1767323045 "), encoding="utf-8")
    edited = rendered(tmp_path / "deploy" / ROLLING)
    before, after = _front(rolling), _front(edited)
    names = [_version_map(deployment) for deployment in (before, after)]
    # A new name is what makes Kubernetes roll: a pod does not look into a map that has changed.
    assert names[0] != names[1]
    assert json.loads(json.dumps(before).replace(names[0], names[1])) == after
    assert [named(edited, "ConfigMap", names[1])["data"] != {}] == [True]
    others = [[one for one in found if one["kind"] not in {"Deployment", "ConfigMap"}]
              for found in (rolling, edited)]  # fmt: skip
    assert others[0] == others[1]


def _version_map(deployment: Document) -> str:
    volumes = deployment["spec"]["template"]["spec"]["volumes"]
    (name,) = [one["configMap"]["name"] for one in volumes if "configMap" in one]
    return str(name)


def test_no_pod_goes_before_its_successor_has_the_model(rolling: list[Document]) -> None:
    spec = _front(rolling)["spec"]
    assert spec["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    container = container_of(_front(rolling))
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
    startup = container["startupProbe"]
    # The roll-out must not be called failed while a pod may still be starting.
    assert spec["progressDeadlineSeconds"] > startup["periodSeconds"] * startup["failureThreshold"]


def test_a_pod_drains_before_it_is_killed(rolling: list[Document]) -> None:
    waits = container_of(_front(rolling))["lifecycle"]["preStop"]["sleep"]["seconds"]
    grace = _front(rolling)["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    # New connections stop coming, then calls under way end.
    assert waits + ServerOptions(model_name="taxi").drain_grace_seconds <= grace


def test_the_version_is_looked_for_in_the_claim_of_models(rolling: list[Document]) -> None:
    container = container_of(_front(rolling))
    config = _models(
        named(rolling, "ConfigMap", _version_map(_front(rolling)))["data"]["models.pbtxt"]
    )
    (mount,) = [one for one in container["volumeMounts"] if one["name"] == "models"]
    assert config.base_path == f"{mount['mountPath']}/{config.name}"
    assert mount["readOnly"] is True
    assert list(config.model_version_policy.specific.versions) == [1]


def test_the_server_reads_the_file_where_it_is_mounted(rolling: list[Document]) -> None:
    container = container_of(_front(rolling))
    (mount,) = [one for one in container["volumeMounts"] if one["name"] == "version"]
    file = container["args"][container["args"].index("--model-config") + 1]
    assert file == f"{mount['mountPath']}/models.pbtxt"


def test_a_pod_serves_its_version_while_newer_ones_are_there(
    rolling: list[Document], tmp_path: Path
) -> None:
    """The container's own arguments, with its folders put below `tmp_path`."""
    from saved_models import half_plus_two

    half_plus_two(tmp_path / "models/taxi/1")
    half_plus_two(tmp_path / "models/taxi/2")
    config = tmp_path / "models.pbtxt"
    text = (DEPLOY / ROLLING / "models.pbtxt").read_text(encoding="utf-8")
    config.write_text(text.replace("/tmp/ringway/models", str(tmp_path / "models")), "utf-8")
    rest = free_port()
    places = {
        "/etc/ringway/version/models.pbtxt": str(config),
        "/var/log/ringway/requests": str(tmp_path / "requests"),
        "0.0.0.0": "127.0.0.1",
        "8500": str(free_port()),
        "8501": str(rest),
    }
    arguments = [places.get(one, one) for one in container_of(_front(rolling))["args"]]
    with _served(arguments, tmp_path) as process:
        assert until(lambda: _status(f"http://127.0.0.1:{rest}/readyz") == 200)
        states = _json(f"http://127.0.0.1:{rest}/v1/models/taxi")["model_version_status"]
        assert [(one["version"], one["state"]) for one in states] == [("1", "AVAILABLE")]
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


@contextlib.contextmanager
def _served(arguments: list[str], home: Path) -> Iterator[subprocess.Popen[bytes]]:
    environment = {**os.environ, "RINGWAY_HOME": str(home)}
    command = [sys.executable, "-m", "pipelines.cli.main", *arguments]
    with (
        (home / "serve.log").open("wb") as log,
        subprocess.Popen(
            command, cwd=REPOSITORY, env=environment, stdout=log, stderr=subprocess.STDOUT
        ) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


def _status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def _json(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=5) as answer:
        return json.load(answer)


def test_the_overlay_is_the_one_that_readme_names() -> None:
    assert (KUBERNETES / "overlays/rolling").is_dir()
    assert "`kubernetes/overlays/rolling`" in (DEPLOY / "README.md").read_text(encoding="utf-8")
