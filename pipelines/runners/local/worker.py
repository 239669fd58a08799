"""A worker process: runs one executor and sends back what came of it.

Workers are forked from a server process that has imported TFX and TensorFlow already, so an
executor starts at once. Nothing here touches ML Metadata; drivers and publishers stay in the
parent. `Workers` is the parent's side.
"""

from __future__ import annotations

import atexit
import contextlib
import dataclasses
import gc
import multiprocessing
import multiprocessing.forkserver
import os
import signal
import sys
import threading
import traceback
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path

import psutil

from pipelines.errors import RingwayError
from pipelines.lineage import keys
from pipelines.runners.local.failures import Failure, describe, remedy_for

_STOP_GRACE_SEC = 5.0

# What every executor needs. Loading them starts no threads, so forking afterwards is safe; a module
# of the user's may do more at import, and is left to the worker itself.
_FRAMEWORK = (
    "tfx.orchestration.portable.beam_executor_operator",
    "tfx.orchestration.portable.python_executor_operator",
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Task:
    """One execution for a worker; protos are serialized.

    Attributes:
        node_id: The node, for messages.
        spec_type: `PythonClassExecutableSpec` or `BeamExecutableSpec`.
        spec: The executor's spec.
        invocation: The `ExecutionInvocation`: inputs, outputs and parameters.
        log_path: The file that takes everything the executor prints; None for where this process
            prints.
    """

    node_id: str
    spec_type: str
    spec: bytes
    invocation: bytes
    log_path: Path | None


class WorkerError(Exception):
    """An executor failed, or its process died.

    Attributes:
        failure: The root cause.
    """

    def __init__(self, failure: Failure) -> None:
        super().__init__(str(failure))
        self.failure = failure


class WorkersStoppedError(Exception):
    """The executor was stopped because the run was cancelled."""


class Workers:
    """Starts workers and waits for them; safe to use from several threads."""

    def __init__(self, preload: Sequence[str] = ()) -> None:
        """Starts the server process, which begins to import at once.

        Args:
            preload: Modules to import there besides TFX's own, for all workers to share.
        """
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload([*_FRAMEWORK, *preload])
        multiprocessing.forkserver.ensure_running()
        self._guard = threading.Lock()
        self._running: set[multiprocessing.process.BaseProcess] = set()
        self._stopped = False

    def run(self, task: Task) -> bytes:
        """Runs a task in a process of its own and returns the serialized `ExecutorOutput`.

        Raises:
            WorkerError: The executor raised, or the process died.
            WorkersStoppedError: `stop` was called meanwhile.
        """
        receiver, sender = self._context.Pipe(duplex=False)
        process = self._context.Process(
            target=_main, args=(sender, task), name=task.node_id, daemon=False
        )
        with self._guard:
            if self._stopped:
                raise WorkersStoppedError(task.node_id)
            process.start()
            self._running.add(process)
        sender.close()
        try:
            try:
                result: bytes | Failure = receiver.recv()
            except EOFError:
                process.join()
                result = _death(process.exitcode, task.log_path)
            process.join()
        finally:
            receiver.close()
            with self._guard:
                self._running.discard(process)
                stopped = self._stopped
        if isinstance(result, bytes):
            return result
        if stopped:
            raise WorkersStoppedError(task.node_id)
        raise WorkerError(result)

    def stop(self) -> None:
        """Ends all running workers, and refuses new ones."""
        with self._guard:
            self._stopped = True
            running = list(self._running)
        for process in running:
            _kill_group(process.pid, signal.SIGTERM)
        for process in running:
            process.join(_STOP_GRACE_SEC)
            if process.is_alive():
                _kill_group(process.pid, signal.SIGKILL)


def _kill_group(pid: int | None, number: signal.Signals) -> None:
    # A worker leads a process group, so that the processes which Beam starts end with it. In its
    # first moments it has none yet.
    if pid is None:
        return
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        with contextlib.suppress(ProcessLookupError):  # it may just have ended by itself
            os.kill(pid, number)


def _death(exit_code: int | None, log_path: Path | None) -> Failure:
    if exit_code is not None and exit_code < 0:
        message = f"the worker was killed by signal {-exit_code}"
    else:
        message = f"the worker ended with exit code {exit_code} and no result"
    return Failure(
        error="WorkerDied",
        message=message,
        remedy=remedy_for(message) or f"See {log_path or 'the log'}.",
    )


def _main(sender: Connection, task: Task) -> None:
    """Entry point of a worker."""
    os.setpgid(0, 0)
    _die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if task.log_path is not None:
        _redirect_output(task.log_path)
    atexit._clear()  # what the fork server's imports left there is the fork server's
    # TFX hands the command line's arguments on to executors; those of `ringway` are not for them.
    sys.argv = sys.argv[:1]
    # What was imported stays: looking through it at every collection costs Tuner seconds.
    gc.freeze()
    try:
        result: bytes | Failure = execute(task)
    except BaseException as error:  # noqa: BLE001  (whatever it is, the parent must hear)
        result = describe(error, traceback.format_exc())
    # First the answer, then the log: where the disk is full, the log is what fails.
    sender.send(result)
    with contextlib.suppress(OSError):
        if isinstance(result, Failure):
            print(result.trace, file=sys.stderr)
        sys.stdout.flush()
        sys.stderr.flush()
    _end_helpers()


def _end_helpers() -> None:
    # Beam ends its job server, and removes what it stored, when the process ends, of which
    # multiprocessing tells nobody. Whatever else an executor started ends with it.
    atexit._run_exitfuncs()
    children = psutil.Process().children(recursive=True)
    for child in children:
        with contextlib.suppress(psutil.Error):
            child.kill()
    psutil.wait_procs(children, _STOP_GRACE_SEC)


def execute(task: Task) -> bytes:
    """Runs a task in this process and returns the serialized `ExecutorOutput`."""
    from tfx.orchestration.portable import (
        beam_executor_operator,
        data_types,
        python_executor_operator,
    )
    from tfx.proto.orchestration import executable_spec_pb2, execution_invocation_pb2

    operators = {
        "PythonClassExecutableSpec": python_executor_operator.PythonExecutorOperator,
        "BeamExecutableSpec": beam_executor_operator.BeamExecutorOperator,
    }
    spec = getattr(executable_spec_pb2, task.spec_type).FromString(task.spec)
    info = data_types.ExecutionInfo.from_proto(
        execution_invocation_pb2.ExecutionInvocation.FromString(task.invocation)
    )
    info.exec_properties.pop(keys.CODE, None)
    output = operators[task.spec_type](spec).run_executor(info)
    if output.execution_result.code:
        raise RingwayError(output.execution_result.result_message)
    return output.SerializeToString()


def _die_with_parent() -> None:
    # Without this a killed run would leave its executors writing.
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
            os.killpg(0, signal.SIGKILL)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()


def _redirect_output(log_path: Path) -> None:
    # The descriptors, not sys.stdout: TensorFlow and Beam also print from C++.
    log_path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)
