from __future__ import annotations

import dataclasses
import json

import pytest
from tfx.types import channel, standard_artifacts

from components.skew_validator.component import SkewValidator
from pipelines.config_parts import SkewConfig


def validator(**arguments) -> SkewValidator:
    examples = channel.Channel(type=standard_artifacts.Examples)
    return SkewValidator(
        serving_examples=examples,
        schema=channel.Channel(type=standard_artifacts.Schema),
        training_examples=examples,
        **arguments,
    )


def test_it_gives_anomalies() -> None:
    found = validator()
    assert list(found.outputs) == ["anomalies"]
    assert found.outputs["anomalies"].type is standard_artifacts.ExampleAnomalies


def test_a_pipelines_configuration_makes_its_terms() -> None:
    config = SkewConfig(floors=(("psi", 0.1),), optional=("tract",), identifiers=("id",))
    terms = json.loads(validator(terms=dataclasses.asdict(config)).exec_properties["terms"])
    assert terms["floors"] == {"psi": 0.1}
    assert terms["optional"] == ["tract"]
    assert terms["identifiers"] == ["id"]
    assert terms["false_alarm_rate"] == 0.01


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"against": "tomorrow"}, "against: expected 'training' or 'previous'"),
        ({"max_rows": 10}, "max_rows: expected at least 1000"),
        ({"seed": -1}, "seed: expected 0 or more"),
        ({"serving_split": ""}, "serving_split: expected a text"),
        ({"terms": {"numeric": ["nothing"]}}, "nothing"),
        ({"terms": {"numerics": []}}, "there is no 'numerics'"),
    ],
)
def test_bad_arguments_are_refused(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        validator(**arguments)
