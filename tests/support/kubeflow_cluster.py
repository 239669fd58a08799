"""What a run of a compiled pipeline finds and leaves: plain values of the harness."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from kubeflow_driver import Outputs, local_path
from kubeflow_pod import Watch

SUCCEEDED, FAILED, OMITTED = "Succeeded", "Failed", "Omitted"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cluster:
    """What a pipeline finds where it runs.

    Attributes:
        root: Folder for the buckets and the pods.
        pipeline_root: Kubeflow's own root, for logs and summaries.
        environment: Variables that every container gets.
        secrets: Secret name to its keys and values.
        claims: Name of a volume's claim to the folder of this machine that it is.
        mounts: Place in each container to folder of this machine.
        parallel: How many tasks run at the same time.
        publish_logs: Whether the server adds the output `executor-logs`.
        timeout_sec: After which a task is killed.
        watch: Called with task, attempt and process when one has started.
    """

    root: Path
    pipeline_root: str = "minio://mlpipeline/v2/artifacts"
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict)
    secrets: Mapping[str, Mapping[str, str]] = dataclasses.field(default_factory=dict)
    claims: Mapping[str, Path] = dataclasses.field(default_factory=dict)
    mounts: Mapping[str, Path] = dataclasses.field(default_factory=dict)
    parallel: int = 2
    publish_logs: bool = True
    timeout_sec: float = 900
    watch: Watch | None = None


@dataclasses.dataclass
class TaskResult:
    """How a task ended.

    Attributes:
        state: `Succeeded`, `Failed` or `Omitted`.
        attempts: How often it was tried.
        exit_code: Of the last attempt; None when no process ended.
        reason: Why there was no process, or why what it did was not taken.
        seconds: How long all attempts took.
        log: What the last attempt wrote; None without one.
        outputs: What it put out.
        store: The folder in which that lies.
    """

    state: str = OMITTED
    attempts: int = 0
    exit_code: int | None = None
    reason: str = ""
    seconds: float = 0.0
    log: Path | None = None
    outputs: Outputs = dataclasses.field(default_factory=Outputs)
    store: Path = Path()

    def artifact(self, name: str) -> Path:
        """Returns where an output artifact is kept."""
        return Path(local_path(self.outputs.artifacts[name]["uri"], str(self.store)))


@dataclasses.dataclass
class RunResult:
    """How a run ended: its id, its state, and each task by name."""

    uuid: str
    state: str
    tasks: dict[str, TaskResult]

    def report(self) -> str:
        """Returns a line for each task, and the end of the log of those that failed."""
        lines = []
        for name, task in self.tasks.items():
            code = "" if task.exit_code is None else f" exit {task.exit_code}"
            lines.append(f"{task.state:9} {name:32}{code} {task.seconds:6.1f} s {task.reason}")
            if task.state == FAILED and task.log and task.log.exists():
                text = task.log.read_text(errors="replace")
                lines += [f"    {line}" for line in text.splitlines()[-40:]]
        return "\n".join(lines)
