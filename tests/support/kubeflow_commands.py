"""Runs the commands of a compiled pipeline one after the other, as a cluster's tasks would.

Only what a task sees: arguments with their placeholders filled in, and its environment. What else a
cluster does is left to `kubeflow_harness`.
"""

import dataclasses
import json
import os
import re
import subprocess
import sys
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipelines.runners.kubeflow import task
from pipelines.runners.kubeflow.compiler import CompiledPipeline
from pipelines.runners.kubeflow.settings import run_name
from pipelines.workspace import REPOSITORY, Workspace

TIMEOUT_SEC = 600


@dataclasses.dataclass
class Run:
    """A run of a compiled pipeline.

    Attributes:
        compiled: The pipeline.
        root: A folder for what Kubeflow would keep.
        environment: Of every task, over what the specification says.
        parameters: Values that were chosen.
        uuid: The run's.
        exit_codes: Task name to exit code, of the tasks that ran.
    """

    compiled: CompiledPipeline
    root: Path
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict)
    parameters: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    uuid: str = dataclasses.field(default_factory=lambda: str(uuid.uuid4()))
    exit_codes: dict[str, int] = dataclasses.field(default_factory=dict)

    @property
    def name(self) -> str:
        return run_name(self.compiled.name, self.uuid)

    def all(self, *, here: bool = True) -> "Run":
        """Runs every task whose upstream tasks have succeeded.

        Args:
            here: In this process, which has imported what a task needs, or each in one of its own.
        """
        for name, upstream in self.compiled.upstream.items():
            if all(self.exit_codes.get(one) == 0 for one in upstream):
                (self.here if here else self.task)(name)
        return self

    def here(self, name: str) -> int:
        """Does a task's work in this process."""
        options = task.parser().parse_args(self._arguments(name))
        workspace = Workspace.from_environment(self.environment)
        self.exit_codes[name] = task.Task(options, workspace).run([])
        return self.exit_codes[name]

    def task(self, name: str) -> int:
        """Runs one task."""
        with self.log(name).open("wb") as log:
            process = self.start(name, log)
            self.exit_codes[name] = process.wait(TIMEOUT_SEC)
        return self.exit_codes[name]

    def start(self, name: str, log: Any) -> subprocess.Popen:
        container = self._container(name)
        environment = {
            **os.environ,
            **{one["name"]: one["value"] for one in container["env"]},
            **self.environment,
        }
        command = [sys.executable, *container["command"][1:], *self._arguments(name)]
        return subprocess.Popen(
            command, env=environment, cwd=self.root, stdout=log, stderr=subprocess.STDOUT
        )

    def log(self, name: str) -> Path:
        folder = self.root / "pod-logs"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{name}.log"

    def text(self, name: str) -> str:
        return self.log(name).read_text(errors="replace")

    def summary(self, name: str) -> Path:
        return self.root / "kfp" / self.uuid / name / "summary"

    def _container(self, name: str) -> dict[str, Any]:
        return self.compiled.spec["deploymentSpec"]["executors"][f"exec-{name}"]["container"]

    def _arguments(self, name: str) -> list[str]:
        return [self._filled(argument, name) for argument in self._container(name)["args"]]

    def _filled(self, argument: str, name: str) -> str:
        argument = argument.replace("{{$}}", json.dumps(self._executor_input(name)))
        argument = argument.replace(
            "{{$.outputs.artifacts['summary'].path}}", str(self.summary(name))
        )

        def value(match: re.Match[str]) -> str:
            return str(self._inputs(name)[match[1]])

        return re.sub(r"\{\{\$\.inputs\.parameters\['(\w+)'\]\}\}", value, argument)

    def _inputs(self, name: str) -> dict[str, Any]:
        component = self.compiled.spec["components"][f"comp-{name}"]
        inputs = {}
        for key in component["inputDefinitions"]["parameters"]:
            if key == "ringway_run":
                inputs[key] = self.uuid
            elif key in self.parameters:
                inputs[key] = self.parameters[key]
            else:
                inputs[key] = self.compiled.parameters[key].default
        return inputs

    def _executor_input(self, name: str) -> dict[str, Any]:
        where = f"minio://mlpipeline/v2/artifacts/{self.uuid}/{name}"
        markdown = {"name": "summary", "type": {"schemaTitle": "system.Markdown"}}
        logs = {"name": "executor-logs", "type": {"schemaTitle": "system.Artifact"}}
        return {
            "inputs": {"parameterValues": self._inputs(name)},
            "outputs": {
                "artifacts": {
                    "summary": {"artifacts": [{**markdown, "uri": f"{where}/summary"}]},
                    "executor-logs": {"artifacts": [{**logs, "uri": f"{where}/executor-logs"}]},
                },
                "outputFile": str(self.root / "kfp" / self.uuid / name / "executor_output.json"),
            },
        }


def environment(workspace: Path) -> dict[str, str]:
    """Returns what stands for the image and the volume: this checkout and a folder here."""
    support = REPOSITORY / "tests" / "support"
    return {
        "PYTHONPATH": f"{REPOSITORY}:{support}",
        "RINGWAY_HOME": str(workspace),
        "TF_CPP_MIN_LOG_LEVEL": "2",
    }
