"""Each form in which the Kubernetes resources exist: as files, and as kustomize renders them."""

from __future__ import annotations

import copy
import functools
import shutil
import tempfile
from pathlib import Path

import pytest
from deploy_manifests import DEPLOY, KUBERNETES, Document, files_of_base, rendered


def _with_api_keys() -> list[Document]:
    # The component belongs to no overlay that ships, so one is made beside them, in a copy.
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(DEPLOY, Path(folder) / "deploy")
        overlay = Path(folder) / "deploy/kubernetes/overlays/keys"
        overlay.mkdir()
        (overlay / "kustomization.yaml").write_text(
            "resources: [../../base]\ncomponents: [../../components/api-keys]\n", encoding="utf-8"
        )
        return rendered(overlay)


FORMS = {
    "files": files_of_base,
    "base": lambda: rendered(KUBERNETES / "base"),
    "canary": lambda: rendered(KUBERNETES / "overlays/canary"),
    "cpu": lambda: rendered(KUBERNETES / "overlays/cpu"),
    "api-keys": _with_api_keys,
}


@functools.cache
def _form(name: str) -> list[Document]:
    return FORMS[name]()


@pytest.fixture(params=FORMS)
def resources(request: pytest.FixtureRequest) -> list[Document]:
    """All resources of one form; a test may change its copy."""
    return copy.deepcopy(_form(request.param))


@pytest.fixture
def base() -> list[Document]:
    """The base as its files say; a test may change its copy."""
    return copy.deepcopy(_form("files"))


@pytest.fixture
def canary() -> list[Document]:
    return copy.deepcopy(_form("canary"))


@pytest.fixture
def cpu() -> list[Document]:
    return copy.deepcopy(_form("cpu"))
