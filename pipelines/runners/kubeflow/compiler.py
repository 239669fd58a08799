"""Compiles a TFX pipeline to a specification that an open-source Kubeflow Pipelines v2 accepts.

    begin ─► a task per node, in the pipeline's own order ─► finish

Kubeflow orders containers and shows how they stand. All else is done inside them by TFX's own
launcher against our ML Metadata, as on one machine: drivers, resolvers, conditions, the cache. So
a task needs no artifacts from Kubeflow; it is told its node's part of the intermediate
representation and finds its inputs where the local runner finds them.

`begin` opens the run and, for pipelines of this repository, makes and checks the data; `finish`
gives the verdict. What they and the nodes do stands in `task`; the format in `specification`.
"""

from __future__ import annotations

import dataclasses
import importlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml
from tfx.dsl.compiler import compiler
from tfx.orchestration.pipeline import Pipeline
from tfx.proto.orchestration import executable_spec_pb2, pipeline_pb2

from pipelines import config as configuration
from pipelines.config import PipelineConfig
from pipelines.errors import UsageError
from pipelines.runners.kubeflow import arguments, payload, specification
from pipelines.runners.kubeflow.paths import PathMap
from pipelines.runners.kubeflow.settings import (
    BEGIN,
    FINISH,
    Parameter,
    Settings,
    task_name,
)
from pipelines.runners.kubeflow.specification import TaskSpec
from pipelines.workspace import Workspace

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,127}")
_RUN = f"{{{{$.inputs.parameters['{specification.RUN}']}}}}"
_EXECUTOR_INPUT = "{{$}}"
_SUMMARY = f"{{{{$.outputs.artifacts['{specification.SUMMARY}'].path}}}}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class CompiledPipeline:
    """What is submitted.

    Attributes:
        name: The pipeline's name.
        spec: The PipelineSpec.
        platform_spec: The PlatformSpec; None where nothing of it is needed.
        parameters: By name.
        tasks: Task name to node id, in topological order; `begin` and `finish` stand for
            themselves.
        upstream: Task name to the names of the tasks that come before it.
    """

    name: str
    spec: dict[str, Any]
    platform_spec: dict[str, Any] | None
    parameters: Mapping[str, Parameter]
    tasks: Mapping[str, str]
    upstream: Mapping[str, tuple[str, ...]]

    def to_yaml(self) -> str:
        """Returns both as YAML documents."""
        documents = [part for part in (self.spec, self.platform_spec) if part is not None]
        # Plain data in both: the same mapping twice must not become an alias.
        plain = json.loads(json.dumps(documents))
        text: str = yaml.safe_dump_all(plain, sort_keys=True, width=10**6)
        return text


def compile_pipeline(
    pipeline: Pipeline, settings: Settings, *, parameters: Sequence[Parameter] = ()
) -> CompiledPipeline:
    """Compiles any pipeline.

    Args:
        pipeline: Of any components, resolvers, importers and conditions.
        settings: Where and how its tasks run.
        parameters: What can be chosen at submission, beside the pipeline's RuntimeParameters.

    Raises:
        UsageError: It has a name, a node or a path that cannot work on a cluster.
        RingwayError: A node's definition is too long.
    """
    return _compile(pipeline, settings, parameters, {"module": "", "config": {}})


def for_config(
    module: str, config: PipelineConfig, workspace: Workspace, settings: Settings
) -> CompiledPipeline:
    """Compiles a pipeline of this repository; its data is made and looked at in `begin`.

    Args:
        module: Import path of the module whose `create_pipeline` makes it.
        config: As it was asked for.
        workspace: As the tasks see it; its root lies on a volume. Nothing is opened here.
        settings: Where and how its tasks run.

    Raises:
        UsageError: A path that the configuration names cannot be reached from a task.
    """
    from pipelines import standard

    filled = config
    if not config.data_root:
        filled = dataclasses.replace(config, data_root=str(workspace.data_root(config.name)))
    pipeline = importlib.import_module(module).create_pipeline(filled, workspace)
    asked = configuration.to_dict(config)
    settings = dataclasses.replace(settings, fail_on=config.fail_on)
    begin = {"module": module, "config": asked}
    return _compile(pipeline, settings, standard.parameters(config), begin)


def _compile(
    pipeline: Pipeline,
    settings: Settings,
    parameters: Sequence[Parameter],
    begin: Mapping[str, Any],
) -> CompiledPipeline:
    representation = compiler.Compiler().compile(pipeline)
    name = representation.pipeline_info.id
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"Pipeline {name!r}: expected a name of up to 128 small letters, digits and dashes, "
            "beginning with a letter or digit.",
            remedy="Give the pipeline such a name.",
        )
    return _Compilation(name, representation, settings, parameters).compiled(begin)


class _Compilation:
    """One compilation: holds what its parts share."""

    def __init__(
        self,
        name: str,
        representation: pipeline_pb2.Pipeline,
        settings: Settings,
        parameters: Sequence[Parameter],
    ) -> None:
        self._name = name
        self._settings = settings
        self._path_map = PathMap.of(settings)
        _check_nodes(representation)
        self._nodes = {
            node.pipeline_node.node_info.id: payload.node_only(
                representation, node.pipeline_node.node_info.id
            )
            for node in representation.nodes
        }
        self._root = _root(settings, name, representation)
        self._task_names = _task_names(self._nodes)
        self._chosen = {parameter.name: parameter for parameter in parameters}
        self._check_chosen()

    def compiled(self, begin: Mapping[str, Any]) -> CompiledPipeline:
        """Returns what is submitted."""
        for node_id, only in self._nodes.items():
            self._settle_paths(node_id, only)
        parameters = self._parameters()
        tasks = [
            self._begin(begin, parameters),
            *(self._node(node_id, only) for node_id, only in self._nodes.items()),
        ]
        tasks.append(self._finish(tasks))
        return CompiledPipeline(
            name=self._name,
            spec=specification.pipeline_spec(self._name, tasks, parameters, self._settings),
            platform_spec=specification.platform_spec(tasks, self._settings),
            parameters=parameters,
            tasks={
                BEGIN: BEGIN,
                **{task: node_id for node_id, task in self._task_names.items()},
                FINISH: FINISH,
            },
            upstream={task.name: task.upstream for task in tasks},
        )

    def _begin(self, plan: Mapping[str, Any], parameters: Mapping[str, Parameter]) -> TaskSpec:
        text = self._path_map.map(json.dumps(plan["config"]))
        self._refuse_unreachable(BEGIN, [text])
        document = {
            **plan,
            "config": json.loads(text),
            "pipeline": self._name,
            "nodes": list(self._nodes),
            "trigger": self._settings.trigger,
            "parameters": [dataclasses.asdict(self._chosen[name]) for name in self._chosen],
        }
        return self._task(BEGIN, BEGIN, arguments.pack(document, BEGIN), (), tuple(parameters))

    def _node(self, node_id: str, only: pipeline_pb2.Pipeline) -> TaskSpec:
        [node] = only.nodes
        aimed = [p for p in self._chosen.values() if any(t.node == node_id for t in p.targets)]
        args = (*(["--force"] if not self._settings.cache else []),)
        if aimed:
            chosen = [dataclasses.asdict(parameter) for parameter in aimed]
            args = (*args, "--parameters", arguments.pack(chosen, node_id))
        upstream = [
            self._task_names[name]
            for name in self._nodes
            if name in set(node.pipeline_node.upstream_nodes)
        ]
        taken = (*payload.declared(only), *(parameter.name for parameter in aimed))
        return self._task(
            self._task_names[node_id],
            node_id,
            payload.encode(only),
            tuple(upstream) or (BEGIN,),
            tuple(dict.fromkeys(taken)),
            extra=args,
        )

    def _finish(self, tasks: Sequence[TaskSpec]) -> TaskSpec:
        inner = {name for task in tasks for name in task.upstream}
        leaves = tuple(task.name for task in tasks if task.name not in inner)
        document = {"pipeline": self._name, "nodes": list(self._nodes)}
        return self._task(FINISH, FINISH, arguments.pack(document, FINISH), leaves, ())

    def _task(
        self,
        name: str,
        node_id: str,
        told: str,
        upstream: tuple[str, ...],
        parameters: tuple[str, ...],
        *,
        extra: Sequence[str] = (),
    ) -> TaskSpec:
        settings = self._settings
        args = ["--node", node_id, "--ir", told, "--run", _RUN, "--root", self._root]
        args += ["--fail-on", settings.fail_on, "--log-level", settings.log_level, *extra]
        args += ["--summary", _SUMMARY, "--executor-input", _EXECUTOR_INPUT]
        return TaskSpec(
            name=name,
            args=tuple(args),
            upstream=upstream,
            parameters=parameters,
            resources=settings.resources_of(node_id),
        )

    def _settle_paths(self, node_id: str, only: pipeline_pb2.Pipeline) -> None:
        [node] = only.nodes
        payload.map_texts(node.pipeline_node, self._path_map)
        beam_args = payload.map_beam_args(only, self._path_map)
        self._refuse_unreachable(node_id, [*payload.texts(node.pipeline_node), *beam_args])
        if not self._settings.cache:
            node.pipeline_node.execution_options.caching_options.enable_cache = False

    def _refuse_unreachable(self, node_id: str, texts: Sequence[str]) -> None:
        missing = list(dict.fromkeys(self._path_map.unreachable(texts)))
        if missing:
            raise UsageError(
                f"Node {node_id}: {', '.join(missing)} is a path of this machine; a task would not "
                "find it.",
                remedy="Put it into the repository, or on a volume and name it as it is mounted, "
                f"or name its folder as one of the image. Volumes and folders of the image: "
                f"{', '.join(self._path_map.reachable)}.",
            )

    def _parameters(self) -> dict[str, Parameter]:
        found: dict[str, Parameter] = {}
        for only in self._nodes.values():
            found |= payload.declared(only)
        for name in self._chosen:
            if name in found:
                raise UsageError(
                    f"Parameter {name}: the pipeline has a RuntimeParameter of that name.",
                    remedy="Give one of them another name.",
                )
        return found | self._chosen

    def _check_chosen(self) -> None:
        # Setting the default tells whether there is something to set.
        for parameter in self._chosen.values():
            for target in parameter.targets:
                if target.node not in self._nodes:
                    raise UsageError(
                        f"Parameter {parameter.name}: there is no node {target.node!r}. The "
                        f"pipeline's nodes: {', '.join(self._nodes)}."
                    )
                trial = pipeline_pb2.PipelineNode()
                trial.CopyFrom(self._nodes[target.node].nodes[0].pipeline_node)
                payload.set_target(trial, target, parameter, parameter.default)


def _root(settings: Settings, name: str, representation: pipeline_pb2.Pipeline) -> str:
    if settings.pipeline_root:
        return f"{settings.pipeline_root.rstrip('/')}/{name}"
    root = representation.runtime_spec.pipeline_root
    which = root.WhichOneof("value")
    if which == "runtime_parameter":
        return str(root.runtime_parameter.default_value.string_value)
    return str(root.field_value.string_value)


def _task_names(node_ids: Mapping[str, Any]) -> dict[str, str]:
    names: dict[str, str] = {}
    taken = {BEGIN, FINISH, "nodes"}
    for node_id in node_ids:
        name = task_name(node_id)
        count = 1
        while name in taken:
            count += 1
            name = f"{task_name(node_id)}-{count}"
        taken.add(name)
        names[node_id] = name
    return names


def _check_nodes(representation: pipeline_pb2.Pipeline) -> None:
    for problem in _problems(representation):
        raise UsageError(
            problem, remedy="Run this pipeline on one machine, or leave that node out."
        )


def _problems(representation: pipeline_pb2.Pipeline) -> Iterator[str]:
    config = pipeline_pb2.IntermediateDeploymentConfig()
    representation.deployment_config.Unpack(config)
    for node in representation.nodes:
        if node.WhichOneof("node") == "sub_pipeline":
            yield f"Node {node.sub_pipeline.pipeline_info.id}: a pipeline within a pipeline"
            continue
        node_id = node.pipeline_node.node_info.id
        spec = config.executor_specs.get(node_id)
        if spec is not None and spec.Is(executable_spec_pb2.ContainerExecutableSpec.DESCRIPTOR):
            yield f"Node {node_id}: it runs an image of its own, expected Python or Beam"
