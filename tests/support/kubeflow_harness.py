"""Runs a compiled pipeline without a cluster: each task's own command line, as a process.

    python tests/support/kubeflow_harness.py taxi.yaml --root DIR --parameter epochs=1

It does with the YAML what Kubeflow does: the server parses it strictly and looks at parameters,
Argo orders the tasks (no new one once one has failed), the driver resolves a task's inputs, the
launcher fills placeholders in, adds the output `executor-logs`, and collects what the task puts
out. An image is taken for this machine's Python and this checkout. What is not done: pulling
images, memory limits, conditions, iterators, importers, the cache.

Exit codes: 0 all tasks succeeded, 1 one failed, 2 the server would have refused.
"""

import argparse
import concurrent.futures
import contextlib
import fcntl
import json
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from google.protobuf import json_format
from kfp.kubernetes import kubernetes_executor_config_pb2
from kfp.pipeline_spec import pipeline_spec_pb2
from kubeflow_cluster import FAILED, SUCCEEDED, Cluster, RunResult, TaskResult
from kubeflow_driver import (
    RefusedError,
    RunInfo,
    provision_outputs,
    resolve_inputs,
    run_parameters,
)
from kubeflow_pod import Pod

REPOSITORY = Path(__file__).resolve().parents[2]
IMAGE_FOLDER = "/opt/ringway"


class Harness:
    """Runs one compiled pipeline on a cluster that is a folder."""

    def __init__(self, text: str, cluster: Cluster) -> None:
        self.spec, self._kubernetes = _parse(text)
        self._cluster = cluster
        self._store = cluster.root / "store"

    def run(self, parameters: Mapping[str, Any] | None = None, run_id: str = "") -> RunResult:
        """Runs the pipeline and returns how each task ended.

        Raises:
            RefusedError: The server would not have begun.
        """
        values = run_parameters(self.spec["root"], parameters or {})
        name = self.spec["pipelineInfo"]["name"]
        run_id = run_id or str(uuid.uuid4())
        info = RunInfo(run_id, f"{name}-{run_id[:5]}", f"run of {name}")
        results: dict[str, TaskResult] = {}
        with _places(self._mounted()):
            state = self._dag(self.spec["root"], values, info, results)
        return RunResult(run_id, state, results)

    def _mounted(self) -> list[str]:
        places = {mount["mountPath"] for c in self._kubernetes.values() for mount in _claims(c)}
        hosts = {str(host) for host in self._cluster.claims.values()}
        hosts |= {str(host) for host in self._cluster.mounts.values()}
        return [place for place in {*places, *self._cluster.mounts} if place not in hosts]

    def _dag(
        self,
        component: Mapping[str, Any],
        values: Mapping[str, Any],
        info: RunInfo,
        results: dict[str, TaskResult],
        retry: Mapping[str, Any] | None = None,
    ) -> str:
        tasks = component["dag"]["tasks"]
        hooks = {_only(t): key for key, t in tasks.items() if _is_exit(t)}
        waiting = {key: _needs(task) for key, task in tasks.items() if not _is_exit(task)}
        states: dict[str, str] = {}

        def execute(key: str) -> str:
            ended = self._task(key, tasks[key], values, info, results, states, retry)
            if key in hooks:
                hook = hooks[key]
                hooked = {**states, key: ended}
                states[hook] = self._task(hook, tasks[hook], values, info, results, hooked, None)
            return ended

        with concurrent.futures.ThreadPoolExecutor(self._cluster.parallel) as pool:
            running: dict[concurrent.futures.Future, str] = {}
            while True:
                failed = FAILED in states.values()
                for key in [] if failed else _ready(waiting, states):
                    del waiting[key]
                    running[pool.submit(execute, key)] = key
                if not running:
                    break
                done, _ = concurrent.futures.wait(running, return_when="FIRST_COMPLETED")
                for future in done:
                    states[running.pop(future)] = future.result()
        for key in waiting:
            results.setdefault(key, TaskResult())
        return FAILED if waiting or FAILED in states.values() else SUCCEEDED

    def _task(
        self,
        key: str,
        task: Mapping[str, Any],
        values: Mapping[str, Any],
        info: RunInfo,
        results: dict[str, TaskResult],
        states: Mapping[str, str],
        retry: Mapping[str, Any] | None,
    ) -> str:
        component = self.spec["components"][task["componentRef"]["name"]]
        done = {name: result.outputs for name, result in results.items()}
        began = time.monotonic()
        policy = task.get("retryPolicy") or retry
        try:
            inputs = resolve_inputs(task, component, values, done, states, info)
            if "dag" in component:
                return self._dag(component, inputs["parameterValues"], info, results, policy)
            result = results[key] = TaskResult(store=self._store)
            self._attempts(key, component, inputs, info, result, policy or {})
        except RefusedError as error:
            result = results.setdefault(key, TaskResult())
            result.state, result.reason = FAILED, str(error)
        result.seconds = time.monotonic() - began
        return result.state

    def _attempts(
        self,
        key: str,
        component: Mapping[str, Any],
        inputs: Mapping[str, Any],
        info: RunInfo,
        result: TaskResult,
        policy: Mapping[str, Any],
    ) -> None:
        label = component["executorLabel"]
        executor = self.spec["deploymentSpec"]["executors"][label]
        if "container" not in executor:
            raise RefusedError(f"executor {label}: {', '.join(executor)} not implemented")
        bucket = self._cluster.pipeline_root.rstrip("/")
        task_root = f"{bucket}/{self.spec['pipelineInfo']['name']}/{info.uuid}/{key}/{uuid.uuid4()}"
        for retry in range(int(policy.get("maxRetryCount", 0)) + 1):
            pod = self._pod(key, label, info, retry)
            outputs = provision_outputs(
                component, task_root, str(pod.folder), publish_logs=self._cluster.publish_logs
            )
            result.attempts, result.log = retry + 1, pod.log
            told = {"inputs": inputs, "outputs": outputs}
            try:
                result.exit_code, result.outputs = pod.run(executor["container"], component, told)
                result.reason = ""
            except RefusedError as error:
                result.exit_code, result.reason = None, str(error)
            result.state = SUCCEEDED if result.exit_code == 0 else FAILED
            if result.state == SUCCEEDED:
                return

    def _pod(self, key: str, label: str, info: RunInfo, retry: int) -> Pod:
        config = self._kubernetes.get(label, {})
        mounts = dict(self._cluster.mounts)
        for mount in _claims(config):
            mounts[mount["mountPath"]] = _found(self._cluster.claims, mount["constant"], "claim")
        folder = self._cluster.root / "pods" / info.uuid / f"{key}-{retry}"
        folder.mkdir(parents=True)
        return Pod(
            task=key,
            retry=retry,
            folder=folder,
            store=self._store,
            environment={**self._secret_variables(config), **self._cluster.environment},
            mounts=mounts,
            timeout_sec=self._cluster.timeout_sec,
            watch=self._cluster.watch,
        )

    def _secret_variables(self, config: Mapping[str, Any]) -> dict[str, str]:
        variables: dict[str, str] = {}
        for entry in config.get("secretAsEnv", []):
            # Newer kfp-kubernetes writes the name as a parameter too.
            name = (
                entry.get("secretName") or entry["secretNameParameter"]["runtimeValue"]["constant"]
            )
            secret = _found(self._cluster.secrets, name, "secret")
            for pair in entry["keyToEnv"]:
                variables[pair["envVar"]] = _found(secret, pair["secretKey"], f"key of {name}")
        return variables


def run(
    text: str, root: Path, *, parameters: Mapping[str, Any] | None = None, **cluster: Any
) -> RunResult:
    """Runs a compiled pipeline, given as YAML, in a folder; see `Cluster` for the rest."""
    return Harness(text, Cluster(root=root, **cluster)).run(parameters)


def _parse(text: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns the spec, and what each executor asks of Kubernetes, parsed as the server does."""
    spec: dict[str, Any] = {}
    kubernetes: dict[str, Any] = {}
    for document in yaml.safe_load_all(text):
        if "platforms" in document:
            json_format.ParseDict(document, pipeline_spec_pb2.PlatformSpec())
            kubernetes = document["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
        else:
            spec = document
    try:
        json_format.ParseDict(spec, pipeline_spec_pb2.PipelineSpec())
        json_format.ParseDict(
            spec.get("deploymentSpec", {}), pipeline_spec_pb2.PipelineDeploymentConfig()
        )
        for config in kubernetes.values():
            json_format.ParseDict(config, kubernetes_executor_config_pb2.KubernetesExecutorConfig())
    except json_format.ParseError as error:
        raise RefusedError(f"invalid v2 pipeline spec: {error}") from error
    if spec.get("schemaVersion") != "2.1.0" or "root" not in spec:
        raise RefusedError(
            f"KFP only supports schema version 2.1.0, not {spec.get('schemaVersion')}"
        )
    return spec, kubernetes


def _needs(task: Mapping[str, Any]) -> set[str]:
    needs = set(task.get("dependentTasks", []))
    inputs = task.get("inputs", {})
    for field, kind in (("taskOutputParameter", "parameters"), ("taskOutputArtifact", "artifacts")):
        needs |= {v[field]["producerTask"] for v in inputs.get(kind, {}).values() if field in v}
    return needs


def _ready(waiting: Mapping[str, set[str]], states: Mapping[str, str]) -> list[str]:
    return [k for k, needs in waiting.items() if all(states.get(n) == SUCCEEDED for n in needs)]


def _is_exit(task: Mapping[str, Any]) -> bool:
    return task.get("triggerPolicy", {}).get("strategy") == "ALL_UPSTREAM_TASKS_COMPLETED"


def _only(task: Mapping[str, Any]) -> str:
    """Returns what an exit task waits for; being a hook, that can be one task only."""
    [upstream] = task["dependentTasks"]
    return str(upstream)


def _claims(config: Mapping[str, Any]) -> list[dict[str, Any]]:
    mounts = [dict(mount) for mount in config.get("pvcMount", [])]
    for mount in mounts:
        if "constant" not in mount:
            mount["constant"] = mount["pvcNameParameter"]["runtimeValue"]["constant"]
    return mounts


def _found(named: Mapping[str, Any], name: str, what: str) -> Any:
    if name not in named:
        raise RefusedError(f"{what} {name!r} not found; there are {sorted(named)}")
    return named[name]


@contextlib.contextmanager
def _places(places: list[str]) -> Iterator[None]:
    """Makes the folders on which others are mounted, and removes those that were made.

    Runs share them: none is removed while another run is at work.
    """
    made: list[Path] = []
    with (Path(tempfile.gettempdir()) / "ringway-harness.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        try:
            for place in places:
                path = Path(place)
                made += [p for p in (path, *path.parents) if not p.exists()]
                try:
                    path.mkdir(parents=True, exist_ok=True)
                except OSError as error:
                    raise RefusedError(
                        f"{place}: no folder to mount on: {error.strerror}"
                    ) from error
            yield
        finally:
            with contextlib.suppress(OSError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                for path in made:
                    path.rmdir()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path, help="the compiled pipeline")
    parser.add_argument("--root", type=Path, required=True, help="folder for buckets and pods")
    pairs = {
        "--parameter": "NAME=VALUE, JSON or text",
        "--env": "NAME=VALUE, for every container",
        "--secret": "NAME.KEY=VALUE",
        "--claim": "NAME=DIR: a volume",
        "--mount": "PLACE=DIR: a folder at a place in the containers",
    }
    for option, text in pairs.items():
        parser.add_argument(option, action="append", default=[], metavar="PAIR", help=text)
    parser.add_argument("--parallel", type=int, default=2, help="tasks at the same time")
    return parser


def main(arguments: list[str]) -> int:
    """Runs the pipeline that the command line names."""
    options = _parser().parse_args(arguments)
    secrets: dict[str, dict[str, str]] = {}
    for name, value in _pairs(options.secret).items():
        secret, key = name.split(".", 1)
        secrets.setdefault(secret, {})[key] = value
    text = options.file.read_text()
    image = {IMAGE_FOLDER: REPOSITORY} if IMAGE_FOLDER in text else {}
    cluster = Cluster(
        root=options.root.absolute(),
        environment=_pairs(options.env),
        secrets=secrets,
        claims={k: Path(v).absolute() for k, v in _pairs(options.claim).items()},
        mounts=image | {k: Path(v).absolute() for k, v in _pairs(options.mount).items()},
        parallel=options.parallel,
        watch=lambda task, retry, _: print(f"started   {task} (attempt {retry + 1})", flush=True),
    )
    try:
        values = {k: _value(v) for k, v in _pairs(options.parameter).items()}
        result = Harness(text, cluster).run(values)
    except RefusedError as error:
        print(f"refused: {error}", file=sys.stderr)
        return 2
    print(result.report())
    print(f"{result.state} {result.uuid}")
    return 0 if result.state == SUCCEEDED else 1


def _pairs(texts: list[str]) -> dict[str, str]:
    return dict(text.split("=", 1) for text in texts)


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
