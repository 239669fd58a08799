"""Reading what Evaluator measured: the version's own metrics, not those of its baseline."""

from __future__ import annotations

import tensorflow as tf
from google.protobuf import text_format
from tensorflow_model_analysis.proto import metrics_for_slice_pb2

from components.performance_validator import baselines

# As Evaluator writes them where there was a blessed model to compare with.
WHOLE = """
slice_key {}
metric_keys_and_values { key { name: "auc" model_name: "candidate" }
                         value { double_value { value: 0.75 } } }
metric_keys_and_values { key { name: "auc" model_name: "baseline" }
                         value { double_value { value: 0.5 } } }
metric_keys_and_values { key { name: "auc" model_name: "candidate" is_diff: true }
                         value { double_value { value: 0.25 } } }
metric_keys_and_values { key { name: "curve" model_name: "candidate" }
                         value { bytes_value: "x" } }
"""
SLICE = """
slice_key { single_slice_keys { column: "origin" bytes_value: "EWR" }
            single_slice_keys { column: "hour" int64_value: 5 } }
metric_keys_and_values { key { name: "auc" } value { double_value { value: 0.625 } } }
"""


def test_metrics_are_read_by_slice_and_name(tmp_path):
    with tf.io.TFRecordWriter(str(tmp_path / "metrics-00000-of-00001.tfrecord")) as file:
        for text in (WHOLE, SLICE):
            proto = text_format.Parse(text, metrics_for_slice_pb2.MetricsForSlice())
            file.write(proto.SerializeToString())
    assert baselines.read(str(tmp_path), {"baseline"}) == {
        "overall": {"auc": 0.75},
        "hour=5 and origin=EWR": {"auc": 0.625},
    }
