"""Metrics in Prometheus' text format, read back by Prometheus' own client library."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from serving.monitoring.exposition import Counter, Gauge, Histogram, exponential, text
from serving.monitoring.metrics import LATENCY_BOUNDS, ServerMetrics


def samples(*metrics):
    families = text_string_to_metric_families(text(metrics).decode())
    # The parser appends `_total` to a counter's name; Prometheus itself takes names as they are.
    return {
        (sample.name.removesuffix("_total"), tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def test_counters_add_up_by_label():
    counter = Counter(":a:count", ["model"])
    counter.add("taxi")
    counter.add("taxi", amount=2)
    counter.add("flights")
    assert samples(counter) == {
        (":a:count", (("model", "taxi"),)): 3,
        (":a:count", (("model", "flights"),)): 1,
    }


def test_a_gauge_takes_the_last_value():
    gauge = Gauge(":a:gauge", [])
    gauge.set(value=5)
    gauge.set(value=2.5)
    assert samples(gauge) == {(":a:gauge", ()): 2.5}


@pytest.mark.parametrize("value", ['quo"te', "back\\slash", "new\nline", "é", ""])
def test_any_label_value_is_read_back(value):
    counter = Counter(":a:count", ["model"])
    counter.add(value)
    assert samples(counter) == {(":a:count", (("model", value),)): 1}


def test_a_value_on_a_bound_belongs_to_its_bucket():
    histogram = Histogram(":a:size", [], [1, 2, 4])
    for value in (1, 2, 3, 9):
        histogram.observe(value=value)
    found = samples(histogram)
    buckets = {dict(labels)["le"]: n for (name, labels), n in found.items() if "bucket" in name}
    assert buckets == {"1": 1, "2": 2, "4": 3, "+Inf": 4}
    assert found[(":a:size_sum", ())] == 15
    assert found[(":a:size_count", ())] == 4


def test_latency_has_the_buckets_of_tensorflow_serving():
    assert len(LATENCY_BOUNDS) == 33
    assert LATENCY_BOUNDS[:3] == pytest.approx([10, 18, 32.4])
    assert exponential(1, 2, 4) == [1, 2, 4, 8]


def test_type_lines_come_first_and_help_lines_never():
    metrics = ServerMetrics()
    metrics.request_count.add("taxi", "OK", "1", "serving_default")
    lines = metrics.text().decode().splitlines()
    assert lines[0] == "# TYPE :tensorflow:serving:request_count counter"
    assert lines[1] == (
        ':tensorflow:serving:request_count{model_name="taxi",status="OK",version="1",'
        'signature="serving_default"} 1'
    )
    assert not [line for line in lines if line.startswith("# HELP")]


def test_counters_are_found_under_their_name_with_slashes():
    metrics = ServerMetrics()
    metrics.request_count.add("taxi", "OK", "1", "s")
    metrics.request_count.add("taxi", "NOT_FOUND", "", "")
    assert metrics.counters()["/tensorflow/serving/request_count"] == 2
