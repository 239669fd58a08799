"""What the container of a task runs: `python -m pipelines.runners.kubeflow.task`.

    --node begin    opens the run; makes and checks the data of a pipeline of this repository
    --node finish   gives the verdict on the run
    --node NAME     runs that node of the pipeline

ML Metadata is the one of RINGWAY_METADATA_URL, the workspace that of RINGWAY_HOME. Whatever fails
is recorded with the run, so that a run whose `finish` is never reached is told as well.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pipelines.errors import RingwayError, UsageError
from pipelines.runners.kubeflow import supervision
from pipelines.runners.kubeflow.settings import BEGIN, FINISH, run_name
from pipelines.workspace import Workspace

if TYPE_CHECKING:
    from pipelines.runners.kubeflow.frame import Ended
    from pipelines.runners.local.failures import Failure

_TERMINATED = 130

_EPILOG = """\
exit codes:
  0    the task is done
  1    it failed
  2    a wrong argument
  3    its node found anomalies in the data
  4    (finish) the model was rejected
  130  it was ended from outside

Examples:
  python -m pipelines.runners.kubeflow.task --help
  ringway submit taxi … --dry-run --output taxi.yaml   (shows each task's own arguments)
"""


def parser() -> argparse.ArgumentParser:
    """Returns the parser of the command line."""
    made = argparse.ArgumentParser(
        prog="python -m pipelines.runners.kubeflow.task",
        description="Runs one task of a pipeline on Kubeflow.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--node", required=True, help="a node's id, `begin` or `finish`")
    made.add_argument("--ir", required=True, help="its definition, as the compiler writes it")
    made.add_argument("--run", required=True, help="the UUID under which the server knows the run")
    made.add_argument("--root", default="", help="under which artifacts are written")
    made.add_argument("--fail-on", choices=["error", "warning", "never"], default="error")
    made.add_argument("--log-level", default="INFO")
    made.add_argument("--force", action="store_true", help="ignore the cache")
    made.add_argument("--parameters", default="[]", help="parameters that change this node")
    made.add_argument("--summary", default="", help="file that the summary is written to")
    made.add_argument("--executor-input", default="{}", help="what Kubeflow tells the task")
    return made


def main(arguments: Sequence[str], environment: Mapping[str, str] = os.environ) -> int:
    """Runs a task and returns what its process exits with."""
    task = Task(parser().parse_args(arguments), Workspace.from_environment(environment))
    ended = supervision.apart(lambda: task.run([*arguments]))
    if isinstance(ended, int):
        return ended
    return task.record_death(ended)


class Task:
    """One task: what it is told, and what is done about it."""

    def __init__(self, options: argparse.Namespace, workspace: Workspace) -> None:
        self._options = options
        self._workspace = workspace
        self._node_id = options.node

    def run(self, arguments: Sequence[str]) -> int:
        """Does the task's work; returns what the process exits with."""
        # TFX hands the command line's arguments on to executors; those of a task are not for them.
        sys.argv = sys.argv[: len(sys.argv) - len(arguments)]
        logging.basicConfig(level=self._options.log_level, stream=sys.stderr)
        try:
            executor_input = _executor_input(self._options.executor_input)
            ended = self._recorded(executor_input)
        except RingwayError as error:
            print(f"{error}\n{error.remedy}".rstrip(), file=sys.stderr)
            return error.exit_code
        from pipelines.runners.kubeflow import summary

        summary.write(ended.summary, self._options.summary, executor_input)
        return int(ended.exit_code)

    def record_death(self, death: supervision.Death) -> int:
        """Records that the process that did the work was killed."""
        from pipelines.runners.local.failures import Failure

        failure = Failure(
            error="Killed",
            message=f"its process was killed by signal {death.signal}",
            remedy=f"Most often that is for lack of memory: --memory {self._node_id}=8G, say."
            if death.signal == signal.SIGKILL
            else "",
        )
        if death.is_asked:
            failure = Failure(error="Terminated", message="its task was ended from outside")
        print(f"{self._node_id}: {failure}\n{failure.remedy}".rstrip(), file=sys.stderr)
        self._record(failure, is_cancelled=death.is_asked)
        return _TERMINATED if death.is_asked else 1

    def _recorded(self, executor_input: Mapping[str, Any]) -> Ended:
        """Returns how the work ended; what it could not record itself is recorded with the run."""
        from pipelines.runners.local.failures import describe

        try:
            return self._ended(executor_input)
        except Exception as error:
            failure = describe(error, traceback.format_exc())
            self._record(failure, is_cancelled=False)
            if isinstance(error, RingwayError):
                raise
            print(failure.trace, file=sys.stderr)
            from pipelines.runners.kubeflow import summary
            from pipelines.runners.kubeflow.frame import Ended

            text = summary.of_failure(self._node_id, self._run_id(), str(failure), failure.remedy)
            return Ended(exit_code=1, summary=text)

    def _ended(self, executor_input: Mapping[str, Any]) -> Ended:
        _prepare(self._workspace)
        from pipelines.lineage.store import open_store
        from pipelines.runners.kubeflow import arguments, frame

        options = self._options
        asked = frame.Asked(
            node_id=self._node_id,
            told=options.ir,
            run_id=self._run_id(),
            root=options.root,
            fail_on=options.fail_on,
            force=options.force,
            parameters=frame.parameters_from(arguments.unpack(options.parameters)),
            values=executor_input.get("inputs", {}).get("parameterValues", {}),
        )
        if self._node_id in (BEGIN, FINISH):
            store = open_store(self._workspace.metadata_url)
            if self._node_id == BEGIN:
                return frame.begin(asked, self._workspace, store, time.time())
            return frame.finish(asked, store, time.time())
        from pipelines.runners.kubeflow.node import NodeTask
        from pipelines.runners.local.launching import SharedMetadata

        return NodeTask(asked, SharedMetadata(self._workspace.metadata_url)).run()

    def _record(self, failure: Failure, *, is_cancelled: bool) -> None:
        from pipelines.lineage.store import open_store
        from pipelines.runners.kubeflow import closing
        from pipelines.runners.kubeflow.records import NodeRecord
        from pipelines.runners.local.schedule import NodeState

        record = NodeRecord(
            node_id=self._node_id,
            state=NodeState.CANCELLED if is_cancelled else NodeState.FAILED,
            failure=str(failure),
            remedy=failure.remedy,
        )
        try:
            store = open_store(self._workspace.metadata_url)
            closing.end_badly(store, self._pipeline(), self._run_id(), record, time.time())
        except RingwayError as error:  # the store may be what is amiss
            print(f"The run's state could not be recorded: {error}", file=sys.stderr)

    def _pipeline(self) -> str:
        from pipelines.runners.kubeflow import arguments

        definition = arguments.unpack(self._options.ir)
        is_frame = self._node_id in (BEGIN, FINISH)
        return str(definition["pipeline"] if is_frame else definition["pipelineInfo"]["id"])

    def _run_id(self) -> str:
        return run_name(self._pipeline(), self._options.run)


def _executor_input(text: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except ValueError as error:
        raise UsageError(f"--executor-input: expected JSON, received {text[:80]!r}.") from error
    if not isinstance(document, dict):
        raise UsageError(f"--executor-input: expected an object, received {text[:80]!r}.")
    return document


def _prepare(workspace: Workspace) -> None:
    try:
        workspace.root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"workspace {workspace.root}: cannot be made: {error.strerror}",
            remedy="Mount a volume there that this user may write, or set RINGWAY_HOME.",
        ) from error


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
