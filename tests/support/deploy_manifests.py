"""Reads what lies in `serving/deploy`: resources as files, or as kustomize renders them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipelines.cli.serve import command as serve
from pipelines.workspace import REPOSITORY

DEPLOY = REPOSITORY / "serving/deploy"
KUBERNETES = DEPLOY / "kubernetes"
# The oldest release that README.md promises: the first whose `preStop.sleep` is on by default.
OLDEST = "1.30"

Document = dict[str, Any]

# What `tensorflow_model_server --help` of 2.19 lists, one a line.
SERVER_FLAGS = frozenset(
    (REPOSITORY / "tests/serving/deploy/server_flags.txt").read_text(encoding="utf-8").split()
)
# What `ringway serve` takes after the name of the model; each takes a value.
FRONT_OPTIONS = frozenset(option for parameter in serve.params for option in parameter.opts)


def documents(text: str) -> list[Document]:
    """The YAML documents of a text, empty ones left out."""
    return [document for document in yaml.safe_load_all(text) if document]


def kustomization(folder: Path) -> Document:
    """The kustomization of a folder."""
    return documents((folder / "kustomization.yaml").read_text(encoding="utf-8"))[0]


def files_of_base() -> list[Document]:
    """The base as its files say, with what kustomize would add filled in.

    Needs no kustomize, and so leaves out the hash in a generated name.
    """
    base = KUBERNETES / "base"
    plan = kustomization(base)
    found: list[Document] = []
    for name in plan["resources"]:
        path = base / name
        found += _generated(path) if path.is_dir() else documents(path.read_text(encoding="utf-8"))
    tags = {image["name"]: f"{image['newName']}:{image['newTag']}" for image in plan["images"]}
    for document in found:
        if document["kind"] != "Namespace":
            document["metadata"]["namespace"] = plan["namespace"]
        if document["kind"] == "Deployment":
            container = document["spec"]["template"]["spec"]["containers"][0]
            container["image"] = tags[container["image"]]
    return found


def _generated(folder: Path) -> list[Document]:
    return [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": generator["name"]},
            "data": {
                name: (folder / name).read_text(encoding="utf-8") for name in generator["files"]
            },
        }
        for generator in kustomization(folder)["configMapGenerator"]
    ]


def rendered(folder: Path) -> list[Document]:
    """A kustomization as `kubectl kustomize` renders it; skips the test without kubectl."""
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("kubectl is not installed (Debian: kubernetes-client)")
    done = subprocess.run(
        [kubectl, "kustomize", str(folder)], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    # What is deprecated still renders, and is said here alone.
    assert done.stderr == ""
    return documents(done.stdout)


def of_kind(found: list[Document], kind: str) -> list[Document]:
    """The resources of one kind."""
    return [document for document in found if document["kind"] == kind]


def named(found: list[Document], kind: str, name: str) -> Document:
    """The one resource of this kind and name."""
    (document,) = [one for one in of_kind(found, kind) if one["metadata"]["name"] == name]
    return document


def container_of(deployment: Document) -> Document:
    """The one container of a deployment."""
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    return container


def flags(arguments: list[str]) -> dict[str, str]:
    """TensorFlow Serving's arguments, each of the form `--name=value`, by name."""
    return dict(argument.removeprefix("--").split("=", 1) for argument in arguments)
