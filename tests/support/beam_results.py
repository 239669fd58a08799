"""What components on Beam wrote, as plain values that do not depend on the order of rows."""

from __future__ import annotations

import collections
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_data_validation as tfdv
import tensorflow_transform as tft
from google.protobuf import json_format
from tensorflow_model_analysis.api import model_eval_lib

SPLITS = ("train", "eval")
# Means and deviations are of sums, in the order in which an engine hands rows over.
ROUNDING = 1e-9


def newest(node: Path, key: str) -> Path:
    """Returns the folder of a node's newest output, below the folder of the node."""
    return max((node / key).iterdir(), key=lambda folder: int(folder.name))


def statistics(artifact: Path, split: str) -> dict[str, Any]:
    """Returns a value for each place in the statistics of a split."""
    stats = tfdv.load_stats_binary(str(artifact / f"Split-{split}" / "FeatureStats.pb"))
    (of_all_rows,) = stats.datasets
    found = {"num_examples": of_all_rows.num_examples}
    for feature in of_all_rows.features:
        (name,) = feature.path.step
        found |= dict(_leaves(_ordered(json_format.MessageToDict(feature)), name))
    return found


def outputs(artifact: Path, examples: Path) -> dict[str, np.ndarray]:
    """Returns what a transform graph makes of rows, in the rows' order.

    Args:
        artifact: The transform graph.
        examples: A folder of gzipped TFRecord shards of tf.Examples.
    """
    graph = tft.TFTransformOutput(str(artifact))
    shards = sorted(str(path) for path in examples.iterdir())
    dataset = tf.data.TFRecordDataset(shards, compression_type="GZIP")
    batch = tf.constant(list(dataset.as_numpy_iterator()))
    parsed = tf.io.parse_example(batch, graph.raw_feature_spec())
    made = graph.transform_features_layer()(parsed)
    dense = {
        name: tf.sparse.to_dense(value) if isinstance(value, tf.SparseTensor) else value
        for name, value in made.items()
    }
    return {name: value.numpy() for name, value in dense.items()}


def columns(examples: Path) -> dict[str, np.ndarray]:
    """Returns the sorted values of each column of transformed examples."""
    shards = sorted(str(path) for path in examples.iterdir())
    dataset = tf.data.TFRecordDataset(shards, compression_type="GZIP")
    values: dict[str, list[Any]] = collections.defaultdict(list)
    for row in dataset.as_numpy_iterator():
        for name, feature in tf.train.Example.FromString(row).features.feature.items():
            values[name] += getattr(feature, feature.WhichOneof("kind") or "int64_list").value
    return {name: np.sort(column) for name, column in values.items()}


def metrics(artifact: Path) -> dict[str, float]:
    """Returns the metrics of an evaluation by slice and name; without those that are no numbers."""
    result = model_eval_lib.load_eval_result(str(artifact))
    found = {}
    for slice_key, by_output in result.slicing_metrics:
        for name, value in _leaves(by_output, f"{slice_key}"):
            if isinstance(value, (int, float)):
                found[name] = float(value)
    return found


def findings(report: str) -> dict[str, Any]:
    """Returns what `ringway skew --format json` found, without what each run has of its own."""
    told: dict[str, Any] = json.loads(report)
    return {key: value for key, value in told.items() if key not in ("run", "report")}


def assert_same(found: Mapping[str, Any], expected: Mapping[str, Any], tolerance: float) -> None:
    """Fails unless both have the same keys and values; floats may differ by the tolerance."""
    assert set(found) == set(expected)
    unlike = {
        key: (found[key], value)
        for key, value in expected.items()
        if not _is_same(found[key], value, tolerance)
    }
    assert not unlike


def assert_columns_agree(
    found: Mapping[str, np.ndarray], expected: Mapping[str, np.ndarray]
) -> None:
    """Fails unless both have the same columns with the same values, up to a float's rounding."""
    assert set(found) == set(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-6, atol=1e-6, err_msg=name)


def assert_graphs_agree(found: Path, expected: Path, examples: Path) -> None:
    """Fails unless two transform graphs have the same schemas and make the same of examples."""
    for name in ("metadata", "transformed_metadata"):
        schema = (expected / name / "schema.pbtxt").read_text()
        assert (found / name / "schema.pbtxt").read_text() == schema
    made = outputs(expected, examples)
    assert len(made) > 10
    assert_columns_agree(outputs(found, examples), made)


def _is_same(found: Any, expected: Any, tolerance: float) -> bool:
    if not isinstance(expected, float):
        return bool(found == expected)
    if math.isnan(expected):
        return math.isnan(found)
    return math.isclose(found, expected, rel_tol=tolerance, abs_tol=tolerance)


def _ordered(feature: Any) -> Any:
    """Sorts what Beam hands over in any order: equally frequent values."""
    strings = feature.get("stringStats")
    if strings is not None:
        strings["topValues"] = sorted(
            (-value["frequency"], value["value"]) for value in strings.get("topValues", [])
        )
        ranks = strings.pop("rankHistogram", {}).get("buckets", [])
        strings["ranks"] = sorted((-rank["sampleCount"], rank["label"]) for rank in ranks)
    return feature


def _leaves(value: Any, place: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key in sorted(value, key=str):
            yield from _leaves(value[key], f"{place}.{key}")
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from _leaves(item, f"{place}[{index}]")
    else:
        yield place, value
