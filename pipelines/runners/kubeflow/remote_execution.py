"""Runs an executor whose artifacts lie in an object store that TensorFlow cannot open.

Inputs are fetched to a mirror on the task's own disk, the executor is told the mirror's paths, and
what it has made is sent before TFX publishes it. What is recorded are the remote places throughout.
Places that TensorFlow can open (`gs://`, folders on a volume) are left alone.

A pushed model goes where `push_destination` says: only the version that was pushed is sent, so that
versions beside it stay as they are.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from google.protobuf import message
from ml_metadata.proto import metadata_store_pb2
from tfx.orchestration.portable import data_types
from tfx.proto.orchestration import execution_invocation_pb2, execution_result_pb2

from pipelines.runners.kubeflow import paths, remote_filesystem
from pipelines.runners.kubeflow.remote_files import RemoteFiles
from pipelines.runners.local.gates import Outputs
from pipelines.runners.local.worker import Task, execute

_WRITTEN = ("push_destination", "rollout_root")  # properties that name where something is put
_READ_HERE = frozenset(
    {"ExampleAnomalies", "ExampleStatistics", "InfraBlessing", "ModelBlessing", "ModelEvaluation"}
)


class RemoteExecution:
    """Runs executors in this process; a context that removes its mirror when it ends."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        """Prepares to run.

        Args:
            environment: Where endpoint and credentials come from.
        """
        self._mirror = Path(tempfile.mkdtemp(prefix="ringway-mirror-"))
        self._files = RemoteFiles(self._mirror, environment)
        self._places: dict[str, str] = {}  # local path to URI

    def __enter__(self) -> RemoteExecution:
        remote_filesystem.install(self._files)
        return self

    def __exit__(self, *details: object) -> None:
        shutil.rmtree(self._mirror, ignore_errors=True)

    def run(self, task: Task) -> bytes:
        """Runs a task and returns the serialized `ExecutorOutput`.

        Raises:
            DataError: An input is not there as a whole.
            RingwayError: The object store cannot be reached, or refuses.
            Exception: Whatever the executor raised.
        """
        info = data_types.ExecutionInfo.from_proto(
            execution_invocation_pb2.ExecutionInvocation.FromString(task.invocation)
        )
        outputs = [a.uri for artifacts in info.output_dict.values() for a in artifacts]
        self._bring_near(info)
        if not self._places:
            return execute(task)
        near = Task(
            node_id=task.node_id,
            spec_type=task.spec_type,
            spec=task.spec,
            invocation=info.to_proto().SerializeToString(),
            log_path=task.log_path,
        )
        output = execution_result_pb2.ExecutorOutput.FromString(execute(near))
        self._send([uri for uri in outputs if self._files.handles(uri)])
        self._send(self._pushed(info))
        _each_text(output, self._far)
        return output.SerializeToString()

    def at_hand(self, outputs: Outputs) -> Outputs:
        """Returns outputs of which those that say something of a run can be opened here."""
        return {
            key: [(kind, self._fetched(kind, artifact)) for kind, artifact in pairs]
            for key, pairs in outputs.items()
        }

    def _fetched(self, kind: str, artifact: metadata_store_pb2.Artifact) -> Any:
        if kind not in _READ_HERE or not self._files.handles(artifact.uri):
            return artifact
        copy = metadata_store_pb2.Artifact()
        copy.CopyFrom(artifact)
        copy.uri = self._files.fetch(artifact.uri)
        return copy

    def _bring_near(self, info: data_types.ExecutionInfo) -> None:
        for artifacts in info.input_dict.values():
            for artifact in artifacts:
                artifact.uri = self._near(artifact.uri, fetch=True)
        for artifacts in info.output_dict.values():
            for artifact in artifacts:
                artifact.uri = self._near(artifact.uri, fetch=False)
        for name in ("execution_output_uri", "stateful_working_dir", "tmp_dir"):
            setattr(info, name, self._near(getattr(info, name) or "", fetch=False))
        for name, value in info.exec_properties.items():
            if isinstance(value, str):
                info.exec_properties[name] = paths.rewritten(
                    value,
                    lambda text, name=name: self._near(text, fetch=name not in _WRITTEN),  # type: ignore[misc]
                )

    def _near(self, uri: str, *, fetch: bool) -> str:
        if not self._files.handles(uri):
            return uri
        local = self._files.local_path(uri)
        if fetch and self._files.exists(uri):
            self._files.fetch(uri)
        self._places[local] = uri
        return local

    def _far(self, text: str) -> str:
        for local in sorted(self._places, key=len, reverse=True):
            text = text.replace(local, self._places[local])
        return text

    def _pushed(self, info: data_types.ExecutionInfo) -> list[str]:
        found = []
        for name in _WRITTEN:
            for local, uri in self._places.items():
                value = info.exec_properties.get(name)
                if isinstance(value, str) and local in value and Path(local).is_dir():
                    found += [f"{uri.rstrip('/')}/{child.name}" for child in Path(local).iterdir()]
        return found

    def _send(self, uris: list[str]) -> None:
        for uri in uris:
            if Path(self._files.local_path(uri)).exists():
                self._files.send(uri)


def _each_text(part: message.Message, change: Any) -> None:
    for field, value in part.ListFields():
        if isinstance(value, str):
            setattr(part, field.name, change(value))
        elif isinstance(value, message.Message):
            _each_text(value, change)
        elif field.message_type is not None:
            for item in value.values() if hasattr(value, "values") else value:
                if isinstance(item, message.Message):
                    _each_text(item, change)
