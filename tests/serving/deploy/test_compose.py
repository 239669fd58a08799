"""The compose files: fields that Compose knows, Kubernetes' settings, health checks that run."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources as package_files
from typing import Any

import jsonschema
import pytest
import yaml
from deploy_manifests import DEPLOY, SERVER_FLAGS, Document, container_of, flags, named

COMPOSE = DEPLOY / "compose"
GIVEN = {
    "RINGWAY_IMAGE": "registry.example/ringway-serving:0.1.0",
    "RINGWAY_MODELS": "/srv/models",
    "RINGWAY_REQUEST_LOG": "/srv/requests",
}


class _Loader(yaml.SafeLoader):
    """Knows Compose's `!reset`, which takes the list it tags away from an earlier file."""


_Loader.add_constructor("!reset", yaml.SafeLoader.construct_sequence)


def _interpolated(text: str, given: dict[str, str]) -> str:
    """Fills `${NAME:-default}` and `${NAME:?message}` in, as Compose does."""

    def value(match: re.Match[str]) -> str:
        name, kind, rest = match.groups()
        if name in given:
            return given[name]
        if kind == "?":
            raise KeyError(rest)
        return rest

    return re.sub(r"\$\{(\w+):([-?])([^}]*)\}", value, text)


def _load(name: str, given: dict[str, str]) -> Document:
    text = (COMPOSE / name).read_text(encoding="utf-8")
    document: Document = yaml.load(_interpolated(text, given), Loader=_Loader)
    return document


@pytest.fixture
def compose() -> Document:
    return _load("compose.yaml", GIVEN)


@pytest.fixture(scope="module")
def schema() -> Document:
    """The Compose specification's own schema, as check-jsonschema carries it."""
    packed = package_files.files("check_jsonschema") / "builtin_schemas/vendor/compose-spec.json"
    document: Document = json.loads(packed.read_text(encoding="utf-8"))
    return document


@pytest.mark.parametrize("name", ["compose.yaml", "compose.cpu.yaml"])
def test_a_file_meets_the_schema_of_compose(schema: Document, name: str) -> None:
    jsonschema.validate(_load(name, GIVEN), schema)


@pytest.mark.parametrize(
    ("where", "change"),
    [
        ((), {"service": {}}),
        (("services", "ringway"), {"cap_dorp": ["ALL"]}),
        (("services", "ringway"), {"read_only": []}),
        (("services", "ringway", "healthcheck"), {"retrys": 3}),
        (("services", "ringway", "depends_on", "tensorflow-serving"), {"condition": "healthy"}),
        (("services", "tensorflow-serving", "volumes", 0), {"readonly": True}),
        (("services", "tensorflow-serving", "deploy", "resources"), {"reservation": {}}),
        (
            ("services", "tensorflow-serving", "deploy", "resources", "reservations", "devices", 0),
            {"capability": ["gpu"]},
        ),
    ],
)
def test_a_mistake_is_refused(
    compose: Document, schema: Document, where: tuple[Any, ...], change: Document
) -> None:
    spot: Any = compose
    for step in where:
        spot = spot[step]
    spot.update(change)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(compose, schema)


@pytest.mark.parametrize("missing", sorted(GIVEN))
def test_what_only_the_user_knows_is_asked_for(missing: str) -> None:
    with pytest.raises(KeyError, match=f"set {missing} to"):
        _load("compose.yaml", {name: value for name, value in GIVEN.items() if name != missing})


def test_both_servers_are_told_what_kubernetes_tells_them(
    compose: Document, base: list[Document]
) -> None:
    for name in ("tensorflow-serving", "ringway"):
        container = container_of(named(base, "Deployment", name))
        assert compose["services"][name]["entrypoint"] == container["command"]
        assert compose["services"][name]["command"] == container["args"]


def test_images_are_those_of_kubernetes(
    compose: Document, base: list[Document], cpu: list[Document]
) -> None:
    for document, resources in ((compose, base), (_load("compose.cpu.yaml", GIVEN), cpu)):
        container = container_of(named(resources, "Deployment", "tensorflow-serving"))
        assert document["services"]["tensorflow-serving"]["image"] == container["image"]
    assert compose["services"]["ringway"]["image"] == GIVEN["RINGWAY_IMAGE"]


def test_files_that_tensorflow_serving_is_given_are_mounted(compose: Document) -> None:
    server = compose["services"]["tensorflow-serving"]
    given = flags(server["command"])
    assert set(given) <= SERVER_FLAGS
    folders = {mount["target"]: mount["source"] for mount in server["volumes"]}
    for flag in ("model_config_file", "batching_parameters_file", "monitoring_config_file"):
        folder, _, file = given[flag].rpartition("/")
        assert (COMPOSE / folders[folder] / file).is_file()


def test_the_front_writes_its_log_to_the_folder_of_the_user(compose: Document) -> None:
    front = compose["services"]["ringway"]
    (mount,) = front["volumes"]
    assert mount["source"] == GIVEN["RINGWAY_REQUEST_LOG"]
    assert mount["target"] == front["command"][front["command"].index("--request-log") + 1]
    assert not mount.get("read_only", False)


def test_one_gpu_is_reserved(compose: Document) -> None:
    reserved = compose["services"]["tensorflow-serving"]["deploy"]["resources"]["reservations"]
    assert reserved["devices"] == [{"driver": "nvidia", "count": 1, "capabilities": ["gpu"]}]


def test_no_service_has_privileges(compose: Document) -> None:
    for service in compose["services"].values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert not service["user"].startswith("0")
        assert "privileged" not in service


def test_only_the_front_is_open_and_to_this_machine_alone(compose: Document) -> None:
    assert "ports" not in compose["services"]["tensorflow-serving"]
    assert compose["services"]["ringway"]["ports"] == [
        "127.0.0.1:8500:8500",
        "127.0.0.1:8501:8501",
    ]


def test_the_front_waits_for_a_loaded_model(compose: Document) -> None:
    waits = compose["services"]["ringway"]["depends_on"]
    assert waits == {"tensorflow-serving": {"condition": "service_healthy"}}


Answer = Callable[[str], tuple[int, str]]


@contextmanager
def _answering(answer: Answer) -> Iterator[int]:
    """An HTTP server on a free port that answers a path with a status and a body."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = answer(self.path)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as the base names it
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def _healthy(compose: Document, service: str, port: int) -> bool:
    kind, *command = compose["services"][service]["healthcheck"]["test"]
    assert kind == "CMD"
    here = [part.replace("127.0.0.1/8501", f"127.0.0.1/{port}") for part in command]
    assert here != command
    done = subprocess.run(here, capture_output=True, check=False, timeout=20)
    return done.returncode == 0


def _status(state: str) -> str:
    # As TensorFlow Serving prints GetModelStatusResponse.
    versions = [{"version": "1", "state": state, "status": {"error_code": "OK"}}]
    return json.dumps({"model_version_status": versions}, indent=1)


@pytest.mark.skipif(shutil.which("bash") is None, reason="the images have bash, this machine not")
@pytest.mark.parametrize(
    ("service", "path", "status", "body", "healthy"),
    [
        ("tensorflow-serving", "/v1/models/taxi", 200, _status("AVAILABLE"), True),
        ("tensorflow-serving", "/v1/models/taxi", 200, _status("LOADING"), False),
        ("tensorflow-serving", "/v1/models/taxi", 404, '{"error": "no such model"}', False),
        ("ringway", "/readyz", 200, "ready", True),
        ("ringway", "/readyz", 503, "waiting for the backend, 200 tries left", False),
    ],
)
def test_a_health_check_tells_ready_from_not_ready(
    compose: Document, service: str, path: str, status: int, body: str, healthy: bool
) -> None:
    def answer(asked: str) -> tuple[int, str]:
        return (status, body) if asked == path else (404, "")

    with _answering(answer) as port:
        assert _healthy(compose, service, port) is healthy


@pytest.mark.skipif(shutil.which("bash") is None, reason="the images have bash, this machine not")
@pytest.mark.parametrize("service", ["tensorflow-serving", "ringway"])
def test_a_server_that_does_not_listen_is_not_healthy(compose: Document, service: str) -> None:
    with _answering(lambda _path: (200, "")) as port:
        pass
    assert not _healthy(compose, service, port)
