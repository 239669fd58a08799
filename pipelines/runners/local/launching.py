"""Launches one node: TFX's own driver and publisher here, the executor in a worker.

The stock `Launcher` does the work; what is put in is a metadata handle that threads can share and
an executor operator that hands the execution to `Workers`. What a node's code is, and the reuse of
earlier results, are added around it.
"""

from __future__ import annotations

import functools
import json
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

from ml_metadata.proto import metadata_store_pb2
from tfx.orchestration import data_types_utils, metadata
from tfx.orchestration.local import runner_utils
from tfx.orchestration.portable import (
    base_executor_operator,
    data_types,
    execution_publish_utils,
    inputs_utils,
    launcher,
)
from tfx.orchestration.portable.mlmd import context_lib, execution_lib
from tfx.proto.orchestration import (
    executable_spec_pb2,
    execution_result_pb2,
    local_deployment_config_pb2,
    pipeline_pb2,
)
from tfx.types import artifact_utils

from pipelines.errors import RingwayError
from pipelines.lineage import keys
from pipelines.lineage.store import connection_config, open_store
from pipelines.runners.beam import executor_specs
from pipelines.runners.local.code_version import CodeVersions
from pipelines.runners.local.schedule import NodeState
from pipelines.runners.local.worker import Task

_EXECUTION = metadata_store_pb2.Execution
_STATES = {_EXECUTION.COMPLETE: NodeState.RAN, _EXECUTION.CACHED: NodeState.CACHED}


class Runs(Protocol):
    """What runs executors: `Workers`, or something around them."""

    def run(self, task: Task) -> bytes:
        """Runs a task and returns the serialized `ExecutorOutput`."""


class SharedMetadata(metadata.Metadata):
    """A metadata handle for several threads: one store, one user at a time.

    Stock `Metadata` opens a new connection at every entry and is not safe for threads.
    """

    def __init__(self, url: str) -> None:
        """Opens the store that a URL names; `open_store` tells which errors that has."""
        super().__init__(connection_config(url))
        self._lock = threading.RLock()
        self._shared = open_store(url)

    def __enter__(self) -> SharedMetadata:
        self._lock.acquire()
        self._store = self._shared
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        exc_tb: TracebackType | None = None,
    ) -> None:
        self._lock.release()


class _WorkerOperator(base_executor_operator.BaseExecutorOperator):
    """Runs an executor in a worker process."""

    SUPPORTED_EXECUTOR_SPEC_TYPE = [  # noqa: RUF012  (TFX reads it as a class attribute)
        executable_spec_pb2.PythonClassExecutableSpec,
        executable_spec_pb2.BeamExecutableSpec,
    ]
    SUPPORTED_PLATFORM_CONFIG_TYPE: list[Any] = []  # noqa: RUF012

    def __init__(
        self,
        executor_spec: Any,
        platform_config: Any = None,
        *,
        original: Any,
        workers: Runs,
        log_path: Path | None,
    ) -> None:
        super().__init__(executor_specs.with_flags(executor_spec, original), platform_config)
        self._workers = workers
        self._log_path = log_path

    def run_executor(
        self, execution_info: data_types.ExecutionInfo
    ) -> execution_result_pb2.ExecutorOutput:
        node_id = execution_info.pipeline_node.node_info.id
        task = Task(
            node_id=node_id,
            spec_type=type(self._executor_spec).__name__,
            spec=self._executor_spec.SerializeToString(),
            invocation=execution_info.to_proto().SerializeToString(),
            log_path=self._log_path,
        )
        output = self._workers.run(task)
        return execution_result_pb2.ExecutorOutput.FromString(output)


class NodeLauncher:
    """Launches the nodes of one compiled pipeline, from any thread."""

    def __init__(
        self,
        pipeline: pipeline_pb2.Pipeline,
        deployment: local_deployment_config_pb2.LocalDeploymentConfig,
        handle: SharedMetadata,
        workers: Runs,
        log_root: Path | None,
        *,
        fresh: frozenset[str],
    ) -> None:
        """Prepares to launch.

        Args:
            pipeline: The compiled pipeline with its run id in place.
            deployment: Its executors.
            handle: ML Metadata.
            workers: Where executors run.
            log_root: The folder of the nodes' log files; None where executors print to where this
                process prints.
            fresh: Ids of nodes whose recorded results must not be reused.
        """
        self._pipeline = pipeline
        self._deployment = deployment
        self._handle = handle
        self._workers = workers
        self._log_root = log_root
        self._fresh = fresh

    def log_path(self, node_id: str) -> Path | None:
        """Returns the node's log file, where it has one of its own."""
        return self._log_root / f"{node_id}.log" if self._log_root else None

    def launch(self, node: pipeline_pb2.PipelineNode) -> tuple[NodeState, int | None]:
        """Runs a node, takes its result from the cache, or reuses a recorded one.

        Returns:
            How the node ended, and the id of its execution (None when it was skipped).

        Raises:
            WorkerError: Its executor failed.
            WorkersStoppedError: The run was cancelled.
            Exception: Whatever its driver raised.
        """
        node_id = node.node_info.id
        if node_id not in self._fresh and (key := reuse_key(node)):
            execution_id = self._reuse(node, key)
            if execution_id is not None:
                return NodeState.REUSED, execution_id
        spec = runner_utils.extract_executor_spec(self._deployment, node_id)
        operator = functools.partial(
            _WorkerOperator, original=spec, workers=self._workers, log_path=self.log_path(node_id)
        )
        info = launcher.Launcher(
            pipeline_node=node,
            mlmd_connection=self._handle,
            pipeline_info=self._pipeline.pipeline_info,
            pipeline_runtime_spec=self._pipeline.runtime_spec,
            executor_spec=executor_specs.without_flags(spec),
            custom_driver_spec=runner_utils.extract_custom_driver_spec(self._deployment, node_id),
            custom_executor_operators={
                executable_spec_pb2.PythonClassExecutableSpec: operator,
                executable_spec_pb2.BeamExecutableSpec: operator,
            },
        ).launch()
        if info is None or not info.execution_id:
            return NodeState.SKIPPED, None
        return self._ending(info.execution_id), info.execution_id

    def _ending(self, execution_id: int) -> NodeState:
        with self._handle as m:
            [execution] = m.store.get_executions_by_id([execution_id])
        if execution.last_known_state in _STATES:
            return _STATES[execution.last_known_state]
        # The stock driver records that inputs could not be resolved, then returns as if all were
        # well.
        result = execution_lib.get_execution_result(execution, ignore_parse_errors=True)
        text = result.result_message.strip() if result else "no reason was recorded"
        raise RingwayError(f"The node's inputs could not be resolved: {text.splitlines()[-1]}")

    def _reuse(self, node: pipeline_pb2.PipelineNode, key: str) -> int | None:
        with self._handle as m:
            earlier = self._latest_with_key(m, node, key)
            if earlier is None:
                return None
            resolved = inputs_utils.resolve_input_artifacts(pipeline_node=node, metadata_handle=m)
            if isinstance(resolved, inputs_utils.Skip):
                return None
            contexts = context_lib.prepare_contexts(metadata_handle=m, node_contexts=node.contexts)
            properties = data_types_utils.build_parsed_value_dict(
                inputs_utils.resolve_parameters_with_schema(node_parameters=node.parameters)
            )
            execution = execution_publish_utils.register_execution(
                metadata_handle=m,
                execution_type=node.node_info.type,
                contexts=contexts,
                input_artifacts=resolved[0],
                exec_properties=properties,
            )
            execution_publish_utils.publish_cached_executions(
                metadata_handle=m,
                contexts=contexts,
                executions=[execution],
                output_artifacts_maps=[execution_lib.get_output_artifacts(m, earlier.id)],
            )
            return int(execution.id)

    def _latest_with_key(
        self, m: metadata.Metadata, node: pipeline_pb2.PipelineNode, key: str
    ) -> metadata_store_pb2.Execution | None:
        name = f"{self._pipeline.pipeline_info.id}.{node.node_info.id}"
        context = m.store.get_context_by_type_and_name(keys.NODE_CONTEXT, name)
        executions = m.store.get_executions_by_context(context.id) if context else []
        for execution in execution_lib.sort_executions_newest_to_oldest(executions):
            recorded = execution.custom_properties["custom_config"].string_value
            if execution_lib.is_execution_successful(execution) and _key_in(recorded) == key:
                outputs = execution_lib.get_output_artifacts(m, execution.id)
                if _all_there(outputs):
                    return execution
        return None


def _all_there(outputs: Mapping[str, Any]) -> bool:
    try:
        artifact_utils.verify_artifacts(dict(outputs))
    except RuntimeError:
        return False  # the recorded result was deleted
    return True


def reuse_key(node: pipeline_pb2.PipelineNode) -> str:
    """Returns the key under which a node's result may be reused, whatever its inputs are.

    A node sets it as `reuse_key` in its `custom_config`: tuning, say, whose best hyperparameters
    hold for a search space rather than for one day's data. Empty when the node has none.
    """
    parameters = node.parameters.parameters
    if "custom_config" not in parameters:
        return ""
    return _key_in(parameters["custom_config"].field_value.string_value)


def _key_in(custom_config: str) -> str:
    try:
        config = json.loads(custom_config or "{}")
    except json.JSONDecodeError:
        return ""
    return str(config.get("reuse_key", "")) if isinstance(config, dict) else ""


def add_code_version(node: pipeline_pb2.PipelineNode, code: CodeVersions, stack: str) -> None:
    """Makes the versions of the node's code one of its parameters.

    As a parameter it takes part in TFX's cache key and is recorded with the execution.

    Args:
        node: A compiled node; changed in place.
        code: Looks the modules up.
        stack: The TFX release, whose change also invalidates a result.
    """
    parameters = node.parameters.parameters.values()
    values = [parameter.field_value.string_value for parameter in parameters]
    values.append(node.node_info.type.name)
    versions = {**code.of_values(values), "tfx": stack}
    text = json.dumps(versions, sort_keys=True)
    node.parameters.parameters[keys.CODE].field_value.string_value = text
