"""Tables and charts of the notebooks, from values made by hand."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
import pytest
import tensorflow as tf
from matplotlib.figure import Figure
from tensorflow_metadata.proto.v0 import statistics_pb2

from components.skew_validator.findings import Finding, Findings, Histogram
from pipelines import notebook_views as views
from pipelines.runners.local.report import NodeReport, RunReport
from pipelines.runners.local.schedule import NodeState
from pipelines.schema_review import Difference
from pipelines.verdicts import Outcome

# pandas 1.5 asks NumPy 1.26 so when columns of several types become a row.
pytestmark = pytest.mark.filterwarnings("ignore:np.find_common_type:DeprecationWarning")


def statistics() -> statistics_pb2.DatasetFeatureStatisticsList:
    made = statistics_pb2.DatasetFeatureStatisticsList()
    data = made.datasets.add(num_examples=4)
    fare = data.features.add(type=statistics_pb2.FeatureNameStatistics.FLOAT)
    fare.path.step.append("fare")
    fare.num_stats.common_stats.num_non_missing = 3
    fare.num_stats.common_stats.num_missing = 1
    fare.num_stats.min, fare.num_stats.mean = 1, 2
    fare.num_stats.median, fare.num_stats.max = 1.5, 3.5
    company = data.features.add(type=statistics_pb2.FeatureNameStatistics.STRING, name="company")
    company.string_stats.common_stats.num_non_missing = 4
    company.string_stats.unique = 2
    company.string_stats.top_values.add(value="Top Cab", frequency=3)
    empty = data.features.add(type=statistics_pb2.FeatureNameStatistics.INT, name="empty")
    empty.num_stats.common_stats.num_missing = 4
    return made


def test_statistics_table() -> None:
    table = views.statistics_table(statistics())
    assert list(table.index) == ["fare", "company", "empty"]
    assert table.loc["fare", ["type", "missing", "min", "mean", "median", "max"]].tolist() == [
        "FLOAT",
        0.25,
        1,
        2,
        1.5,
        3.5,
    ]
    assert table.loc["company", ["missing", "distinct", "most frequent"]].tolist() == [
        0,
        2,
        "Top Cab",
    ]
    assert table.loc["empty", "missing"] == 1
    assert table.loc["empty", ["min", "max", "distinct"]].isna().all()


def test_examples_table_keeps_what_is_missing_apart() -> None:
    example = tf.train.Example()
    example.features.feature["fare"].float_list.value.append(2.5)
    example.features.feature["company"].bytes_list.value.append("Café".encode())
    example.features.feature["hour"].int64_list.value.extend([7, 8])
    example.features.feature["area"].SetInParent()
    table = views.examples_table(
        [example.SerializeToString(), tf.train.Example().SerializeToString()]
    )
    assert len(table) == 2
    first = table.iloc[0]
    assert (first["fare"], first["company"], first["hour"]) == (2.5, "Café", 7)
    assert pd.isna(first["area"])
    assert table.iloc[1].isna().all()


def test_slices_table_has_a_row_per_slice() -> None:
    metrics: dict[Any, dict[str, Any]] = {
        (): {"auc": {"doubleValue": 0.9}, "example_count": {"doubleValue": 10.0}},
        (("hour", 7),): {"auc": {"doubleValue": "NaN"}, "example_count": {"doubleValue": 3.0}},
        (("hour", 7), ("company", b"A")): {"auc": {"doubleValue": 0.5}, "plot": {"bytes": "…"}},
    }
    table = views.slices_table(metrics)
    assert table.loc[("", "all"), "auc"] == 0.9
    assert table.loc[("hour", "7"), "example_count"] == 3
    assert math.isnan(table.loc[("hour", "7"), "auc"])
    assert table.loc[("hour and company", "7 and A"), "auc"] == 0.5
    assert list(table.columns) == ["auc", "example_count"]


def test_nodes_table() -> None:
    nodes = (
        NodeReport(id="StatisticsGen", state=NodeState.RAN, seconds=1.26, rows=12),
        NodeReport(id="Trainer", state=NodeState.SKIPPED),
    )
    report = RunReport(
        run_id="r", pipeline="taxi", outcome=Outcome(state="SUCCEEDED"), nodes=nodes, seconds=2
    )
    table = views.nodes_table(report)
    assert table.loc["StatisticsGen"].tolist() == [str(NodeState.RAN), 1.3, 12]
    assert table.loc["Trainer", "state"] == str(NodeState.SKIPPED)
    assert pd.isna(table.loc["Trainer", "rows"])


def test_differences_table() -> None:
    difference = Difference(feature="fare", aspect="range", inferred="", curated="min 0")
    assert views.differences_table([difference]).to_numpy().tolist() == [
        ["fare", "range", "", "min 0"]
    ]
    assert list(views.differences_table([]).columns) == ["feature", "aspect", "inferred", "curated"]


def test_findings_table_keeps_their_order() -> None:
    found = Findings(
        title="t",
        against="training",
        status="ALARM",
        findings=(
            Finding(kind="schema", feature="fare", status="ALARM", severity=math.inf, reason="no"),
            Finding(kind="distribution", feature="hour", status="OK", severity=0.123),
        ),
    )
    table = views.findings_table(found)
    assert table["feature"].tolist() == ["fare", "hour"]
    assert table["severity"].tolist() == [math.inf, 0.12]


def test_a_histogram_has_a_pair_of_bars_per_bin() -> None:
    axes = Figure().add_subplot()
    histogram = Histogram(
        labels=("a", "b", "missing"), training=(0.5, 0.25, 0.25), serving=(0.0, 1.0, 0.0)
    )
    views.draw_histogram(axes, histogram, names=("winter", "summer"))
    heights = [[bar.get_height() for bar in bars] for bars in axes.containers]
    assert heights == [[0.5, 0.25, 0.25], [0.0, 1.0, 0.0]]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["a", "b", "missing"]
    legend = axes.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["winter", "summer"]
    left, right = (bars[0] for bars in axes.containers)
    assert left.get_x() + left.get_width() == pytest.approx(right.get_x())
