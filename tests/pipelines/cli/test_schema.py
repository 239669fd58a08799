"""The `ringway schema` command: what it prints and how it exits."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pipelines import config
from pipelines.cli.schema import command
from pipelines.errors import DataError, MetadataError, RingwayError, UsageError

REPOSITORY = Path(__file__).parents[3]
INFERRED = """
feature { name: "fare" type: FLOAT presence { min_fraction: 1 min_count: 1 } }
feature { name: "paid" type: BYTES string_domain { value: "Bitcoin" value: "Cash" } }
"""
CURATED = """
feature { name: "fare" type: FLOAT presence { min_fraction: 1 min_count: 1 } }
feature { name: "paid" type: BYTES string_domain { value: "Card" value: "Cash" } }
feature { name: "tips" type: FLOAT not_in_environment: "SERVING" }
"""


@pytest.fixture
def pipeline() -> str:
    return config.names()[0]


@pytest.fixture
def schemas(tmp_path: Path) -> list[str]:
    inferred, curated = tmp_path / "inferred.pbtxt", tmp_path / "curated.pbtxt"
    inferred.write_text(INFERRED)
    curated.write_text(CURATED)
    return ["--inferred", str(inferred), "--curated", str(curated)]


def invoke(*arguments: str) -> Result:
    result = CliRunner().invoke(command, arguments, env={"COLUMNS": "160"})
    if isinstance(result.exception, RingwayError):
        raise result.exception
    return result


def test_a_table_shows_what_differs(pipeline: str, schemas: list[str]) -> None:
    result = invoke("diff", pipeline, *schemas)
    assert result.exit_code == 0
    rows = [line.split("│")[1:-1] for line in result.output.splitlines() if line.startswith("│")]
    assert [[cell.strip() for cell in row] for row in rows] == [
        ["paid", "domain", "2 values; only here: 'Bitcoin'", "2 values; only here: 'Card'"],
        ["tips", "missing", "-", "FLOAT, optional, not in SERVING"],
    ]
    assert "inferred.pbtxt" in result.output


def test_json_holds_the_same_and_both_files(pipeline: str, schemas: list[str]) -> None:
    report = json.loads(invoke("diff", pipeline, *schemas, "--format", "json").output)
    assert [report["inferred"], report["curated"]] == schemas[1::2]
    assert [(d["feature"], d["aspect"]) for d in report["differences"]] == [
        ("paid", "domain"),
        ("tips", "missing"),
    ]
    assert report["differences"][0]["values_added"] == ["Bitcoin"]
    assert report["differences"][0]["values_removed"] == ["Card"]


def test_values_that_look_like_markup_are_printed_as_they_are(
    pipeline: str, schemas: list[str]
) -> None:
    Path(schemas[1]).write_text(INFERRED.replace("Bitcoin", "[red]x[/red]"))
    assert "'[red]x[/red]'" in invoke("diff", pipeline, *schemas).output


def test_differing_schemas_exit_with_3_on_request(pipeline: str, schemas: list[str]) -> None:
    assert invoke("diff", pipeline, *schemas, "--exit-code").exit_code == 3
    assert invoke("diff", pipeline, *schemas, "--exit-code", "--format", "json").exit_code == 3


def test_equal_schemas_are_told_and_exit_with_0(pipeline: str, schemas: list[str]) -> None:
    Path(schemas[1]).write_text(CURATED)
    result = invoke("diff", pipeline, *schemas, "--exit-code")
    assert result.exit_code == 0
    assert "both schemas agree on 3 features" in result.output


def test_before_the_first_run_the_answer_says_to_run(
    pipeline: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RINGWAY_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("RINGWAY_METADATA_URL", raising=False)
    curated = tmp_path / "curated.pbtxt"
    curated.write_text(CURATED)
    with pytest.raises(MetadataError) as caught:
        invoke("diff", pipeline, "--curated", str(curated))
    assert "ringway run" in caught.value.remedy
    assert not (tmp_path / "home").exists()


def test_an_unknown_pipeline_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="there is no pipeline 'no-such'"):
        invoke("diff", "no-such")


def test_infer_refuses_before_it_loads_anything(tmp_path: Path) -> None:
    data, output = tmp_path / "data", tmp_path / "schema.pbtxt"
    with pytest.raises(DataError, match="does not exist"):
        invoke("infer", str(data), "--output", str(output))
    output.write_text("kept")
    data.mkdir()
    (data / "a.csv").write_text("a\n1\n")
    with pytest.raises(UsageError, match="exists already"):
        invoke("infer", str(data), "--output", str(output))
    assert output.read_text() == "kept"


@pytest.mark.parametrize("verb", [[], ["diff"], ["infer"]])
def test_help_is_quick_and_shows_examples(verb: list[str]) -> None:
    code = (
        "import sys; from pipelines.cli.schema import command;"
        "command.main(sys.argv[1:], prog_name='ringway schema', standalone_mode=False);"
        "print([m for m in ('tensorflow', 'tfx', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *verb, "--help"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.endswith("[]\n")
    assert not verb or f"  ringway schema {verb[0]} " in done.stdout
