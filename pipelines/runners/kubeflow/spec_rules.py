"""Rules of the document as a whole: its form, names, graph and size.

Source: backend/src/apiserver/template, backend/src/v2/compiler and, for names, Argo Workflows'
workflow/validate.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from pipelines.runners.kubeflow.violations import (
    ARGUMENT_BYTES,
    WORKFLOW_BYTES,
    Dag,
    Document,
    Rule,
    Violation,
    mapping,
)

SCHEMA_VERSION = "2.1.0"
_PIPELINE_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,127}")
# Argo's names of tasks and templates end in a letter or digit and have at most 128 characters. The
# server appends `-driver` to a task's. With `depends`, which it writes, none begins with a digit.
_ARGO_NAME = re.compile(r"[a-zA-Z]([-a-zA-Z0-9]{0,118}[a-zA-Z0-9])?")
_PARAMETER_NAME = re.compile(r"[-a-zA-Z0-9_]{1,115}")
_BUCKET = re.compile(r"(gs|s3|minio)://[^/?]+(/[^?]*)?(\?.+)?")


def bare_spec(document: Document) -> Iterator[Violation]:
    """The server takes a PipelineSpec, not the job around it that TFX writes."""
    if document.wrapped:
        yield Violation(
            rule="bare-spec",
            where="the document",
            found="a job with `pipelineSpec` and `runtimeConfig`",
            expected="the pipeline's specification itself",
            remedy="Write only what stands under `pipelineSpec`; give the rest at submission.",
        )


def known_fields(document: Document) -> Iterator[Violation]:
    """The server parses the spec strictly; its deployment part it reads without what is unknown."""
    from google.protobuf import json_format
    from kfp.pipeline_spec import pipeline_spec_pb2

    parts: tuple[tuple[str, Mapping[str, Any], Any], ...] = (
        ("the document", document.spec, pipeline_spec_pb2.PipelineSpec()),
        (
            "deploymentSpec",
            mapping(document.spec.get("deploymentSpec")),
            pipeline_spec_pb2.PipelineDeploymentConfig(),
        ),
    )
    for where, part, message in parts:
        try:
            json_format.ParseDict(dict(part), message)
        except json_format.ParseError as error:
            yield Violation(
                rule="known-fields",
                where=where,
                found=f"not a {message.DESCRIPTOR.name}: {error}",
                expected="fields and values of Kubeflow's protos only",
                remedy="Remove or rename the field, or mend its value.",
            )


def schema_version(document: Document) -> Iterator[Violation]:
    """The server takes one schema version."""
    found = document.spec.get("schemaVersion")
    if found != SCHEMA_VERSION:
        yield Violation(
            rule="schema-version",
            where="schemaVersion",
            found=repr(found),
            expected=f"{SCHEMA_VERSION!r}, the only one that open-source Kubeflow takes",
            remedy="Compile for that version.",
        )


def pipeline_name(document: Document) -> Iterator[Violation]:
    """The name becomes that of the pipeline, of Kubernetes objects and of metadata contexts."""
    found = mapping(document.spec.get("pipelineInfo")).get("name")
    if not isinstance(found, str) or not _PIPELINE_NAME.fullmatch(found):
        yield Violation(
            rule="pipeline-name",
            where="pipelineInfo.name",
            found=repr(found),
            expected="1 to 128 lower-case letters, digits and `-`, a letter or digit first",
            remedy="Rename the pipeline.",
        )


def default_root(document: Document) -> Iterator[Violation]:
    """Kubeflow's own root holds logs and summaries; its launcher knows three kinds of storage."""
    found = document.spec.get("defaultPipelineRoot")
    if found is not None and not (isinstance(found, str) and _BUCKET.fullmatch(found)):
        yield Violation(
            rule="default-root",
            where="defaultPipelineRoot",
            found=repr(found),
            expected="a folder under gs://, s3:// or minio://",
            remedy="Leave it out to use the server's own, or name a bucket.",
        )


def root_dag(document: Document) -> Iterator[Violation]:
    """A pipeline has tasks, and not only exit tasks; so has each DAG in it."""
    for dag in document.dags():
        if not any(not task.is_exit_task for task in dag.tasks.values()):
            yield Violation(
                rule="root-dag",
                where=dag.where,
                found="without a task that is no exit task",
                expected="at least one such task",
                remedy="Add a task, or remove the component.",
            )


def names(document: Document) -> Iterator[Violation]:
    """Names of tasks, DAGs, components and parameters become names in an Argo workflow."""
    named = [(f"{dag.where}.{task.key}", task.key, _ARGO_NAME) for dag, task in document.tasks()]
    named += [(f"components.{d.name}", d.name, _ARGO_NAME) for d in document.dags()]
    named += [(f"components.{name}", name, _PARAMETER_NAME) for name in document.components]
    for where, name, pattern in named:
        if not pattern.fullmatch(name):
            yield Violation(
                rule="names",
                where=where,
                found=repr(name),
                expected=f"a name that matches {pattern.pattern}",
                remedy="Replace `_`, `.` and other characters by `-`, or shorten the name.",
            )


def driver_names(document: Document) -> Iterator[Violation]:
    """The server adds a task `x-driver` for each task `x`."""
    for dag, task in document.tasks():
        if task.key.endswith("-driver") and task.key.removesuffix("-driver") in dag.tasks:
            yield Violation(
                rule="driver-names",
                where=task.where,
                found=f"{task.key!r}, which the server adds for {task.key[:-7]!r}",
                expected="another name",
                remedy="Rename the task.",
            )


def acyclic(document: Document) -> Iterator[Violation]:
    """Dependencies name tasks of the same DAG, and no task waits for itself."""
    for dag in document.dags():
        yield from _unknown_dependencies(dag)
        circle = sorted(_circle(dag))
        if circle:
            yield Violation(
                rule="dependencies",
                where=dag.where,
                found=f"a circle among {', '.join(circle)}",
                expected="no task that waits for itself",
                remedy="Remove one of the dependencies.",
            )


def _unknown_dependencies(dag: Dag) -> Iterator[Violation]:
    for task in dag.tasks.values():
        for name in sorted(task.dependencies - set(dag.tasks)):
            yield Violation(
                rule="dependencies",
                where=f"{task.where}.dependentTasks",
                found=f"{name!r}, which is no task of this DAG",
                expected=f"one of {', '.join(sorted(dag.tasks))}",
                remedy="Mend the name, or depend on the task of this DAG that holds it.",
            )


def _circle(dag: Dag) -> set[str]:
    """Returns the tasks that can never start, however many others have ended."""
    waiting = {key: task.dependencies & set(dag.tasks) for key, task in dag.tasks.items()}
    while ready := [key for key, needs in waiting.items() if not needs & set(waiting)]:
        for key in ready:
            del waiting[key]
    return set(waiting)


def sizes(document: Document) -> Iterator[Violation]:
    """Each component, container and task is one argument of a driver, and all are one object."""
    parts = {f"components.{name}": part for name, part in document.components.items()}
    parts |= {f"deploymentSpec.executors.{label}": p for label, p in document.executors.items()}
    parts |= {task.where: task.spec for _, task in document.tasks()}
    parts["root"] = document.root
    lengths = {where: len(_as_json(part)) for where, part in parts.items()}
    for where, length in lengths.items():
        if length >= ARGUMENT_BYTES:
            yield Violation(
                rule="part-size",
                where=where,
                found=f"{length:,} bytes of JSON",
                expected=f"less than {ARGUMENT_BYTES:,}, as a driver gets it as one argument",
                remedy="Compress its longest argument, or move it into a file of the image.",
            )
    total = sum(lengths.values()) + (len(_as_json(document.platform)) if document.platform else 0)
    if total > WORKFLOW_BYTES:
        yield Violation(
            rule="workflow-size",
            where="the document",
            found=f"{total:,} bytes of JSON",
            expected=f"at most {WORKFLOW_BYTES:,}, which Argo can keep as one object",
            remedy="Compress long arguments, or split the pipeline.",
        )


def _as_json(part: Mapping[str, Any]) -> bytes:
    return json.dumps(part, separators=(",", ":"), ensure_ascii=False, default=str).encode()


RULES: tuple[Rule, ...] = (
    bare_spec,
    known_fields,
    schema_version,
    pipeline_name,
    default_root,
    root_dag,
    names,
    driver_names,
    acyclic,
    sizes,
)
