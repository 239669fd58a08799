"""What the notebooks show: statistics, runs and evaluations as tables, distributions as bars.

TFDV's and TFMA's own views load scripts from the network; these are pandas tables and matplotlib
axes, which need nothing but what is installed. Deciding anything is left to the components.
"""

from __future__ import annotations

import logging
import math
import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from tensorflow_metadata.proto.v0 import statistics_pb2

    from components.skew_validator.findings import Findings, Histogram
    from pipelines.runners.local.report import RunReport
    from pipelines.schema_review import Difference
    from pipelines.workspace import Workspace

_CHATTY = ("absl", "tensorflow")
_BAR_WIDTH = 0.4


def quiet() -> None:
    """Silences what TensorFlow, Beam and Google's libraries say when they are imported.

    To be called before they are. Errors are still shown.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # For processes that are started from here.
    os.environ.setdefault("PYTHONWARNINGS", "ignore::FutureWarning,ignore::DeprecationWarning")
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"google\.")
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    for name in _CHATTY:
        # A filter, since TensorFlow sets its logger's level anew when a shell imports it.
        logging.getLogger(name).addFilter(_is_error)
    # Beam's loggers are below this one, and ask it for a level.
    logging.getLogger("apache_beam").setLevel(logging.ERROR)


def _is_error(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.ERROR


def statistics_table(statistics: statistics_pb2.DatasetFeatureStatisticsList) -> pd.DataFrame:
    """Returns TFDV's statistics of the first data set, a row per feature.

    Returns:
        Columns `type`, `missing` (share of the rows without a value), and, empty where they mean
        nothing, `distinct` and `most frequent` for texts, `min`, `mean`, `median` and `max` for
        numbers.
    """
    rows = {
        feature.path.step[0] if feature.path.step else feature.name: _said(feature)
        for feature in statistics.datasets[0].features
    }
    return pd.DataFrame.from_dict(rows, orient="index", columns=list(_STATISTICS)).rename_axis(
        "feature"
    )


_STATISTICS = ("type", "missing", "distinct", "most frequent", "min", "mean", "median", "max")


def _said(feature: statistics_pb2.FeatureNameStatistics) -> list[Any]:
    numeric = feature.HasField("num_stats")
    stats = feature.num_stats if numeric else feature.string_stats
    common = stats.common_stats
    rows = common.num_missing + common.num_non_missing
    missing = common.num_missing / rows if rows else math.nan
    kind = type(feature).Type.Name(feature.type)
    if numeric:
        values = [stats.min, stats.mean, stats.median, stats.max]
        return [kind, missing, None, None, *(values if common.num_non_missing else [None] * 4)]
    top = stats.top_values[0].value if stats.top_values else None
    return [kind, missing, stats.unique, top, None, None, None, None]


def examples_table(records: Iterable[bytes]) -> pd.DataFrame:
    """Returns serialized tf.Examples as rows, in their order.

    A feature without a value is missing; of several values the first is shown.
    """
    import tensorflow as tf

    rows = []
    for record in records:
        features = tf.train.Example.FromString(record).features.feature
        rows.append({name: _first(features[name]) for name in features})
    return pd.DataFrame(rows)


def _first(feature: Any) -> Any:
    kind = feature.WhichOneof("kind")
    values = getattr(feature, kind).value if kind else ()
    if not values:
        return None
    return values[0].decode(errors="replace") if kind == "bytes_list" else values[0]


def differences_table(differences: Sequence[Difference]) -> pd.DataFrame:
    """Returns how two schemas differ, a row per feature and aspect."""
    rows = [(one.feature, one.aspect, one.inferred, one.curated) for one in differences]
    return pd.DataFrame(rows, columns=["feature", "aspect", "inferred", "curated"])


def nodes_table(report: RunReport) -> pd.DataFrame:
    """Returns what became of each node of a run: its state, its seconds, its rows."""
    rows = [(node.id, str(node.state), round(node.seconds, 1), node.rows) for node in report.nodes]
    table = pd.DataFrame(rows, columns=["node", "state", "seconds", "rows"])
    return table.astype({"rows": "Int64"}).set_index("node")


def artifacts_table(workspace: Workspace, report: RunReport) -> pd.DataFrame:
    """Returns the artifacts that the nodes of a run made, by node and output key.

    Returns:
        Columns `type` and `uri`; the index is `(node, output)`. Nodes that did not take part, and
        those that had nothing to resolve, have no row.
    """
    from pipelines.lineage.store import open_store
    from pipelines.runners.local import evidence

    store = open_store(workspace.metadata_url)
    rows = [
        (node.id, key, type_, artifact.uri)
        for node in report.nodes
        if node.execution_id is not None
        for key, made in evidence.outputs_of(store, node.execution_id).items()
        for type_, artifact in made
    ]
    table = pd.DataFrame(rows, columns=["node", "output", "type", "uri"])
    return table.set_index(["node", "output"])


def slices_table(metrics: Mapping[Any, Mapping[str, Any]]) -> pd.DataFrame:
    """Returns the metrics of an evaluation, a row per slice.

    Args:
        metrics: What `EvalResult.get_metrics_for_all_slices()` of TFMA returns.

    Returns:
        A column per metric that is a number, NaN where a slice has none. The index is `(feature,
        value)`; features of a cross are joined by " and ", and the whole is `("", "all")`.
    """
    rows = {
        _slice(key): {
            name: value["doubleValue"]
            for name, value in found.items()
            if isinstance(value, Mapping) and _is_number(value.get("doubleValue"))
        }
        for key, found in metrics.items()
    }
    index = pd.MultiIndex.from_tuples(list(rows), names=["feature", "value"])
    return pd.DataFrame(list(rows.values()), index=index, dtype=float).sort_index()


def _is_number(value: Any) -> bool:
    # TFMA writes NaN as a text.
    return isinstance(value, float | int)


def _slice(key: Sequence[tuple[str, Any]]) -> tuple[str, str]:
    if not key:
        return "", "all"
    names, values = zip(*key, strict=True)
    shown = (one.decode(errors="replace") if isinstance(one, bytes) else str(one) for one in values)
    return " and ".join(names), " and ".join(shown)


def findings_table(findings: Findings) -> pd.DataFrame:
    """Returns what a check of skew found, a row per finding, the worst first."""
    rows = [
        (one.feature, one.kind, one.status, round(one.severity, 2), one.first_seen, one.reason)
        for one in findings.findings
    ]
    columns = ["feature", "kind", "status", "severity", "first seen", "reason"]
    return pd.DataFrame(rows, columns=columns)


def draw_histogram(
    axes: Axes, histogram: Histogram, *, names: tuple[str, str] = ("training", "serving")
) -> None:
    """Draws two distributions over the same bins, side by side.

    Args:
        axes: Where to draw.
        histogram: Both distributions.
        names: What to call them.
    """
    places = np.arange(len(histogram.labels))
    sides = (histogram.training, histogram.serving)
    for side, (name, shares) in enumerate(zip(names, sides, strict=True)):
        axes.bar(places + (side - 0.5) * _BAR_WIDTH, shares, _BAR_WIDTH, label=name)
    axes.set_xticks(places, histogram.labels, rotation=60, ha="right", fontsize=7)
    axes.set_ylabel("share")
    axes.legend()
