"""How pods run, roll and leave: privileges, devices, images, and the time that draining takes."""

from __future__ import annotations

import pytest
from deploy_manifests import Document, container_of, flags, named, of_kind

NAMES = ["ringway", "tensorflow-serving"]
GPU = "nvidia.com/gpu"
# gRPC varies the age of a connection by a tenth, so that not all end at once (gRFC A9).
JITTER = 1.1
# How long a resolver may answer from its cache: the ttl that CoreDNS is commonly given, and the
# least time that gRPC lets pass between two look-ups.
DNS_SEC = 30


def _deployment(resources: list[Document], name: str) -> Document:
    return named(resources, "Deployment", name)["spec"]


@pytest.mark.parametrize("name", NAMES)
def test_a_pod_meets_the_restricted_standard(resources: list[Document], name: str) -> None:
    pod = _deployment(resources, name)["template"]["spec"]
    container = container_of(named(resources, "Deployment", name))
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] > 0
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "privileged": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
    assert not any("hostPath" in volume for volume in pod["volumes"])


def test_the_namespace_holds_every_pod_to_that_standard(resources: list[Document]) -> None:
    (namespace,) = of_kind(resources, "Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


@pytest.mark.parametrize("name", NAMES)
def test_a_pod_has_no_key_to_the_cluster(resources: list[Document], name: str) -> None:
    pod = _deployment(resources, name)["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert "serviceAccountName" not in pod


@pytest.mark.parametrize("name", NAMES)
def test_home_is_writable_though_the_root_is_not(resources: list[Document], name: str) -> None:
    container = container_of(named(resources, "Deployment", name))
    home = {one["name"]: one.get("value") for one in container["env"]}["HOME"]
    volumes = {
        volume["name"]
        for volume in _deployment(resources, name)["template"]["spec"]["volumes"]
        if "emptyDir" in volume
    }
    (mount,) = [one for one in container["volumeMounts"] if one["mountPath"] == home]
    assert mount["name"] in volumes


@pytest.mark.parametrize("name", NAMES)
def test_images_are_pinned(resources: list[Document], name: str) -> None:
    image = container_of(named(resources, "Deployment", name))["image"]
    repository, _, tag = image.partition(":")
    assert repository
    assert tag not in {"", "latest", "latest-gpu", "nightly", "nightly-gpu"}


def test_the_base_takes_one_gpu_and_the_image_for_it(base: list[Document]) -> None:
    container = container_of(named(base, "Deployment", "tensorflow-serving"))
    assert container["image"].endswith("-gpu")
    assert container["resources"]["limits"][GPU] == "1"
    # A device cannot be overcommitted: Kubernetes wants the two equal.
    assert container["resources"]["requests"][GPU] == "1"


def test_without_gpus_neither_device_nor_image_of_one_is_left(cpu: list[Document]) -> None:
    deployment = named(cpu, "Deployment", "tensorflow-serving")
    container = container_of(deployment)
    assert not container["image"].endswith("-gpu")
    assert not any(GPU in container["resources"][part] for part in ("requests", "limits"))
    assert "tolerations" not in deployment["spec"]["template"]["spec"]


@pytest.mark.parametrize("name", NAMES)
def test_a_roll_out_never_lowers_the_number_of_pods(resources: list[Document], name: str) -> None:
    strategy = _deployment(resources, name)["strategy"]
    assert strategy == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1},
    }


@pytest.mark.parametrize("name", NAMES)
def test_a_pod_waits_before_it_ends_and_has_time_left_to_end(
    resources: list[Document], name: str
) -> None:
    waits = container_of(named(resources, "Deployment", name))["lifecycle"]["preStop"]["sleep"]
    grace = _deployment(resources, name)["template"]["spec"]["terminationGracePeriodSeconds"]
    assert 0 < waits["seconds"] <= grace - 10


def test_clients_have_left_tensorflow_serving_before_it_stops(resources: list[Document]) -> None:
    container = container_of(named(resources, "Deployment", "tensorflow-serving"))
    channel = dict(
        pair.split("=") for pair in flags(container["args"])["grpc_channel_arguments"].split(",")
    )
    age = int(channel["grpc.max_connection_age_ms"]) / 1000 * JITTER
    last_calls = int(channel["grpc.max_connection_age_grace_ms"]) / 1000
    waits = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    # One connection ends, a stale name leads back once, that one ends, its calls finish.
    assert waits >= age + DNS_SEC + age + last_calls


def test_loading_has_longer_than_a_hung_server(resources: list[Document]) -> None:
    deployment = _deployment(resources, "tensorflow-serving")
    container = container_of(named(resources, "Deployment", "tensorflow-serving"))
    startup, alive = container["startupProbe"], container["livenessProbe"]
    starting = startup["periodSeconds"] * startup["failureThreshold"]
    assert starting > alive["periodSeconds"] * alive["failureThreshold"]
    # The roll-out must not be called failed while a pod may still be loading.
    assert deployment["progressDeadlineSeconds"] > starting


def test_a_front_is_not_restarted_when_its_backend_is_away(resources: list[Document]) -> None:
    container = container_of(named(resources, "Deployment", "ringway"))
    paths = {
        probe: container[probe]["httpGet"]["path"]
        for probe in ("startupProbe", "readinessProbe", "livenessProbe")
    }
    assert paths == {
        "startupProbe": "/healthz",
        "readinessProbe": "/readyz",
        "livenessProbe": "/healthz",
    }


def test_keys_are_asked_for_where_the_component_is_added(resources: list[Document]) -> None:
    container = container_of(named(resources, "Deployment", "ringway"))
    secrets = [
        volume
        for volume in _deployment(resources, "ringway")["template"]["spec"]["volumes"]
        if "secret" in volume
    ]
    assert ("--api-keys" in container["args"]) == bool(secrets)
    for volume in secrets:
        (mount,) = [one for one in container["volumeMounts"] if one["name"] == volume["name"]]
        file = container["args"][container["args"].index("--api-keys") + 1]
        assert file.startswith(f"{mount['mountPath']}/")
        # Readable for the group that `fsGroup` gives the file to, and for nobody else.
        assert volume["secret"]["defaultMode"] == 0o440
