"""Every resource is what Kubernetes knows, field by field; a misspelt field would be refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
from deploy_manifests import DEPLOY, KUBERNETES, OLDEST, Document, kustomization, named

# What our kustomizations use of kustomize's fields.
KNOWN_FIELDS = {
    "apiVersion",
    "kind",
    "namespace",
    "resources",
    "images",
    "patches",
    "configMapGenerator",
    "components",
}
POD = ("spec", "template", "spec")
CONTAINER = (*POD, "containers", 0)


@pytest.mark.parametrize("version", [OLDEST, kubernetes_validate.latest_version()])
def test_every_resource_meets_the_strict_schema(resources: list[Document], version: str) -> None:
    for resource in resources:
        kubernetes_validate.validate(resource, version, strict=True)


@pytest.mark.parametrize(
    ("kind", "name", "where", "change"),
    [
        ("Deployment", "ringway", ("spec",), {"replica": 2}),
        ("Deployment", "ringway", ("spec", "strategy", "rollingUpdate"), {"maxUnavailabel": 0}),
        ("Deployment", "tensorflow-serving", POD, {"tolerance": []}),
        ("Deployment", "tensorflow-serving", CONTAINER, {"readinesProbe": {}}),
        ("Deployment", "tensorflow-serving", (*CONTAINER, "startupProbe", "grpc"), {"ports": 1}),
        ("Deployment", "tensorflow-serving", (*CONTAINER, "startupProbe", "grpc"), {"port": "a"}),
        ("Deployment", "tensorflow-serving", (*CONTAINER, "resources"), {"limit": {}}),
        ("Deployment", "tensorflow-serving", (*CONTAINER, "securityContext"), {"priviledged": 0}),
        ("Deployment", "tensorflow-serving", (*CONTAINER, "lifecycle"), {"prestop": {}}),
        ("Service", "tensorflow-serving", ("spec",), {"selectors": {}}),
        ("Service", "ringway", ("spec", "ports", 0), {"port": "grpc"}),
        ("HorizontalPodAutoscaler", "ringway", ("spec",), {"minReplica": 2}),
        ("PodDisruptionBudget", "ringway", ("spec",), {"maxUnavailabel": 1}),
        ("NetworkPolicy", "ringway", ("spec", "ingress", 0), {"form": []}),
        ("PersistentVolumeClaim", "models", ("spec",), {"accessMode": []}),
        ("ConfigMap", "tensorflow-serving-models", (), {"date": {}}),
        ("Namespace", "ringway", ("metadata",), {"label": {}}),
    ],
)
def test_a_mistake_is_refused(
    base: list[Document], kind: str, name: str, where: tuple[Any, ...], change: Document
) -> None:
    resource = named(base, kind, name)
    kubernetes_validate.validate(resource, OLDEST, strict=True)
    spot: Any = resource
    for step in where:
        spot = spot[step]
    spot.update(change)
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(resource, OLDEST, strict=True)


def _kustomizations() -> list[Path]:
    return [path.parent for path in DEPLOY.rglob("kustomization.yaml")]


def _named_files(folder: Path) -> set[Path]:
    plan = kustomization(folder)
    names = [*plan.get("resources", []), *(patch["path"] for patch in plan.get("patches", []))]
    for generator in plan.get("configMapGenerator", []):
        names += generator["files"]
    return {(folder / name).resolve() for name in names}


@pytest.mark.parametrize("folder", _kustomizations(), ids=lambda path: path.name)
def test_a_kustomization_names_what_exists(folder: Path) -> None:
    assert set(kustomization(folder)) <= KNOWN_FIELDS
    assert [path for path in _named_files(folder) if not path.exists()] == []


def test_no_file_lies_outside_every_kustomization() -> None:
    used = set().union(*(_named_files(folder) for folder in _kustomizations()))
    there = {path.resolve() for path in KUBERNETES.rglob("*") if path.is_file()}
    assert {path for path in there - used if path.name != "kustomization.yaml"} == set()
