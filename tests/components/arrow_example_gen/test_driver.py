"""Ranges of spans: what the driver resolves, what the executor makes of it, with and without it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from arrow_reference import examples, inputs, outputs
from tfx.components.example_gen.driver import FileBasedDriver
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.orchestration import data_types
from tfx.orchestration.portable import data_types as portable_data_types
from tfx.proto import range_config_pb2
from tfx.types import standard_artifacts

from components.arrow_example_gen import ArrowExampleGen, spans
from components.arrow_example_gen.errors import InputError
from components.arrow_example_gen.span_range import of_config, to_config
from components.arrow_example_gen.spans import Fixed, Latest, Wanted

PATTERN = "span-{SPAN}/*"
FILES = {
    "span-1/a.csv": "x,y\n1,\n",
    "span-2/a.csv": "x,y\n2,b\n",
    "span-2/b.csv": "x,y\n22,b\n",
    "span-3/a.csv": "x,y\n3.5,\n",
    "span-10/a.csv": "x,y\n10,b\n",
    "span-x/a.csv": "of no span\n",
}


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def node(base: Path, wanted: Wanted | None, pattern: str = PATTERN) -> ArrowExampleGen:
    return ArrowExampleGen(
        input_base=str(base),
        input_config=inputs(all=pattern),
        output_config=outputs(train=2, eval=1),
        range_config=None if wanted is None else to_config(wanted),
    )


def resolved(made: ArrowExampleGen) -> dict[str, Any]:
    pipeline = data_types.PipelineInfo("", "")
    return made.driver_class(None).resolve_exec_properties(
        dict(made.exec_properties), pipeline, data_types.ComponentInfo("", "", pipeline)
    )


def executed(
    made: ArrowExampleGen, parameters: dict[str, Any], output: Path
) -> standard_artifacts.Examples:
    artifact = standard_artifacts.Examples()
    artifact.uri = str(output)
    context = BaseBeamExecutor.Context(tmp_dir=f"{output}.tmp", unique_id="1")
    made.executor_spec.executor_class(context).Do({}, {"examples": [artifact]}, parameters)
    return artifact


def values(artifact: standard_artifacts.Examples, column: str) -> list[Any]:
    rows = [row for split in examples(artifact).values() for row in split]
    found = [row.features.feature[column] for row in rows]
    kinds = [f.WhichOneof("kind") for f in found]
    return sorted(v for f, kind in zip(found, kinds, strict=True) if kind
                  for v in getattr(f, kind).value)  # fmt: skip


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return write(tmp_path / "in", FILES)


@pytest.mark.parametrize("wanted", [Latest(8), Latest(2, 1), Fixed(5, 12), Fixed(3, 3)])
def test_a_range_and_its_configuration_say_the_same(wanted: Wanted) -> None:
    assert of_config(to_config(wanted)) == wanted


@pytest.mark.parametrize(
    "text",
    [
        "",
        "rolling_range { num_spans: 0 }",
        "rolling_range { num_spans: -1 }",
        "static_range { start_span_number: 3 end_span_number: 2 }",
        "static_range { start_span_number: -3 end_span_number: 2 }",
    ],
)
def test_ranges_without_spans_are_refused(text: str) -> None:
    from google.protobuf import text_format

    with pytest.raises(ValueError, match="range"):
        of_config(text_format.Parse(text, range_config_pb2.RangeConfig()))


def test_a_range_becomes_one_artifact_with_the_rows_of_all_its_spans(
    base: Path, tmp_path: Path
) -> None:
    made = node(base, Fixed(1, 3))
    parameters = resolved(made)
    assert (parameters["span"], parameters["version"]) == (3, None)
    assert (parameters["first_span"], parameters["spans"]) == (1, "1-3")
    assert "versions" not in parameters
    artifact = executed(made, parameters, tmp_path / "out")
    # The 3.5 of one span makes floats of the ints of the others.
    assert values(artifact, "x") == [1.0, 2.0, 3.5, 22.0]
    assert values(artifact, "y") == [b"b", b"b"]


def test_the_splits_are_those_of_the_same_rows_in_one_folder(base: Path, tmp_path: Path) -> None:
    names = [name for name in FILES if name.startswith(("span-2", "span-3", "span-10"))]
    together = write(tmp_path / "flat", {n.replace("/", "-"): FILES[n] for n in names})
    ranged, flat = node(base, Latest(9)), node(together, None, "*")
    found, expected = (
        {
            split: sorted(row.SerializeToString(deterministic=True) for row in rows)
            for split, rows in examples(executed(made, resolved(made), tmp_path / name)).items()
        }
        for name, made in (("ranged", ranged), ("flat", flat))
    )
    assert found == expected


def test_a_rolling_range_takes_the_newest_that_exist(base: Path) -> None:
    parameters = resolved(node(base, Latest(9)))
    assert (parameters["first_span"], parameters["span"]) == (2, 10)
    assert parameters["spans"] == "2-3,10"


def test_a_missing_span_of_a_static_range_is_named(base: Path) -> None:
    with pytest.raises(InputError, match="Expected spans 3 to 10, but spans 4 to 9 are missing"):
        resolved(node(base, Fixed(3, 10)))


def test_a_folder_without_spans_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"in/span-\{SPAN\}/\*: Expected at least one span"):
        resolved(node(tmp_path / "in", Latest(3)))


def test_a_range_wants_a_pattern_with_spans(base: Path) -> None:
    with pytest.raises(ValueError, match="the pattern tells none apart: span-1/"):
        resolved(node(base, Fixed(1, 3), "span-1/*"))


@pytest.mark.parametrize("wanted", [None, Latest(1), Latest(3), Fixed(2, 2)])
def test_a_range_of_one_span_is_resolved_as_stock_does(tmp_path: Path, wanted: Any) -> None:
    base = write(tmp_path, {"span-2/v1/a.csv": "x\n1\n", "span-2/v3/a.csv": "x\n3\n"})
    pattern = "span-{SPAN}/v{VERSION}/*"
    pipeline = data_types.PipelineInfo("", "")
    stock = FileBasedDriver(None).resolve_exec_properties(
        dict(node(base, Fixed(2, 2), pattern).exec_properties),
        pipeline,
        data_types.ComponentInfo("", "", pipeline),
    )
    found = resolved(node(base, wanted, pattern))
    assert {**found, "range_config": ""} == {**stock, "range_config": ""}
    assert not {"spans", "first_span", "versions"} & set(found)


@pytest.mark.parametrize("wanted", [Latest(1), Fixed(10, 10)])
def test_a_range_of_one_span_is_read(base: Path, tmp_path: Path, wanted: Wanted) -> None:
    made = node(base, wanted)
    assert values(executed(made, resolved(made), tmp_path / "out"), "x") == [10]


def test_the_newest_version_of_every_span_is_read(tmp_path: Path) -> None:
    base = write(
        tmp_path / "in",
        {
            "span-1/v1/a.csv": "x\n11\n",
            "span-1/v2/a.csv": "x\n12\n",
            "span-2/v1/a.csv": "x\n21\n",
            "span-3/v7/a.csv": "x\n37\n",
        },
    )
    made = node(base, Latest(3), "span-{SPAN}/v{VERSION}/*")
    parameters = resolved(made)
    assert (parameters["spans"], parameters["versions"]) == ("1-3", "2,1,7")
    assert (parameters["span"], parameters["version"]) == (3, 7)
    assert values(executed(made, parameters, tmp_path / "out"), "x") == [12, 21, 37]


def test_the_fingerprint_changes_with_any_file_of_any_span(base: Path) -> None:
    def fingerprint() -> str:
        return str(resolved(node(base, Fixed(1, 3)))["input_fingerprint"])

    seen = [fingerprint(), fingerprint()]
    assert seen[0] == seen[1]
    assert seen[0].startswith("split:all,num_files:4,total_bytes:33,sha256:")
    assert len(seen[0]) < 120
    status = (base / "span-1/a.csv").stat()
    os.utime(base / "span-1/a.csv", ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    seen.append(fingerprint())
    (base / "span-2/b.csv").rename(base / "span-2/c.csv")
    seen.append(fingerprint())
    (base / "span-10/a.csv").write_text("x,y\n1,of another span\n")
    assert fingerprint() == seen[-1]
    assert len(set(seen)) == 3


def test_without_a_driver_the_executor_finds_the_spans(base: Path, tmp_path: Path) -> None:
    for number, wanted in enumerate([None, Fixed(2, 3)]):
        made = node(base, wanted)
        artifact = executed(made, dict(made.exec_properties), tmp_path / str(number))
        assert values(artifact, "x") == ([10] if wanted is None else [2.0, 3.5, 22.0])
        newest = 10 if wanted is None else 3
        assert artifact.get_int_custom_property("span") == newest
    assert artifact.get_string_custom_property("spans") == "2-3"
    assert artifact.get_int_custom_property("first_span") == 2


def test_what_is_recorded_names_all_spans(base: Path) -> None:
    made = node(base, Fixed(1, 3))
    artifact = standard_artifacts.Examples()
    artifact.uri = "out"
    info = portable_data_types.ExecutionInfo(
        exec_properties=dict(made.exec_properties), output_dict={"examples": [artifact]}
    )
    result = made.driver_class(None).run(info)
    (recorded,) = result.output_artifacts["examples"].artifacts
    assert recorded.custom_properties["span"].int_value == 3
    assert recorded.custom_properties["first_span"].int_value == 1
    assert recorded.custom_properties["spans"].string_value == "1-3"
    assert "versions" not in recorded.custom_properties
    assert result.exec_properties["spans"].string_value == "1-3"


def test_older_launchers_get_the_same_record(base: Path, tmp_path: Path) -> None:
    made = node(base, Fixed(1, 3))
    pipeline = data_types.PipelineInfo("rows", str(tmp_path / "root"))
    component = data_types.ComponentInfo("", "gen", pipeline)
    prepared = made.driver_class(None)._prepare_output_artifacts(
        input_artifacts={},
        output_dict=made.outputs,
        exec_properties=resolved(made),
        execution_id=1,
        pipeline_info=pipeline,
        component_info=component,
    )
    (artifact,) = prepared["examples"]
    assert artifact.get_string_custom_property("spans") == "1-3"
    assert artifact.get_int_custom_property("span") == 3


def test_parquet_of_several_spans_has_one_type_for_each_column(tmp_path: Path) -> None:
    tables = [
        pa.table({"x": [1, 2], "y": pa.nulls(2)}),
        pa.table({"x": [1.5, None], "y": ["b", None]}),  # as pandas writes ints with one missing
    ]
    for number, table in enumerate(tables):
        (tmp_path / f"in/span-{number}").mkdir(parents=True)
        pq.write_table(table, tmp_path / f"in/span-{number}/a.parquet")
    made = node(tmp_path / "in", Latest(2))
    artifact = executed(made, resolved(made), tmp_path / "out")
    assert values(artifact, "x") == [1.0, 1.5, 2.0]
    assert values(artifact, "y") == [b"b"]
    pq.write_table(pa.table({"x": ["1"], "y": ["b"]}), tmp_path / "in/span-0/a.parquet")
    with pytest.raises(InputError, match="expected the columns of"):
        executed(made, resolved(made), tmp_path / "again")


def test_words_for_a_shortfall_are_logged(base: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("WARNING"):
        resolved(node(base, Latest(20)))
    assert "20 spans are asked for; of these, spans 1 to 3 and 10 exist." in caplog.text
    assert spans.named([1, 2, 3, 10]) in caplog.text


def test_a_shortfall_to_one_span_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    base = write(tmp_path, {"span-7/a.csv": "x\n1\n"})
    with caplog.at_level("WARNING"):
        resolved(node(base, Latest(1)))
        resolved(node(base, None))
        assert "asked for" not in caplog.text
        resolved(node(base, Latest(3)))
    assert "3 spans are asked for; of these, span 7 exists." in caplog.text
