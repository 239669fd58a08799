"""The node beside stock CsvExampleGen's: arguments, spec, driver."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest
from arrow_reference import examples, inputs, outputs, run
from tfx.components.example_gen.csv_example_gen.component import CsvExampleGen
from tfx.orchestration import data_types
from tfx.proto import example_gen_pb2, range_config_pb2
from tfx.types import standard_artifacts
from tfx.utils import proto_utils

from components import arrow_example_gen
from components.arrow_example_gen import ArrowExampleGen

SPANS = {
    "span-1/v1/data.csv": "a\n1\n",
    "span-2/v1/data.csv": "a\n2\n",
    "span-2/v2/data.csv": "a\n22\n",
    "day-20261101/data.csv": "a\n3\n",
    "day-20261102/data.csv": "a\n4\n",
}
STATIC = range_config_pb2.RangeConfig(
    static_range=range_config_pb2.StaticRange(start_span_number=1, end_span_number=1)
)
ROLLING = range_config_pb2.RangeConfig(rolling_range=range_config_pb2.RollingRange(num_spans=1))


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("spans")
    for name, text in SPANS.items():
        path = folder / name
        path.parent.mkdir(parents=True)
        path.write_text(text)
    return folder


def resolved(node: Any) -> dict[str, Any]:
    """Returns the parameters that the node's driver hands to its executor."""
    pipeline = data_types.PipelineInfo("", "")
    return node.driver_class(None).resolve_exec_properties(
        dict(node.exec_properties), pipeline, data_types.ComponentInfo("", "", pipeline)
    )


def test_the_package_gives_the_component_only() -> None:
    assert arrow_example_gen.__all__ == ["ArrowExampleGen"]


def test_it_takes_the_arguments_of_csv_example_gen() -> None:
    ours, stock = (inspect.signature(one.__init__) for one in (ArrowExampleGen, CsvExampleGen))
    assert list(ours.parameters) == list(stock.parameters)
    assert ArrowExampleGen(input_base="in").outputs["examples"].type is standard_artifacts.Examples


@pytest.mark.parametrize(
    ("pattern", "span_range", "span", "version"),
    [
        ("span-{SPAN}/v{VERSION}/*", None, 2, 2),
        ("span-{SPAN}/v{VERSION}/*", STATIC, 1, 1),
        ("span-{SPAN}/v{VERSION}/*", ROLLING, 2, 2),
        ("day-{YYYY}{MM}{DD}/*", None, None, None),
        ("span-1/v1/*", None, 0, None),
    ],
)
def test_spans_versions_dates_and_fingerprints_are_stocks(
    base: Path, pattern: str, span_range: Any, span: int | None, version: int | None
) -> None:
    ours, stock = (
        resolved(
            component(
                input_base=str(base),
                input_config=inputs(all=pattern),
                output_config=outputs(train=2, eval=1),
                range_config=span_range,
            )
        )
        for component in (ArrowExampleGen, CsvExampleGen)
    )
    assert ours == stock
    assert ours["version"] == version
    if span is not None:
        assert ours["span"] == span


def test_the_latest_version_of_the_latest_span_is_read(base: Path, tmp_path: Path) -> None:
    node = ArrowExampleGen(
        input_base=str(base), input_config=inputs(all="span-{SPAN}/v{VERSION}/*")
    )
    config = example_gen_pb2.Input()
    proto_utils.json_to_proto(resolved(node)["input_config"], config)
    artifact = run(
        node.executor_spec.executor_class, base, tmp_path / "out", config, outputs(all=1)
    )
    (row,) = examples(artifact)["all"]
    assert row.features.feature["a"].int64_list.value == [22]
