"""What the rules of a compiled pipeline read and give: the document, and violations of it.

The rules themselves stand in `spec_rules`, `task_rules`, `container_rules` and `platform_rules`;
`rules.check` asks them all.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any

# One string of a process's arguments, its closing zero byte included: MAX_ARG_STRLEN in
# include/uapi/linux/binfmts.h, which is 32 pages. The server hands whole specifications to its
# driver as one string each.
ARGUMENT_BYTES = 131_072

# Argo keeps a workflow as one Kubernetes object. etcd takes requests of 1.5 MiB, and the server
# writes the workflow with its state; Kubeflow's own sources tell of a limit of 700 kB.
WORKFLOW_BYTES = 700_000


@dataclasses.dataclass(frozen=True, kw_only=True)
class Violation:
    """Something that a Kubeflow server, its driver or its launcher refuses or gets wrong.

    Attributes:
        rule: The rule's name, such as `argument-size`.
        where: The place in the document, such as `deploymentSpec.executors.exec-trainer`.
        found: What stands there.
        expected: What has to stand there.
        remedy: What to change.
    """

    rule: str
    where: str
    found: str
    expected: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.where} is {self.found}; expected {self.expected}. {self.remedy}"


@dataclasses.dataclass(frozen=True)
class Task:
    """A task of a DAG.

    Attributes:
        key: Its name in the DAG.
        spec: The PipelineTaskSpec.
        where: The place of it in the document.
    """

    key: str
    spec: Mapping[str, Any]
    where: str

    @property
    def component(self) -> str:
        """The name of the component that the task runs; empty without one."""
        return str(mapping(self.spec.get("componentRef")).get("name", ""))

    @property
    def dependencies(self) -> set[str]:
        """The tasks that must end before: those named, and those whose outputs are read."""
        return {str(name) for name in sequence(self.spec.get("dependentTasks"))} | {
            producer for _, producer, _ in self.producers()
        }

    @property
    def is_exit_task(self) -> bool:
        """Whether the task runs however its upstream tasks end."""
        policy = mapping(self.spec.get("triggerPolicy"))
        return policy.get("strategy") == "ALL_UPSTREAM_TASKS_COMPLETED"

    def inputs(self, kind: str) -> Mapping[str, Any]:
        """Returns the task's inputs of a kind, `parameters` or `artifacts`, by name."""
        return mapping(mapping(self.spec.get("inputs")).get(kind))

    def producers(self) -> Iterator[tuple[str, str, str]]:
        """Yields kind, producing task and output of each input that another task makes."""
        for kind, field, key in (
            ("parameters", "taskOutputParameter", "outputParameterKey"),
            ("artifacts", "taskOutputArtifact", "outputArtifactKey"),
        ):
            for value in self.inputs(kind).values():
                source = mapping(mapping(value).get(field))
                if source:
                    yield kind, str(source.get("producerTask", "")), str(source.get(key, ""))


@dataclasses.dataclass(frozen=True)
class Dag:
    """A graph of tasks: the root's, or that of a component.

    Attributes:
        name: The component that holds it; `root` for the pipeline.
        component: The ComponentSpec that holds it.
        where: The place of its tasks in the document.
    """

    name: str
    component: Mapping[str, Any]
    where: str

    @property
    def tasks(self) -> dict[str, Task]:
        """The DAG's tasks by key."""
        specs = mapping(mapping(self.component.get("dag")).get("tasks"))
        return {key: Task(key, mapping(spec), f"{self.where}.{key}") for key, spec in specs.items()}


@dataclasses.dataclass(frozen=True)
class Document:
    """A compiled pipeline, as plain data.

    Attributes:
        spec: The PipelineSpec.
        platform: The PlatformSpec; None without one.
        wrapped: Whether the spec was found inside a job.
    """

    spec: Mapping[str, Any]
    platform: Mapping[str, Any] | None
    wrapped: bool

    @property
    def root(self) -> Mapping[str, Any]:
        """The component that is the pipeline."""
        return mapping(self.spec.get("root"))

    @property
    def components(self) -> dict[str, Mapping[str, Any]]:
        """All components but the root, by name."""
        return {n: mapping(c) for n, c in mapping(self.spec.get("components")).items()}

    @property
    def executors(self) -> dict[str, Mapping[str, Any]]:
        """All executors by label."""
        executors = mapping(mapping(self.spec.get("deploymentSpec")).get("executors"))
        return {label: mapping(executor) for label, executor in executors.items()}

    @property
    def containers(self) -> dict[str, Mapping[str, Any]]:
        """The containers by executor label."""
        return {
            label: mapping(executor["container"])
            for label, executor in self.executors.items()
            if "container" in executor
        }

    def component(self, name: str) -> Mapping[str, Any]:
        """Returns a component by name; `root` is the pipeline. Empty when there is none."""
        return self.root if name == "root" else self.components.get(name, {})

    def components_of(self, label: str) -> dict[str, Mapping[str, Any]]:
        """Returns the components that an executor runs, by name."""
        return {n: c for n, c in self.components.items() if c.get("executorLabel") == label}

    def dags(self) -> Iterator[Dag]:
        """Yields the root's DAG and those of components."""
        yield Dag("root", self.root, "root.dag.tasks")
        for name, component in self.components.items():
            if "dag" in component:
                yield Dag(name, component, f"components.{name}.dag.tasks")

    def tasks(self) -> Iterator[tuple[Dag, Task]]:
        """Yields each task with its DAG."""
        for dag in self.dags():
            for task in dag.tasks.values():
                yield dag, task


Rule = Callable[[Document], Iterator[Violation]]


def mapping(value: object) -> Mapping[str, Any]:
    """Returns the value if it is a mapping, else an empty one: form is a rule of its own."""
    return value if isinstance(value, Mapping) else {}


def sequence(value: object) -> list[Any]:
    """Returns the value if it is a list, else an empty one."""
    return list(value) if isinstance(value, list | tuple) else []


def executor_place(label: str) -> str:
    """Returns where an executor stands in the document."""
    return f"deploymentSpec.executors.{label}.container"
