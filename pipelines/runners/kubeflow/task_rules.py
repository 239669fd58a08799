"""Rules of tasks and components: what they run, what goes in and out, when they start.

Source: backend/src/v2/compiler/argocompiler/dag.go, backend/src/v2/driver/resolve.go and, for what
a component puts out, backend/src/v2/component/launcher_v2.go.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pipelines.runners.kubeflow.violations import (
    Dag,
    Document,
    Rule,
    Task,
    Violation,
    mapping,
)

# What a value of each type is in Python. A bool is no number, though Python says so.
_TYPES: dict[str, tuple[type, ...]] = {
    "NUMBER_DOUBLE": (int, float),
    "NUMBER_INTEGER": (int, float),
    "STRING": (str,),
    "BOOLEAN": (bool,),
    "LIST": (list,),
    "STRUCT": (dict,),
}
_ONLY_IN_TASKS = ("TASK_FINAL_STATUS", "TASK_CONFIG")
_SOURCES = {
    "parameters": (
        "componentInputParameter",
        "taskOutputParameter",
        "runtimeValue",
        "taskFinalStatus",
    ),
    "artifacts": ("componentInputArtifact", "taskOutputArtifact"),
}
# The launcher adds this output to each task, whether it is declared or not.
LOGS = "executor-logs"


def implementations(document: Document) -> Iterator[Violation]:
    """Each task runs a component, which is a DAG or has a container or an importer."""
    for _, task in document.tasks():
        if task.component not in document.components:
            yield Violation(
                rule="implementations",
                where=f"{task.where}.componentRef",
                found=repr(task.component),
                expected="the name of a component",
                remedy="Add the component, or mend the name.",
            )
    for name, component in document.components.items():
        label = component.get("executorLabel")
        if "dag" not in component and label not in document.executors:
            yield Violation(
                rule="implementations",
                where=f"components.{name}",
                found=f"without a DAG, and with the executor label {label!r}",
                expected="a DAG or the label of an executor",
                remedy="Add the executor under deploymentSpec.executors.",
            )


def executor_kinds(document: Document) -> Iterator[Violation]:
    """Open-source Kubeflow runs containers and importers, neither resolvers nor custom jobs."""
    for label, executor in document.executors.items():
        if "container" not in executor and "importer" not in executor:
            yield Violation(
                rule="executor-kind",
                where=f"deploymentSpec.executors.{label}",
                found=", ".join(sorted(executor)) or "empty",
                expected="container or importer",
                remedy="Do its work in a container.",
            )


def conditions(document: Document) -> Iterator[Violation]:
    """An importer has no driver of its own that could look at a condition."""
    for _, task in document.tasks():
        label = document.component(task.component).get("executorLabel", "")
        condition = mapping(task.spec.get("triggerPolicy")).get("condition")
        if condition and "importer" in document.executors.get(str(label), {}):
            yield Violation(
                rule="importer-condition",
                where=f"{task.where}.triggerPolicy.condition",
                found=repr(condition),
                expected="no condition, as the task is an importer",
                remedy="Import in a container, or put the importer into a DAG with the condition.",
            )


def task_names(document: Document) -> Iterator[Violation]:
    """The driver refuses a task without a name in its taskInfo."""
    for _, task in document.tasks():
        if not mapping(task.spec.get("taskInfo")).get("name"):
            yield Violation(
                rule="task-info",
                where=f"{task.where}.taskInfo.name",
                found="empty",
                expected="the name to show",
                remedy="Add it.",
            )


def iterators(document: Document) -> Iterator[Violation]:
    """Of iterators the server knows those over a parameter."""
    for _, task in document.tasks():
        if "artifactIterator" in task.spec:
            yield Violation(
                rule="iterators",
                where=f"{task.where}.artifactIterator",
                found="an iterator over artifacts",
                expected="parameterIterator, or none",
                remedy="Go through the artifacts in the container.",
            )


def exit_tasks(document: Document) -> Iterator[Violation]:
    """An exit task is a hook of the one task that it waits for, and nobody waits for it."""
    for dag, task in document.tasks():
        if not task.is_exit_task:
            continue
        waits_for = sorted(task.dependencies)
        if len(waits_for) != 1:
            yield Violation(
                rule="exit-task",
                where=f"{task.where}.dependentTasks",
                found=", ".join(waits_for) or "empty",
                expected="one task, since the exit task is started once for each",
                remedy="Put the tasks it waits for into a DAG of their own, and wait for that.",
            )
        followers = sorted(t.key for t in dag.tasks.values() if task.key in t.dependencies)
        if followers:
            yield Violation(
                rule="exit-task",
                where=task.where,
                found=f"waited for by {', '.join(followers)}",
                expected="nobody that waits, as hooks are outside the graph",
                remedy="Do the rest in the exit task too.",
            )


def sources(document: Document) -> Iterator[Violation]:
    """Each input of a task comes from somewhere that the driver knows and finds."""
    for dag, task in document.tasks():
        for kind, known in _SOURCES.items():
            for name, value in task.inputs(kind).items():
                where = f"{task.where}.inputs.{kind}.{name}"
                yield from _source(dag, kind, where, mapping(value), known)
        yield from _producers(document, dag, task)


def _source(
    dag: Dag, kind: str, where: str, value: Mapping[str, Any], known: tuple[str, ...]
) -> Iterator[Violation]:
    given = [source for source in known if source in value]
    if len(given) != 1 or ("runtimeValue" in value and "constant" not in value["runtimeValue"]):
        yield Violation(
            rule="input-source",
            where=where,
            found=repr(dict(value)),
            expected=f"one of {', '.join(known)}, runtimeValue with `constant`",
            remedy="Give the value in one of these ways.",
        )
    outer = value.get("componentInputParameter", value.get("componentInputArtifact"))
    offered = mapping(mapping(dag.component.get("inputDefinitions")).get(kind))
    if outer is not None and outer not in offered:
        yield Violation(
            rule="input-source",
            where=where,
            found=f"{outer!r}, which {dag.name} does not take",
            expected=f"one of {', '.join(sorted(offered)) or 'none'}",
            remedy=f"Declare it in the inputDefinitions of {dag.name}.",
        )


def _producers(document: Document, dag: Dag, task: Task) -> Iterator[Violation]:
    for kind, producer, output in task.producers():
        if producer not in dag.tasks:
            continue  # A rule about dependencies tells.
        component = document.component(dag.tasks[producer].component)
        offered = mapping(mapping(component.get("outputDefinitions")).get(kind))
        if output not in offered:
            yield Violation(
                rule="input-source",
                where=f"{task.where}.inputs.{kind}",
                found=f"output {output!r} of {producer}",
                expected=f"one of {', '.join(sorted(offered)) or 'none'}",
                remedy="Mend the name, or declare the output.",
            )


def inputs_given(document: Document) -> Iterator[Violation]:
    """A task gives its component what that takes, no more, and of the right type."""
    for _, task in document.tasks():
        component = document.component(task.component)
        taken = mapping(mapping(component.get("inputDefinitions")).get("parameters"))
        given = task.inputs("parameters")
        iterated = mapping(task.spec.get("parameterIterator")).get("itemInput")
        for name in sorted(set(given) - set(taken)):
            yield _input(task, name, "given, and not declared by the component", "a declared input")
        for name, definition in taken.items():
            needed = not definition.get("isOptional") and definition.get("defaultValue") is None
            if needed and name not in given and name != iterated:
                yield _input(task, name, "not given", "a value, as it has no default")
        yield from _constants(task, given, taken)


def _constants(
    task: Task, given: Mapping[str, Any], taken: Mapping[str, Any]
) -> Iterator[Violation]:
    for name, value in given.items():
        constant = mapping(mapping(value).get("runtimeValue")).get("constant")
        kind = str(mapping(taken.get(name)).get("parameterType", ""))
        # The driver turns anything into a string where one is asked for.
        if constant is not None and kind not in {"STRING", ""} and not _is_of(constant, kind):
            yield _input(task, name, repr(constant), f"a value of type {kind}")


def _input(task: Task, name: str, found: str, expected: str) -> Violation:
    return Violation(
        rule="inputs",
        where=f"{task.where}.inputs.parameters.{name}",
        found=found,
        expected=expected,
        remedy="Make task and component agree.",
    )


def parameter_types(document: Document) -> Iterator[Violation]:
    """Parameters have types of schema 2.1, and defaults have them too."""
    components = {"root": document.root}
    components |= {f"components.{name}": c for name, c in document.components.items()}
    for place, component in components.items():
        known = set(_TYPES) if place == "root" else {*_TYPES, *_ONLY_IN_TASKS}
        for side in ("inputDefinitions", "outputDefinitions"):
            definitions = mapping(mapping(component.get(side)).get("parameters"))
            for name, definition in definitions.items():
                where = f"{place}.{side}.parameters.{name}"
                yield from _parameter_type(where, mapping(definition), known)


def _parameter_type(
    where: str, definition: Mapping[str, Any], known: set[str]
) -> Iterator[Violation]:
    kind, default = definition.get("parameterType"), definition.get("defaultValue")
    if kind not in known:
        yield Violation(
            rule="parameter-type",
            where=f"{where}.parameterType",
            found=repr(kind),
            expected=f"one of {', '.join(sorted(known))}",
            remedy="Name the type; `type` is of the older schema.",
        )
    elif default is not None and kind in _TYPES and not _is_of(default, kind):
        yield Violation(
            rule="parameter-type",
            where=f"{where}.defaultValue",
            found=repr(default),
            expected=f"a value of type {kind}",
            remedy="Mend the default or the type.",
        )


def _is_of(value: object, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "BOOLEAN"
    if kind == "NUMBER_INTEGER" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _TYPES.get(kind, (object,)))


def artifact_types(document: Document) -> Iterator[Violation]:
    """What a component puts out has a type with a title, by which the launcher records it."""
    for name, component in document.components.items():
        outputs = mapping(mapping(component.get("outputDefinitions")).get("artifacts"))
        for output, definition in outputs.items():
            where = f"components.{name}.outputDefinitions.artifacts.{output}"
            if "executorLabel" in component:
                yield from _artifact_type(where, mapping(mapping(definition).get("artifactType")))
            if output == LOGS:
                yield Violation(
                    rule="artifact-type",
                    where=where,
                    found=repr(output),
                    expected="another name, as the server adds an output of this one",
                    remedy="Rename the output.",
                )


def _artifact_type(where: str, kind: Mapping[str, Any]) -> Iterator[Violation]:
    instance = str(kind.get("instanceSchema", ""))
    if not kind.get("schemaTitle") and not re.search(r"^title:\s*\S", instance, re.MULTILINE):
        yield Violation(
            rule="artifact-type",
            where=f"{where}.artifactType",
            found=repr(dict(kind)),
            expected="schemaTitle, or instanceSchema with a title",
            remedy="Give the type a title, such as system.Artifact.",
        )


def kubeflow_cache(document: Document) -> Iterator[Violation]:
    """Kubeflow's cache knows a task's arguments, not the data that the task reads."""
    for _, task in document.tasks():
        if mapping(task.spec.get("cachingOptions")).get("enableCache"):
            yield Violation(
                rule="kubeflow-cache",
                where=f"{task.where}.cachingOptions.enableCache",
                found="true",
                expected="false, as changed input files would not be seen",
                remedy="Switch it off; ML Metadata says what is unchanged.",
            )


def retries(document: Document) -> Iterator[Violation]:
    """Of a retry's waits the server takes whole seconds."""
    for _, task in document.tasks():
        policy = mapping(task.spec.get("retryPolicy"))
        values = [policy[k] for k in ("backoffDuration", "backoffMaxDuration") if k in policy]
        wrong = [v for v in values if not re.fullmatch(r"\d+(\.0*)?s", str(v))]
        count = policy.get("maxRetryCount", 0)
        if not isinstance(count, int) or count < 0:
            wrong.append(count)
        for value in wrong:
            yield Violation(
                rule="retry",
                where=f"{task.where}.retryPolicy",
                found=repr(value),
                expected="a count of 0 or more, and waits in whole seconds such as `30s`",
                remedy="Mend the policy.",
            )


def shared_containers(document: Document) -> Iterator[Violation]:
    """The server tells components apart by their containers: equal ones must be alike."""
    seen: dict[str, tuple[str, Mapping[str, Any]]] = {}
    for name, component in document.components.items():
        label = str(component.get("executorLabel", ""))
        if label not in document.containers:
            continue
        interface = {k: v for k, v in component.items() if k != "executorLabel"}
        fingerprint = repr(document.containers[label])
        other, known = seen.setdefault(fingerprint, (name, interface))
        if known != interface:
            yield Violation(
                rule="shared-container",
                where=f"components.{name}",
                found=f"with the container of {other}, and other inputs or outputs",
                expected="containers that differ, as the server keeps one component for each",
                remedy="Add an argument that tells them apart.",
            )


RULES: tuple[Rule, ...] = (
    implementations,
    executor_kinds,
    conditions,
    task_names,
    iterators,
    exit_tasks,
    sources,
    inputs_given,
    parameter_types,
    artifact_types,
    kubeflow_cache,
    retries,
    shared_containers,
)
