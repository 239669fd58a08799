"""Rules of the second document: what a task's pod gets from Kubernetes.

Source: backend/src/apiserver/template/v2_template.go, which drops a document that it cannot parse
without a word; backend/src/v2/compiler/argocompiler/container.go for the folders already mounted;
kubernetes_platform/proto.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pipelines.runners.kubeflow.violations import Document, Rule, Violation, mapping, sequence

_MOUNTED = (
    "/gcs",
    "/s3",
    "/minio",
    "/kfp-launcher",
    "/kfp-workspace",
    "/.local",
    "/.cache",
    "/.config",
)
# RFC 1123 subdomain, which secrets, claims and config maps are named by.
_OBJECT_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_MOUNTS = {
    "pvcMount": "mountPath",
    "secretAsVolume": "mountPath",
    "configMapAsVolume": "mountPath",
    "emptyDirMounts": "mountPath",
    "genericEphemeralVolume": "mountPath",
}
_NAMES = {
    "secretAsEnv": "secretName",
    "secretAsVolume": "secretName",
    "configMapAsEnv": "configMapName",
    "configMapAsVolume": "configMapName",
    "imagePullSecret": "secretName",
    "pvcMount": "constant",
}


def known_fields(document: Document) -> Iterator[Violation]:
    """A document with an unknown field is dropped in silence, and so is an executor's part."""
    if document.platform is None:
        return
    from google.protobuf import json_format
    from kfp.kubernetes import kubernetes_executor_config_pb2
    from kfp.pipeline_spec import pipeline_spec_pb2

    parts: list[tuple[str, Mapping[str, Any], Any]] = [
        ("the platform document", document.platform, pipeline_spec_pb2.PlatformSpec())
    ]
    parts += [
        (_place(label), config, kubernetes_executor_config_pb2.KubernetesExecutorConfig())
        for label, config in _executors(document).items()
    ]
    for where, part, message in parts:
        try:
            json_format.ParseDict(dict(part), message)
        except json_format.ParseError as error:
            yield Violation(
                rule="platform-fields",
                where=where,
                found=f"not a {message.DESCRIPTOR.name}: {error}",
                expected="fields and values of Kubeflow's protos only, or it is ignored",
                remedy="Remove or rename the field, or mend its value.",
            )


def for_kubernetes(document: Document) -> Iterator[Violation]:
    """The server reads the settings of one platform."""
    if document.platform is not None and "kubernetes" not in mapping(
        document.platform.get("platforms")
    ):
        yield Violation(
            rule="platform-kubernetes",
            where="platforms",
            found=", ".join(mapping(document.platform.get("platforms"))) or "empty",
            expected="kubernetes",
            remedy="Put the settings under platforms.kubernetes, or leave the document out.",
        )


def executor_labels(document: Document) -> Iterator[Violation]:
    """Settings are found by the label of the executor, not by the task's name."""
    for label in _executors(document):
        if label not in document.executors:
            yield Violation(
                rule="platform-executor",
                where=_place(label),
                found=repr(label),
                expected=f"one of {', '.join(sorted(document.executors))}",
                remedy="Use the label that stands under deploymentSpec.executors.",
            )


def mounts(document: Document) -> Iterator[Violation]:
    """Volumes are mounted at folders of their own, away from those of the launcher."""
    for label, config in _executors(document).items():
        seen: set[str] = set()
        for kind, field in _MOUNTS.items():
            for entry in sequence(config.get(kind)):
                path = str(mapping(entry).get(field, ""))
                inside = any(path == own or path.startswith(f"{own}/") for own in _MOUNTED)
                if not re.fullmatch(r"/[^:]+", path) or inside or path in seen:
                    yield Violation(
                        rule="mounts",
                        where=f"{_place(label)}.{kind}",
                        found=repr(path),
                        expected="an absolute path, once, outside " + ", ".join(_MOUNTED),
                        remedy="Mount the volume elsewhere.",
                    )
                seen.add(path)


def object_names(document: Document) -> Iterator[Violation]:
    """Secrets, claims and config maps have names that Kubernetes can have given."""
    for label, config in _executors(document).items():
        for kind, field in _NAMES.items():
            for entry in sequence(config.get(kind)):
                name = mapping(entry).get(field)
                if name is not None and not _OBJECT_NAME.fullmatch(str(name)):
                    yield Violation(
                        rule="object-names",
                        where=f"{_place(label)}.{kind}",
                        found=repr(name),
                        expected="lower-case letters, digits, `-` and `.`, at most 253",
                        remedy="Use the name that the object has in the cluster.",
                    )


def _executors(document: Document) -> dict[str, Mapping[str, Any]]:
    platforms = mapping(mapping(document.platform).get("platforms"))
    deployment = mapping(mapping(platforms.get("kubernetes")).get("deploymentSpec"))
    return {k: mapping(v) for k, v in mapping(deployment.get("executors")).items()}


def _place(label: str) -> str:
    return f"platforms.kubernetes.deploymentSpec.executors.{label}"


RULES: tuple[Rule, ...] = (known_fields, for_kubernetes, executor_labels, mounts, object_names)
