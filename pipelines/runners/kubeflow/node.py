"""One node in a container: TFX's own launcher, with what the local runner puts around it.

In order: what a killed attempt of the same task left is cleared up; driver, cache, executor and
publisher run; gates and evidence are read; all of it is kept with the execution. It is all one
process, as its imports cost more than anything else in a small task; should it be killed, `task`
is there to record that.

**Code versions are made here, not when the pipeline is compiled**: the code that runs is the
image's, and whoever submits may hold another version of it. So is whatever depends on the time.
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ml_metadata.proto import metadata_store_pb2
from tfx.orchestration.local import runner_utils
from tfx.proto.orchestration import pipeline_pb2

from components.data_quality_validator import clock as quality_clock
from pipelines import stack
from pipelines.lineage import keys
from pipelines.lineage.keys import RunState
from pipelines.runners.kubeflow import closing, payload, records, summary
from pipelines.runners.kubeflow.frame import Asked, Ended
from pipelines.runners.kubeflow.records import NodeRecord
from pipelines.runners.kubeflow.remote_execution import RemoteExecution
from pipelines.runners.local import evidence, gates, recovery
from pipelines.runners.local.code_version import code_of_this_process
from pipelines.runners.local.failures import Failure, describe
from pipelines.runners.local.launching import NodeLauncher, SharedMetadata, add_code_version
from pipelines.runners.local.schedule import NodeState
from pipelines.verdicts import EXIT_CODES

_EXECUTION = metadata_store_pb2.Execution
_QUALITY = "components.data_quality_validator.component.DataQualityValidator"


class NodeTask:
    """The task of one node."""

    def __init__(
        self,
        asked: Asked,
        handle: SharedMetadata,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Puts in place what is known only now.

        Args:
            asked: What the task is told.
            handle: ML Metadata.
            now: The time in seconds since the epoch.
        """
        self._asked = asked
        self._handle = handle
        self._now = now
        self._began = time.monotonic()
        self._pipeline = payload.decode(asked.told)
        self._name = self._pipeline.pipeline_info.id
        payload.fill(
            self._pipeline,
            run_id=asked.run_id,
            root=asked.root,
            values=asked.values,
            parameters=asked.parameters,
        )
        self._node = self._pipeline.nodes[0].pipeline_node
        _count_from(self._node, now())
        add_code_version(self._node, code_of_this_process(), stack.tfx_version())
        self._remote = RemoteExecution(os.environ)

    def run(self) -> Ended:
        """Runs the node and records how it ended."""
        with self._remote:
            earlier = self._clear_up()
            if earlier is not None:
                return self._end(earlier.id, records.state_of(earlier))
            try:
                state, execution_id = self._launcher().launch(self._node)
                if execution_id is not None:
                    return self._end(execution_id, state)
            except Exception as error:  # noqa: BLE001  (a driver may raise anything)
                trace = traceback.format_exc()
                print(trace, file=sys.stderr)
                return self._fail(describe(error, trace))
        record = NodeRecord(node_id=self._asked.node_id, state=state, seconds=self._seconds())
        return Ended(exit_code=0, summary=self._summary(record, {}))

    def _launcher(self) -> NodeLauncher:
        return NodeLauncher(
            self._pipeline,
            runner_utils.extract_local_deployment_config(self._pipeline),
            self._handle,
            self._remote,
            None,
            fresh=frozenset([self._asked.node_id] if self._asked.force else []),
        )

    def _clear_up(self) -> metadata_store_pb2.Execution | None:
        """Makes room for another attempt; returns the execution if the node is done already.

        TFX goes on with an execution that it finds for this node and run, so what an earlier
        attempt left is opened again rather than followed by a second one.
        """
        with self._handle as m:
            found = records.executions_of_node(
                m.store, self._name, self._asked.run_id, self._asked.node_id
            )
            closing.reopen(m.store, self._name, self._asked.run_id, self._asked.node_id)
            if not found:
                return None
            last = found[-1]
            if last.last_known_state in records.DONE:
                return last
            killed = [e for e in found if e.last_known_state in recovery.UNFINISHED]
            for done in recovery.fail(m.store, self._name, killed):
                print(done, file=sys.stderr)
            last.last_known_state = _EXECUTION.RUNNING
            last.custom_properties.pop(keys.NODE_REPORT, None)
            m.store.put_executions([last])
        return None

    def _end(self, execution_id: int, state: NodeState) -> Ended:
        with self._handle as m:
            recorded = evidence.outputs_of(m.store, execution_id)
        outputs = self._remote.at_hand(recorded)
        gate = None
        if gates.is_gate(self._node):
            gate = gates.read(self._asked.node_id, outputs, fail_on=self._asked.fail_on)  # type: ignore[arg-type]
        metrics = evidence.metrics(outputs)
        record = NodeRecord(
            node_id=self._asked.node_id,
            state=state,
            execution_id=execution_id,
            seconds=self._seconds(),
            rows=evidence.rows(outputs),
            gate=gate,
            pushed_to=evidence.pushed_to(recorded),
        )
        notes: dict[str, str | int] = {}
        if metrics:
            notes[keys.METRICS] = json.dumps(metrics, sort_keys=True)
        if self._asked.force and state is NodeState.RAN:
            notes[keys.FORCED] = 1
        with self._handle as m:
            records.write(m.store, record, **notes)
        places = {
            key: [(artifact.id, artifact.uri) for _, artifact in pairs]
            for key, pairs in recorded.items()
        }
        text = self._summary(record, places, metrics)
        if gate is not None and gate.objections and gate.state == RunState.ANOMALIES:
            with self._handle as m:
                closing.close(m.store, self._name, self._asked.run_id, record, self._now())
            for objection in gate.objections:
                print(f"{objection.subject}: {objection.reason}", file=sys.stderr)
            return Ended(exit_code=EXIT_CODES[RunState.ANOMALIES], summary=text)
        return Ended(exit_code=0, summary=text)

    def _fail(self, failure: Failure) -> Ended:
        record = NodeRecord(
            node_id=self._asked.node_id,
            state=NodeState.FAILED,
            seconds=self._seconds(),
            failure=str(failure),
            remedy=failure.remedy,
        )
        print(f"{self._asked.node_id}: {failure}\n{failure.remedy}".rstrip(), file=sys.stderr)
        with self._handle as m:
            closing.end_badly(m.store, self._name, self._asked.run_id, record, self._now())
        code = EXIT_CODES[RunState.FAILED]
        return Ended(exit_code=code, summary=self._summary(record, {}))

    def _seconds(self) -> float:
        return time.monotonic() - self._began

    def _summary(self, record: NodeRecord, outputs: Any, metrics: Any = None) -> str:
        return summary.of_node(
            record, run_id=self._asked.run_id, outputs=outputs, metrics=metrics or {}
        )


def _count_from(node: pipeline_pb2.PipelineNode, now_sec: float) -> None:
    """Has rules that count from now count from this run, not from when it was compiled."""
    held = node.parameters.parameters
    if node.node_info.type.name == _QUALITY and "hour" in held:
        rules = Path(held["rules_path"].field_value.string_value)
        hour = quality_clock.hour_asked_for(rules, now_sec)
        if hour is not None:
            held["hour"].field_value.int_value = hour
