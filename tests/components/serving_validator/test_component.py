import pytest
from tfx.types import channel, standard_artifacts

from components import serving_validator
from components.serving_validator import ServingValidator
from pipelines.runners.local.code_version import CodeVersions
from pipelines.workspace import REPOSITORY


def validator(**parameters) -> ServingValidator:
    return ServingValidator(
        model=channel.Channel(type=standard_artifacts.Model),
        examples=channel.Channel(type=standard_artifacts.Examples),
        **parameters,
    )


def test_the_package_gives_the_component_only() -> None:
    assert serving_validator.__all__ == ["ServingValidator"]


def test_its_blessing_is_what_the_stock_pusher_takes() -> None:
    assert validator().outputs["blessing"].type is standard_artifacts.InfraBlessing


def test_parameters_are_those_given() -> None:
    made = validator(model_name="taxi", num_examples=3, max_p99_ms=20)
    given = {key: made.exec_properties[key] for key in ("model_name", "num_examples", "max_p99_ms")}
    assert given == {"model_name": "taxi", "num_examples": 3, "max_p99_ms": 20.0}
    assert "max_p99_ms" not in validator().exec_properties


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("num_examples", 0),
        ("max_p99_ms", 0.0),
        ("max_p99_ms", float("nan")),
        ("start_timeout_sec", -1.0),
        ("call_timeout_sec", float("inf")),
        ("model_name", ""),
        ("split", ""),
        ("server", ""),
    ],
)
def test_values_that_make_no_sense_are_refused_by_name(parameter, value) -> None:
    with pytest.raises(ValueError, match=parameter):
        validator(**{parameter: value})


def test_a_change_of_the_server_is_a_change_of_the_node() -> None:
    code = CodeVersions([REPOSITORY])
    of_node = code.of_values([validator().exec_properties["server"]])
    of_pipeline = code.of_import_path("pipelines.taxi.pipeline")
    for module in ("serving.server.program", "serving.backends.local.loader"):
        assert module in of_node
        assert module in of_pipeline
