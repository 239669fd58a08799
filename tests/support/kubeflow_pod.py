"""One container of a task as a process of this machine, with what Kubeflow's launcher does.

A pod gets a folder of its own, which stands for the file system of the container: /gcs, /s3, /minio
and /tmp lie in it. Inputs are copied there from the store, outputs back. Folders that the container
mounts are bound to their places in a mount namespace, for which Linux has to allow them.
"""

import contextlib
import dataclasses
import functools
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2
from kubeflow_driver import (
    LOGS,
    Outputs,
    RefusedError,
    command_line,
    expanded,
    is_of,
    local_path,
    qualified_logs,
    with_defaults,
)

Watch = Callable[[str, int, subprocess.Popen], None]
_BIND = (
    'while [ "$1" != -- ]; do mount --bind "$1" "$2" || exit 125; shift 2; done; shift; exec "$@"'
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pod:
    """An attempt at a task.

    Attributes:
        task: The task's name.
        retry: Which attempt this is, from 0.
        folder: The pod's own folder.
        store: The folder that stands for all buckets.
        environment: Variables of the container.
        mounts: Place in the container to folder of this machine.
        timeout_sec: After which the process group is killed.
        watch: Called with task, attempt and process once it has started.
    """

    task: str
    retry: int
    folder: Path
    store: Path
    environment: Mapping[str, str]
    mounts: Mapping[str, Path]
    timeout_sec: float
    watch: Watch | None = None

    @property
    def log(self) -> Path:
        """What the process wrote to stdout and stderr."""
        return self.folder / "log"

    def run(
        self, container: Mapping[str, Any], component: Mapping[str, Any], executor_input: Any
    ) -> tuple[int, Outputs]:
        """Runs the container and returns its exit code and what it put out.

        Raises:
            RefusedError: The launcher would fail, before the process or after it.
        """
        root = str(self.folder)
        told = qualified_logs(with_defaults(executor_input, component), self.retry)
        self._download(told)
        self._prepare(told)
        variables = self._variables(container)
        words = [expanded(word, variables) for word in command_line(container, told, root)]
        code = self._execute(words, variables)
        self._publish_log(told)
        return code, self._collect(told, component) if code == 0 else Outputs()

    def _variables(self, container: Mapping[str, Any]) -> dict[str, str]:
        # A container knows nothing of this machine's variables.
        python = Path(sys.executable).parent
        base = {
            "PATH": f"{python}:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(self.folder / "home"),
            "TMPDIR": str(self.folder / "tmp"),
            "LANG": "C.UTF-8",
            "KFP_POD_NAME": f"pod-{self.task}-{self.retry}",
            "KFP_POD_UID": f"uid-{self.task}-{self.retry}",
            "KFP_RETRY_INDEX": str(self.retry),
        }
        own = {variable["name"]: variable["value"] for variable in container.get("env", [])}
        return base | {k: expanded(v, base) for k, v in own.items()} | dict(self.environment)

    def _download(self, told: Mapping[str, Any]) -> None:
        for listed in told["inputs"].get("artifacts", {}).values():
            for artifact in listed["artifacts"]:
                kept = Path(local_path(artifact["uri"], str(self.store)))
                here = Path(local_path(artifact["uri"], str(self.folder)))
                if not kept.exists():
                    raise RefusedError(f"failed to download input artifact from {artifact['uri']}")
                _copy(kept, here)

    def _prepare(self, told: Mapping[str, Any]) -> None:
        for name in ("home", "tmp"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        # Of what the container puts out the launcher makes the parent folders, and no more.
        files = [spec["outputFile"] for spec in told["outputs"]["parameters"].values()]
        for listed in told["outputs"]["artifacts"].values():
            files += [local_path(one["uri"], str(self.folder)) for one in listed["artifacts"]]
        for file in files:
            Path(file).parent.mkdir(parents=True, exist_ok=True)

    def _execute(self, words: list[str], variables: Mapping[str, str]) -> int:
        command = [*self._namespace(), *words]
        with self.log.open("wb") as log:
            try:
                process = subprocess.Popen(
                    command,
                    env=variables,
                    cwd=self.folder,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            except OSError as error:  # No such program, or an argument that is too long.
                raise RefusedError(f"{command[0]} cannot be started: {error}") from error
            return self._wait(process)

    def _wait(self, process: subprocess.Popen) -> int:
        try:
            if self.watch:
                self.watch(self.task, self.retry, process)
            code = process.wait(self.timeout_sec)
        except subprocess.TimeoutExpired:
            code = -signal.SIGKILL
        finally:
            # When a container's first process ends, so do the others.
            _kill_group(process)
        return 128 - code if code < 0 else code

    def _namespace(self) -> list[str]:
        places = {place: host for place, host in self.mounts.items() if place != str(host)}
        if not places:
            return []
        prefix = namespace_command()
        if prefix is None:
            raise RefusedError(f"no mount namespaces here, which {', '.join(places)} would need")
        pairs = [part for place, host in places.items() for part in (str(host), place)]
        return [*prefix, "sh", "-c", _BIND, "sh", *pairs, "--"]

    def _publish_log(self, told: Mapping[str, Any]) -> None:
        for artifact in told["outputs"]["artifacts"].get(LOGS, {}).get("artifacts", []):
            _copy(self.log, Path(local_path(artifact["uri"], str(self.store))))

    def _collect(self, told: Mapping[str, Any], component: Mapping[str, Any]) -> Outputs:
        written = _executor_output(Path(told["outputs"]["outputFile"]))
        outputs = Outputs(parameters=dict(written.get("parameterValues", {})))
        kinds = component.get("outputDefinitions", {}).get("parameters", {})
        for name, spec in told["outputs"]["parameters"].items():
            if name not in outputs.parameters:
                outputs.parameters[name] = _read(name, spec["outputFile"], kinds[name])
        for name, listed in told["outputs"]["artifacts"].items():
            artifact = dict(listed["artifacts"][0])
            if name != LOGS:
                _merge(artifact, written.get("artifacts", {}).get(name, {}))
                self._upload(artifact)
            outputs.artifacts[name] = artifact
        return outputs

    def _upload(self, artifact: Mapping[str, Any]) -> None:
        here = Path(local_path(artifact["uri"], str(self.folder)))
        if here.exists():  # A component need not write what it declares.
            _copy(here, Path(local_path(artifact["uri"], str(self.store))))


@functools.cache
def namespace_command() -> tuple[str, ...] | None:
    """Returns how a process gets mounts of its own on this machine; None where it cannot."""
    for options in (("--mount",), ("--map-root-user", "--mount")):
        command = ("unshare", *options, "--propagation", "private")
        if not shutil.which("unshare"):
            return None
        trial = [*command, "sh", "-c", "mount --bind /tmp /tmp"]
        if subprocess.run(trial, capture_output=True, check=False).returncode == 0:
            return command
    return None


def _kill_group(process: subprocess.Popen) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _executor_output(file: Path) -> dict[str, Any]:
    if not file.exists():
        return {}
    try:
        message = json_format.Parse(file.read_text(), pipeline_spec_pb2.ExecutorOutput())
    except json_format.ParseError as error:
        raise RefusedError(
            f"failed to unmarshall ExecutorOutput in file {file}: {error}"
        ) from error
    return json_format.MessageToDict(message)


def _read(name: str, file: str, spec: Mapping[str, Any]) -> Any:
    kind = spec["parameterType"]
    try:
        text = Path(file).read_text()
        value = text if kind == "STRING" else json.loads(text)
    except (OSError, ValueError) as error:
        raise RefusedError(f"failed to read output parameter {name!r}: {error}") from error
    if not is_of(value, kind):
        raise RefusedError(f"failed to read output parameter {name!r}: {text!r} is no {kind}")
    return value


def _merge(artifact: dict[str, Any], written: Mapping[str, Any]) -> None:
    for one in written.get("artifacts", [])[:1]:
        artifact.update({key: one[key] for key in ("uri", "metadata") if one.get(key)})


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
    else:
        shutil.copyfile(source, target)
