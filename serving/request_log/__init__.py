"""The request log: sampled PredictionLogs in TFRecord shards, written and read.

The open-source TensorFlow Serving takes a `logging_config` only to refuse it; here it works.

    record ──► offer ──► backlog ──► thread: framing ──► shard ──► *.tfrecord ──► reader
    (loop)     (loop)    (bounded)   (writer, tfrecord)  (shard_writer, shards)

`sampling` says which requests, `shard_names` what files are called, `salvage` finishes what a
killed process left. A log that cannot be written is counted, and never felt by a request.
"""

from __future__ import annotations

from serving.request_log.reader import LogReader, ReadCounts
from serving.request_log.record import record_parts
from serving.request_log.writer import Counters, RequestLog

__all__ = ["Counters", "LogReader", "ReadCounts", "RequestLog", "record_parts"]
