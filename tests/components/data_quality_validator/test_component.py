"""What the component takes, and the node in a pipeline on the runner."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tfx.types import channel, standard_artifacts

import components.data_quality_validator as package
from components.data_quality_validator import DataQualityValidator, clock
from pipelines.lineage.store import connection_config
from pipelines.runners.local import runner
from pipelines.runners.local.runner import RunOptions
from pipelines.runners.local.schedule import NodeState
from pipelines.workspace import Workspace

RULE = '[[accuracy.condition]]\nname = "a beats b"\nholds = "a > b"\nmax_share = {}\n'
COMPONENT = "components.data_quality_validator.component"


def validator(**parameters: Any) -> DataQualityValidator:
    return DataQualityValidator(
        examples=channel.Channel(type=standard_artifacts.Examples),
        schema=channel.Channel(type=standard_artifacts.Schema),
        **{"rules_path": "quality.toml", **parameters},
    )


def test_it_gives_anomalies_as_example_validator_does() -> None:
    made = validator(now_sec=3)
    assert made.outputs["anomalies"].type is standard_artifacts.ExampleAnomalies
    assert made.exec_properties == {"rules_path": "quality.toml", "now_sec": 3.0}


def test_a_result_is_reused_within_the_hour_where_rules_count_from_now(tmp_path: Path) -> None:
    assert validator(hour=7).exec_properties == {"rules_path": "quality.toml", "hour": 7}
    path = tmp_path / "quality.toml"
    for text, hour in {
        '[[timeliness.age]]\nname = "a"': 2,
        '[[timeliness.age]]\nrelative_to = "span"\n[[timeliness.age]]\nrelative_to = "now"': 2,
        '[[timeliness.age]]\nrelative_to = "span"': None,
        '[[timeliness.gap]]\nname = "a"': None,
        '[timeliness.age]\nname = "a"': None,
        "timeliness = 3": None,
        "no = [TOML": None,
        "n = " + "9" * 5000: None,
    }.items():
        path.write_text(text)
        assert clock.hour_asked_for(path, 3 * 3600.0 - 1) == hour
    assert clock.hour_asked_for(tmp_path / "none.toml", 0.0) is None


@pytest.mark.parametrize("wrong", [{"rules_path": ""}, {"now_sec": math.nan}])
def test_wrong_parameters_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(wrong))}: expected"):
        validator(**wrong)


def test_the_package_exports_what_it_says() -> None:
    assert [name for name in package.__all__ if not hasattr(package, name)] == []
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = package.nothing


def pipeline_of(workspace: Workspace, data: Path) -> Callable[[], Any]:
    def make_pipeline() -> Any:
        from tfx.components.schema_gen.import_schema_gen.component import ImportSchemaGen
        from tfx.orchestration.pipeline import Pipeline

        from components.arrow_example_gen import ArrowExampleGen

        examples = ArrowExampleGen(input_base=str(data / "rows"))
        schema = ImportSchemaGen(schema_file=str(data / "schema.pbtxt"))
        quality = DataQualityValidator(
            examples=examples.outputs["examples"],
            schema=schema.outputs["schema"],
            rules_path=str(data / "quality.toml"),
        )
        return Pipeline(
            pipeline_name="rows",
            pipeline_root=str(workspace.pipeline_root("rows")),
            components=[examples, schema, quality],
            enable_cache=True,
            metadata_connection_config=connection_config(workspace.metadata_url),
        )

    return make_pipeline


def test_a_broken_rule_stops_a_run_and_a_changed_rule_is_held_anew(tmp_path: Path) -> None:
    workspace = Workspace.from_environment({"RINGWAY_HOME": str(tmp_path / "home")})
    (tmp_path / "rows").mkdir()
    (tmp_path / "rows" / "rows.csv").write_text("a,b\n" + "2,1\n1,2\n" * 10)
    (tmp_path / "schema.pbtxt").write_text(
        'feature { name: "a" type: INT }\nfeature { name: "b" type: INT }\n'
    )

    def report(max_share: float) -> Any:
        (tmp_path / "quality.toml").write_text(RULE.format(max_share))
        options = RunOptions(preload=(COMPONENT,))
        return runner.run("rows", pipeline_of(workspace, tmp_path), workspace, options=options)

    def state(found: Any) -> NodeState:
        return {node.id: node.state for node in found.nodes}["DataQualityValidator"]

    stopped = report(0.1)
    assert stopped.outcome.exit_code == 3
    assert "a beats b: 10 of 20 rows (50 %) break 'a > b'" in stopped.outcome.reason
    assert "at most 10 % may" in stopped.outcome.reason
    passed = report(0.5)
    assert (passed.outcome.exit_code, state(passed)) == (0, NodeState.RAN)
    assert state(report(0.5)) == NodeState.CACHED
