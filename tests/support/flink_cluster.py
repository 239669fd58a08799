"""A Flink cluster on loopback: a job manager, task managers, and Beam's job server before it.

They are started by their Java entry points, as the package has no start scripts. These want every
part of a task manager's memory told, which the scripts would work out.
"""

from __future__ import annotations

import json
import subprocess
import urllib.request
from pathlib import Path
from typing import Any

import beam_jars

_JOB_MANAGER = "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint"
_TASK_MANAGER = "org.apache.flink.runtime.taskexecutor.TaskManagerRunner"
# In all 1.5 GiB for the task manager, 0.5 for the job manager and as much for the job server.
_SETTINGS = {
    "jobmanager.rpc.address": "127.0.0.1",
    "jobmanager.bind-host": "127.0.0.1",
    "rest.address": "127.0.0.1",
    "rest.bind-address": "127.0.0.1",
    "taskmanager.host": "127.0.0.1",
    "taskmanager.bind-host": "127.0.0.1",
    "taskmanager.numberOfTaskSlots": "4",
    "taskmanager.cpu.cores": "2.0",
    "taskmanager.memory.framework.heap.size": "128m",
    "taskmanager.memory.framework.off-heap.size": "128m",
    "taskmanager.memory.task.heap.size": "768m",
    "taskmanager.memory.task.off-heap.size": "0m",
    # Transform is a job of 150 steps, and each has buffers for each of those that it sends to.
    "taskmanager.memory.network.min": "256m",
    "taskmanager.memory.network.max": "256m",
    "taskmanager.network.sort-shuffle.min-buffers": "64",
    "taskmanager.memory.managed.size": "128m",
    "taskmanager.memory.jvm-metaspace.size": "256m",
    "taskmanager.memory.jvm-overhead.min": "128m",
    "taskmanager.memory.jvm-overhead.max": "128m",
    # A task manager that is gone refuses connections, which is seen at the next heartbeat; one that
    # is only slow, on a busy machine, is waited for.
    "heartbeat.interval": "2000",
    "heartbeat.timeout": "180000",
    "pekko.ask.timeout": "120 s",
    # Each job brings its own classes, and Python's tools hold on to some.
    "classloader.check-leaked-classloader": "false",
}
_LOGGING = """
rootLogger.level = INFO
rootLogger.appenderRef.out.ref = out
appender.out.name = out
appender.out.type = CONSOLE
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d{HH:mm:ss} %-5p %c{1} - %m%n
"""


class FlinkCluster:
    """A cluster with one task manager of four slots, and a job server.

    Attributes:
        address: Of the REST endpoint, `HOST:PORT`.
        job_endpoint: Of Beam's job server, `HOST:PORT`.
        task_manager: The process that runs the work.
    """

    def __init__(self, folder: Path) -> None:
        """Starts everything, side by side, and waits until jobs are taken.

        Args:
            folder: Takes settings, logs and scratch.
        """
        self._server = beam_jars.job_server("flink")
        self._jars = beam_jars.flink(self._server.flink)
        self._folder = folder
        rpc, rest, jobs = beam_jars.free_ports(3)
        self.address, self.job_endpoint = f"127.0.0.1:{rest}", f"127.0.0.1:{jobs}"
        self._configure({"jobmanager.rpc.port": rpc, "rest.port": rest, "rest.bind-port": rest})
        self._job_manager = self._start(_JOB_MANAGER, "job-manager", "512m")
        self.task_manager = self._start(_TASK_MANAGER, "task-manager", "896m")
        self._job_server = beam_jars.start_job_server(
            self._server, folder, jobs, f"--flink-master={self.address}", heap="512m"
        )
        self._started = [self._job_manager, self.task_manager, self._job_server]
        try:
            self._wait_for(self._job_manager, "job-manager", lambda: beam_jars.listens(rest))
            self._wait_for(self._job_server, "job-server", lambda: beam_jars.listens(jobs))
            self._wait_for(self.task_manager, "task-manager", lambda: self._slots() == 4)
        except BaseException:
            self.stop()
            raise

    def replace_task_manager(self) -> None:
        """Starts a task manager in the place of one that was killed."""
        self.task_manager.wait()
        self.task_manager = self._start(_TASK_MANAGER, "task-manager", "896m")
        self._started.append(self.task_manager)
        self._wait_for(self.task_manager, "task-manager", lambda: self._slots() == 4)

    def jobs(self) -> list[dict[str, Any]]:
        """Returns what the list of jobs on Flink's own page shows, oldest first."""
        jobs: list[dict[str, Any]] = self.asked("/jobs/overview")["jobs"]
        return sorted(jobs, key=lambda job: job["start-time"])

    def asked(self, path: str) -> Any:
        """Returns the answer of Flink's REST interface."""
        with urllib.request.urlopen(f"http://{self.address}{path}", timeout=30) as answer:
            return json.load(answer)

    def stop(self) -> None:
        """Ends all of it."""
        beam_jars.stop(*self._started)

    def _slots(self) -> int:
        try:
            slots: int = self.asked("/overview")["slots-total"]
        except OSError:
            return 0
        return slots

    def _wait_for(self, process: subprocess.Popen[bytes], name: str, holds: Any) -> None:
        beam_jars.wait_until(holds, name, self._folder / f"{name}.log", process)

    def _configure(self, ports: dict[str, int]) -> None:
        scratch = {"io.tmp.dirs": str(self._folder / "scratch")}
        settings = {**_SETTINGS, **ports, **scratch}
        text = "".join(f"{key}: {value}\n" for key, value in settings.items())
        (self._folder / "scratch").mkdir()
        # Flink 2 reads the second only, Flink 1.19 either.
        for name in ("flink-conf.yaml", "config.yaml"):
            (self._folder / name).write_text(text)
        (self._folder / "log4j2.properties").write_text(_LOGGING)

    def _start(self, main: str, name: str, heap: str) -> subprocess.Popen[bytes]:
        logging = f"-Dlog4j.configurationFile={self._folder / 'log4j2.properties'}"
        program = (main, "--configDir", str(self._folder))
        return beam_jars.start_java(
            [f"-Xmx{heap}", *beam_jars.OPENS, logging, "-cp", f"{self._jars}/*", *program],
            self._folder / f"{name}.log",
            FLINK_CONF_DIR=str(self._folder),
        )
