"""What a task puts into its node's definition."""

import json
from typing import Any

import pytest
from tfx.proto.orchestration import pipeline_pb2

from pipelines import standard
from pipelines.errors import RingwayError
from pipelines.runners.kubeflow import payload
from pipelines.runners.kubeflow.settings import Parameter, Target
from pipelines.taxi.config import CONFIG


def node(custom_config: Any) -> pipeline_pb2.Pipeline:
    made = pipeline_pb2.Pipeline()
    node = made.nodes.add().pipeline_node
    node.node_info.id = "Tuner"
    field = node.parameters.parameters["custom_config"].field_value
    field.string_value = json.dumps(custom_config, sort_keys=True)
    return made


def filled(values: dict[str, Any], parameters: tuple[Parameter, ...]) -> Any:
    made = node({"epochs": 12, "batch_size": 256, "seed": 0, "reuse_key": "0123456789abcdef"})
    payload.fill(made, run_id="r", root="", values=values, parameters=parameters)
    held = made.nodes[0].pipeline_node.parameters.parameters["custom_config"]
    return json.loads(held.field_value.string_value)


def test_defaults_change_nothing() -> None:
    defaults = {"epochs": 12.0, "batch_size": 256, "seed": 0}
    assert filled(defaults, standard.parameters(CONFIG)) == {
        "epochs": 12,
        "batch_size": 256,
        "seed": 0,
        "reuse_key": "0123456789abcdef",
    }


def test_epochs_leave_a_search_as_it_is_and_a_seed_makes_another() -> None:
    parameters = standard.parameters(CONFIG)
    assert filled({"epochs": 3}, parameters)["epochs"] == 3
    assert filled({"epochs": 3}, parameters)["reuse_key"] == "0123456789abcdef"
    keys = {filled({"seed": seed}, parameters)["reuse_key"] for seed in (0, 1, 2)}
    assert len(keys) == 3
    assert all(len(key) == 16 for key in keys)


@pytest.mark.parametrize("path", [("nothing",), ("epochs", "below"), ("a", "b")])
def test_a_place_that_is_not_there_is_told(path: tuple[str, ...]) -> None:
    target = Target(node="Tuner", property="custom_config", path=path)
    parameter = Parameter(name="n", type="int", default=1, targets=(target,))
    with pytest.raises(RingwayError, match=r"there is no Tuner\.custom_config"):
        filled({"n": 2}, (parameter,))


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [("int", 3.0, 3), ("float", 2, 2.0), ("str", "x", "x"), ("bool", True, True)],
)
def test_numbers_of_json_get_their_types(kind: Any, value: Any, expected: Any) -> None:
    typed = Parameter(name="n", type=kind).typed(value)
    assert typed == expected
    assert type(typed) is type(expected)


@pytest.mark.parametrize(
    ("kind", "value"), [("int", 3.5), ("int", True), ("bool", 1), ("str", 1), ("float", "1")]
)
def test_other_types_are_refused(kind: Any, value: Any) -> None:
    with pytest.raises(RingwayError, match=f"Parameter n: expected {kind}, received"):
        Parameter(name="n", type=kind).typed(value)


@pytest.mark.parametrize("text", ["", "no json", "zlib:AAAA", "[1", '{"unknownField": 1}'])
def test_a_definition_that_cannot_be_read_is_told(text: str) -> None:
    with pytest.raises(RingwayError, match="The task's definition cannot be read"):
        payload.decode(text)
