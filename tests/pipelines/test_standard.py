"""The pipeline as it is assembled: which components, fed with what, waiting for which."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from tfx.orchestration.pipeline import Pipeline
from tfx.proto import example_gen_pb2, range_config_pb2
from tfx.utils import proto_utils

from pipelines import standard
from pipelines.config import PipelineConfig
from pipelines.taxi.config import CONFIG
from pipelines.workspace import Workspace

QUALITY = "DataQualityValidator"


def assembled(tmp_path: Path, **changes: Any) -> Pipeline:
    workspace = Workspace.from_environment({"RINGWAY_HOME": str(tmp_path)})
    config: PipelineConfig = dataclasses.replace(CONFIG, **changes)
    return standard.create_pipeline(config, workspace, search_space={})


def node(pipeline: Pipeline, node_id: str) -> Any:
    return next(one for one in pipeline.components if one.id == node_id)


def ids(nodes: Any) -> set[str]:
    return {one.id for one in nodes}


@pytest.mark.parametrize(
    ("example_gen", "expected"), [("arrow", "ArrowExampleGen"), ("csv", "CsvExampleGen")]
)
def test_either_example_generator_reads_the_configured_files(
    tmp_path: Path, example_gen: str, expected: str
) -> None:
    pipeline = assembled(tmp_path, example_gen=example_gen, input_pattern="*.csv")
    made = node(pipeline, expected)
    splits = example_gen_pb2.Input()
    proto_utils.json_to_proto(made.exec_properties["input_config"], splits)
    assert [split.pattern for split in splits.splits] == ["*.csv"]
    assert made.exec_properties["input_base"] == CONFIG.data_root
    assert not made.exec_properties["range_config"]
    assert ids(made.downstream_nodes) >= {"StatisticsGen", "Transform", "Evaluator"}


@pytest.mark.parametrize(
    ("text", "field", "expected"),
    [
        ("8", "rolling_range", {"num_spans": 8, "start_span_number": 0}),
        ("5:12", "static_range", {"start_span_number": 5, "end_span_number": 12}),
    ],
)
def test_a_range_of_spans_becomes_the_generators(
    tmp_path: Path, text: str, field: str, expected: dict[str, int]
) -> None:
    pipeline = assembled(tmp_path, input_pattern="span-{SPAN}/*", span_range=text)
    found = range_config_pb2.RangeConfig()
    proto_utils.json_to_proto(
        node(pipeline, "ArrowExampleGen").exec_properties["range_config"], found
    )
    assert found.WhichOneof("range") == field
    assert {name: getattr(getattr(found, field), name) for name in expected} == expected


def test_training_waits_for_every_gate_on_the_data(tmp_path: Path) -> None:
    rules = tmp_path / "quality.toml"
    pipeline = assembled(tmp_path, quality_path=str(rules))
    assert node(pipeline, QUALITY).exec_properties["rules_path"] == str(rules)
    assert ids(node(pipeline, QUALITY).upstream_nodes) == {"ArrowExampleGen", "ImportSchemaGen"}
    for trained in ("Tuner", "Trainer"):
        assert ids(node(pipeline, trained).upstream_nodes) >= {"ExampleValidator", QUALITY}


def test_without_rules_there_is_no_gate_for_them(tmp_path: Path) -> None:
    assert QUALITY not in ids(assembled(tmp_path, quality_path="").components)
