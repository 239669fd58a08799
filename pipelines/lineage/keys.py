"""Names of what Ringway adds to ML Metadata on top of what TFX writes.

Written by the runner, read by lineage. Values of properties are strings unless said otherwise.
"""

# On the context of type `pipeline_run`.
RUN_PIPELINE = "ringway_pipeline"  # the pipeline's name
RUN_STATE = "ringway_state"  # a value of RunState
RUN_REASON = "ringway_reason"  # one line; empty when all went well
RUN_STARTED = "ringway_started"  # double, seconds since the epoch
RUN_FINISHED = "ringway_finished"  # double, seconds since the epoch; absent while running
RUN_TRIGGER = "ringway_trigger"  # what started the run: "on demand", ...
RUN_BECAUSE = "ringway_because"  # why the loop started it, in words; absent where a person did
RUN_CONFIG = "ringway_config"  # JSON of the pipeline's configuration
RUN_STACK = "ringway_stack"  # "tfx-1.16" or "tfx-1.21"
RUN_ROOT = "ringway_root"  # folder of the pipeline's artifacts; absent where nothing was executed
RUN_NODES = "ringway_nodes"  # JSON {node id: state} of the nodes as they ended
RUN_ENGINE = "ringway_engine"  # "kubeflow"; absent where one process ran all nodes

# On executions.
CODE = "ringway_code"  # JSON {module name: first 12 hex digits of its sha256}
METRICS = "ringway_metrics"  # JSON {slice name: {metric name: value}}; on executions of Evaluator
NODE_REPORT = "ringway_report"  # JSON of a NodeRecord; on a cluster, where nobody else keeps it
FORCED = "ringway_forced"  # int 1 when the node ran although its cache would have served

# TFX's own names.
PIPELINE_CONTEXT = "pipeline"
RUN_CONTEXT = "pipeline_run"
NODE_CONTEXT = "node"


class RunState:
    """How a run stands or ended; the value of `RUN_STATE`."""

    RUNNING = "RUNNING"
    BLESSED = "BLESSED"
    SUCCEEDED = "SUCCEEDED"  # the pipeline holds no Evaluator, or only a part of it was run
    ANOMALIES = "ANOMALIES"
    REJECTED = "REJECTED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
