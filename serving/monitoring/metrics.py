"""The server's metrics: TensorFlow Serving's names, with version and signature added as labels.

Sums over the added labels are TensorFlow Serving's own figures. Latencies are in microseconds.
A model's name is a label only where that model is configured: requests for others are counted under
an empty name, so that callers cannot make metrics grow.

Source of names and buckets: tensorflow_serving/servables/tensorflow/util.cc and
tensorflow_serving/batching/batching_session.cc.
"""

from __future__ import annotations

from serving.monitoring.exposition import Counter, Gauge, Histogram, Metric, exponential, text

LATENCY_BOUNDS = exponential(10, 1.8, 33)
SIZE_BOUNDS = exponential(1, 2, 15)

_SERVING = ":tensorflow:serving:"
_BATCHING = ":tensorflow:serving:batching_session:"
_SAVED_MODEL = ":tensorflow:cc:saved_model:"
_RINGWAY = ":ringway:serving:"
_ROLLOUT = ":ringway:rollout:"


class ServerMetrics:
    """Every metric of one server."""

    def __init__(self) -> None:
        model = ("model_name", "version", "signature")
        batch = ("model_name", "version", "signature")
        self.request_count = Counter(
            _SERVING + "request_count", ["model_name", "status", *model[1:]]
        )
        self.request_latency = Histogram(
            _SERVING + "request_latency",
            ["model_name", "API", "entrypoint", *model[1:]],
            LATENCY_BOUNDS,
        )
        self.runtime_latency = Histogram(
            _SERVING + "runtime_latency",
            ["model_name", "API", "runtime", *model[1:]],
            LATENCY_BOUNDS,
        )
        self.example_counts = Histogram(_SERVING + "request_example_counts", ["model"], SIZE_BOUNDS)
        self.example_count_total = Counter(_SERVING + "request_example_count_total", ["model"])
        self.log_count = Counter(_SERVING + "request_log_count", ["model_name", "status"])
        self.log_records = Gauge(_RINGWAY + "request_log_records", ["log", "outcome"])
        self.warmup_latency = Histogram(
            _SERVING + "model_warmup_latency", ["model_path", "status"], LATENCY_BOUNDS
        )
        self.queuing_latency = Histogram(_BATCHING + "queuing_latency", batch, LATENCY_BOUNDS)
        self.batch_size = Histogram(_BATCHING + "processed_batch_size", batch, SIZE_BOUNDS)
        self.padding_size = Histogram(_BATCHING + "padding_size", batch, SIZE_BOUNDS)
        self.wrapped_run_count = Counter(_BATCHING + "wrapped_run_count", batch)
        self.load_attempts = Counter(_SAVED_MODEL + "load_attempt_count", ["model_path", "status"])
        self.load_latency = Counter(_SAVED_MODEL + "load_latency", ["model_path"])
        self.pending_requests = Gauge(_RINGWAY + "pending_requests", [])
        self.model_version_state = Gauge(
            _RINGWAY + "model_version_state", ["model_name", "version", "state"]
        )
        # What the arms of rollouts were asked and answered; a shadow's copies have an arm `shadow`.
        arm = ("model_name", "arm", "version")
        self.rollout_requests = Counter(_ROLLOUT + "request_count", [*arm, "status"])
        self.rollout_latency = Histogram(_ROLLOUT + "request_latency", arm, LATENCY_BOUNDS)
        self.shadow_dropped = Counter(_ROLLOUT + "shadow_dropped_count", ["model_name"])
        self.candidate_share = Gauge(_ROLLOUT + "candidate_share", ["model_name", "requests"])
        self.rollbacks = Counter(_ROLLOUT + "rollback_count", ["model_name", "guard"])

    def all(self) -> list[Metric]:
        """Returns the metrics in the order in which they are printed."""
        return list(vars(self).values())

    def text(self) -> bytes:
        """Returns all of them as Prometheus reads them."""
        return text(self.all())

    def counters(self) -> dict[str, float]:
        """Returns each counter, summed over its labels, under TensorFlow's name with slashes."""
        return {
            metric.name.replace(":", "/"): sum(metric.items().values())
            for metric in self.all()
            if isinstance(metric, Counter)
        }
