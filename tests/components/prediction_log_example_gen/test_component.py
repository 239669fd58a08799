from __future__ import annotations

import json
import math
from typing import Any

import pytest
from tfx.types import channel, standard_artifacts

from components import prediction_log_example_gen
from components.prediction_log_example_gen import PredictionLogExampleGen

HOUR = 3600


def gen(**parameters: Any) -> PredictionLogExampleGen:
    given = {"window": "1h", "span": 5, "schema_path": "schema.pbtxt", **parameters}
    return PredictionLogExampleGen(given.pop("log_folder", "/logs"), **given)


def test_the_package_gives_the_component_only() -> None:
    assert prediction_log_example_gen.__all__ == ["PredictionLogExampleGen"]


def test_its_output_is_what_stock_components_take() -> None:
    assert gen().outputs["examples"].type is standard_artifacts.Examples


def test_a_span_is_a_window() -> None:
    properties = gen().exec_properties
    assert (properties["start_sec"], properties["end_sec"]) == (5 * HOUR, 6 * HOUR)
    assert properties["window_sec"] == HOUR


def test_bounds_are_an_alternative() -> None:
    properties = gen(span=None, start=5 * HOUR, end=7 * HOUR).exec_properties
    assert (properties["start_sec"], properties["end_sec"]) == (5 * HOUR, 7 * HOUR)


def test_a_schema_can_come_from_a_component() -> None:
    schema = channel.Channel(type=standard_artifacts.Schema)
    assert gen(schema_path="", schema=schema).inputs["schema"] is schema


def test_absent_values_travel_as_json() -> None:
    found = json.loads(gen(absent={"b": float("nan"), "a": ""}).exec_properties["absent"])
    assert list(found) == ["a", "b"]
    assert math.isnan(found["b"])


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"log_folder": ""}, "log_folder"),
        ({"split": ""}, "split"),
        ({"window": "1 week"}, "window"),
        ({"span": None}, "either span, or start and end"),
        ({"start": 0}, "either span, or start and end"),
        ({"span": None, "start": 0}, "either span, or start and end"),
        ({"span": None, "start": 1, "end": HOUR}, "start"),
        ({"arms": "candidate"}, "arms: expected one of answered, shadow, all"),
        ({"span": -1}, "span"),
        ({"schema_path": ""}, "schema"),
        ({"absent": {"a": None}}, "absent"),
    ],
)
def test_values_that_make_no_sense_are_refused_by_name(parameters, message) -> None:
    with pytest.raises(ValueError, match=message):
        gen(**parameters)
