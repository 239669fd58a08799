"""Names of the component's inputs, outputs, parameters, and of what it records on its blessing."""

from __future__ import annotations

MODEL = "model"
EXAMPLES = "examples"
BLESSING = "blessing"

MODEL_NAME = "model_name"
SPLIT = "split"
NUM_EXAMPLES = "num_examples"
MAX_P99_MS = "max_p99_ms"
START_TIMEOUT_SEC = "start_timeout_sec"
CALL_TIMEOUT_SEC = "call_timeout_sec"
SERVER = "server"

# Custom properties of the blessing. The first two are read by the stock Pusher.
BLESSED = "blessed"  # 1 or 0
HAS_MODEL = "has_model"  # 1 where the blessing holds the model, with warm-up requests
CAUSE = "cause"  # why it is not blessed; empty when it is
EXAMPLES_COMPARED = "examples_compared"
SIGNATURES_COMPARED = "signatures_compared"  # names, with commas between
SIGNATURES_LEFT_OUT = "signatures_left_out"  # for which no inputs could be made of the examples
LATENCY_P50_MS = "latency_p50_ms"  # of single calls, one at a time, over gRPC
LATENCY_P99_MS = "latency_p99_ms"
MAX_RELATIVE_DIFFERENCE = "max_relative_difference"  # the largest seen anywhere
