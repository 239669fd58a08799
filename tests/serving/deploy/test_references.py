"""What one resource names, another one is: selectors, ports, claims, targets."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from deploy_manifests import Document, container_of, named, of_kind

NAMES = ["ringway", "tensorflow-serving"]


def _labels(resources: list[Document], name: str) -> dict[str, str]:
    return named(resources, "Deployment", name)["spec"]["template"]["metadata"]["labels"]


def _selected(resources: list[Document], selector: dict[str, str]) -> list[str]:
    """Names of the deployments whose pods the labels select."""
    return [
        name for name in NAMES if selector and selector.items() <= _labels(resources, name).items()
    ]


def _ports(resources: list[Document], name: str) -> dict[str, int]:
    ports = container_of(named(resources, "Deployment", name))["ports"]
    return {port["name"]: port["containerPort"] for port in ports}


def test_there_are_two_deployments(resources: list[Document]) -> None:
    assert sorted(one["metadata"]["name"] for one in of_kind(resources, "Deployment")) == NAMES


def test_all_but_the_namespace_lie_in_it(resources: list[Document]) -> None:
    (namespace,) = of_kind(resources, "Namespace")
    others = [one for one in resources if one is not namespace]
    assert {one["metadata"]["namespace"] for one in others} == {namespace["metadata"]["name"]}


def test_no_two_resources_share_kind_and_name(resources: list[Document]) -> None:
    names = [(one["kind"], one["metadata"]["name"]) for one in resources]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", NAMES)
def test_a_deployment_selects_its_own_pods_only(resources: list[Document], name: str) -> None:
    spec = named(resources, "Deployment", name)["spec"]
    assert _selected(resources, spec["selector"]["matchLabels"]) == [name]
    for spread in spec["template"]["spec"]["topologySpreadConstraints"]:
        assert _selected(resources, spread["labelSelector"]["matchLabels"]) == [name]


@pytest.mark.parametrize(
    ("service", "target"),
    [
        ("tensorflow-serving", "tensorflow-serving"),
        ("ringway", "ringway"),
        ("ringway-headless", "ringway"),
    ],
)
def test_a_service_leads_to_ports_of_its_pods(
    resources: list[Document], service: str, target: str
) -> None:
    spec = named(resources, "Service", service)["spec"]
    assert _selected(resources, spec["selector"]) == [target]
    for port in spec["ports"]:
        assert _ports(resources, target)[port["targetPort"]] == port["port"]


def test_grpc_clients_see_every_pod(resources: list[Document]) -> None:
    headless = [
        service["metadata"]["name"]
        for service in of_kind(resources, "Service")
        if service["spec"].get("clusterIP") == "None"
    ]
    assert sorted(headless) == ["ringway-headless", "tensorflow-serving"]


def test_the_front_calls_the_service_of_tensorflow_serving(resources: list[Document]) -> None:
    arguments = container_of(named(resources, "Deployment", "ringway"))["args"]
    scheme, _, address = arguments[arguments.index("--backend") + 1].partition("://")
    host, port = address.split(":")
    ports = named(resources, "Service", host)["spec"]["ports"]
    assert (scheme, int(port)) == (
        "grpc",
        next(one["port"] for one in ports if one["name"] == "grpc"),
    )


def _probed_ports(container: Document) -> Iterator[int | str]:
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        # A pod without one of the three lacks it by mistake, hence no `get`.
        (action,) = set(container[probe]) & {"grpc", "httpGet"}
        yield container[probe][action]["port"]


@pytest.mark.parametrize("name", NAMES)
def test_probes_ask_ports_that_the_container_has(resources: list[Document], name: str) -> None:
    ports = _ports(resources, name)
    container = container_of(named(resources, "Deployment", name))
    assert set(_probed_ports(container)) <= {*ports, *ports.values()}


@pytest.mark.parametrize("name", NAMES)
def test_metrics_are_scraped_from_a_port_that_the_container_has(
    resources: list[Document], name: str
) -> None:
    template = named(resources, "Deployment", name)["spec"]["template"]
    annotations = template["metadata"]["annotations"]
    assert annotations["prometheus.io/scrape"] == "true"
    assert int(annotations["prometheus.io/port"]) == _ports(resources, name)["rest"]


@pytest.mark.parametrize("name", NAMES)
def test_each_deployment_scales_and_has_a_budget(resources: list[Document], name: str) -> None:
    scaler = named(resources, "HorizontalPodAutoscaler", name)["spec"]
    assert scaler["scaleTargetRef"] == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "name": name,
    }
    assert scaler["minReplicas"] <= scaler["maxReplicas"]
    budget = named(resources, "PodDisruptionBudget", name)["spec"]
    assert _selected(resources, budget["selector"]["matchLabels"]) == [name]
    # Set in both places, applying the manifests would throw away what the scaler decided.
    assert "replicas" not in named(resources, "Deployment", name)["spec"]


@pytest.mark.parametrize("name", NAMES)
def test_what_is_scaled_by_use_asks_for_it(resources: list[Document], name: str) -> None:
    requests = container_of(named(resources, "Deployment", name))["resources"]["requests"]
    metrics = named(resources, "HorizontalPodAutoscaler", name)["spec"]["metrics"]
    assert {metric["resource"]["name"] for metric in metrics} <= set(requests)


@pytest.mark.parametrize("name", NAMES)
def test_every_mount_is_a_volume_and_every_volume_exists(
    resources: list[Document], name: str
) -> None:
    deployment = named(resources, "Deployment", name)
    volumes = deployment["spec"]["template"]["spec"]["volumes"]
    mounts = container_of(deployment)["volumeMounts"]
    assert {mount["name"] for mount in mounts} == {volume["name"] for volume in volumes}
    for volume in volumes:
        if "configMap" in volume:
            named(resources, "ConfigMap", volume["configMap"]["name"])
        if "persistentVolumeClaim" in volume:
            named(resources, "PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"])


def test_files_that_tensorflow_serving_is_given_are_mounted(resources: list[Document]) -> None:
    deployment = named(resources, "Deployment", "tensorflow-serving")
    container = container_of(deployment)
    volumes = {one["name"]: one for one in deployment["spec"]["template"]["spec"]["volumes"]}
    there = {
        f"{mount['mountPath']}/{file}"
        for mount in container["volumeMounts"]
        if "configMap" in volumes[mount["name"]]
        for file in named(resources, "ConfigMap", volumes[mount["name"]]["configMap"]["name"])[
            "data"
        ]
    }
    given = {one.partition("=")[2] for one in container["args"] if "_file=" in one}
    assert given == there


def test_expanded_names_are_in_the_environment(resources: list[Document]) -> None:
    container = container_of(named(resources, "Deployment", "ringway"))
    (mount,) = [one for one in container["volumeMounts"] if "subPathExpr" in one]
    assert mount["subPathExpr"] == "$(POD_NAME)"
    assert "POD_NAME" in {variable["name"] for variable in container["env"]}


@pytest.mark.parametrize("name", NAMES)
def test_a_network_policy_names_pods_and_ports_that_exist(
    resources: list[Document], name: str
) -> None:
    spec = named(resources, "NetworkPolicy", name)["spec"]
    assert _selected(resources, spec["podSelector"]["matchLabels"]) == [name]
    for rule in spec["ingress"]:
        assert {port["port"] for port in rule["ports"]} <= set(_ports(resources, name))


def test_only_the_front_reaches_predictions_of_tensorflow_serving(
    resources: list[Document],
) -> None:
    rules = named(resources, "NetworkPolicy", "tensorflow-serving")["spec"]["ingress"]
    (rule,) = [one for one in rules if {"port": "grpc", "protocol": "TCP"} in one["ports"]]
    (peer,) = rule["from"]
    assert _selected(resources, peer["podSelector"]["matchLabels"]) == ["ringway"]
    way_out = named(resources, "NetworkPolicy", "ringway")["spec"]["egress"]
    (to_server,) = [one for one in way_out if "to" in one]
    selector = to_server["to"][0]["podSelector"]["matchLabels"]
    assert _selected(resources, selector) == ["tensorflow-serving"]
