"""Curated schema files: what does not parse, and which columns they require."""

from __future__ import annotations

from pathlib import Path

import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from pipelines import schema_file
from pipelines.errors import DataError

SCHEMA = """
feature { name: "fare" type: FLOAT presence { min_fraction: 1.0 min_count: 1 } }
feature { name: "company" type: BYTES presence { min_count: 1 } domain: "companies" }
feature { name: "note" type: BYTES }
feature { name: "old" type: INT presence { min_count: 1 } lifecycle_stage: DEPRECATED }
feature { name: "gone" type: INT presence { min_count: 1 } deprecated: true }
feature { name: "tips" type: FLOAT presence { min_count: 1 } not_in_environment: "SERVING" }
feature { name: "later" type: FLOAT presence { min_count: 1 } in_environment: "REPLAY" }
string_domain { name: "companies" value: "Blue" }
default_environment: "TRAINING"
default_environment: "SERVING"
"""


def test_a_schema_is_read_from_its_text(tmp_path: Path) -> None:
    path = tmp_path / "schema.pbtxt"
    path.write_text(SCHEMA)
    assert schema_file.read(path) == text_format.Parse(SCHEMA, schema_pb2.Schema())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'feature {\n  name: "a"\n  tpye: INT\n}\n', ", line 3, column 3: Message type"),
        (b'feature {\n  name: "a"\n  type: INTEGER\n}\n', "no value named INTEGER"),
        (b"feature {\n", 'Expected "}"'),
        (b"{}", ", line 1, column 1: "),
        (b"fare,tips\n1,2\n", ", line 1, column 1: "),
        (b"feature { name: '\xff' }", "received the byte 0xff at offset 17"),
        (b"", "expected at least one feature, found none"),
        (b"# only a comment\n", "expected at least one feature, found none"),
        (b"feature { name: 'a' } feature { name: 'a' }", "feature 'a' stands there 2 times"),
        (
            b"feature { name: 'a' domain: 'colour' } string_domain { name: 'color' }",
            "feature 'a' names the domain 'colour'; expected one of color",
        ),
    ],
)
def test_a_damaged_schema_is_named_with_the_place(
    tmp_path: Path, content: bytes, said: str
) -> None:
    path = tmp_path / "schema.pbtxt"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        schema_file.read(path)
    assert str(caught.value).startswith(f"schema file {path}")
    assert said in str(caught.value)
    assert caught.value.remedy


def test_a_missing_schema_is_answered_with_how_to_draft_one(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read: No such file") as caught:
        schema_file.read(tmp_path / "schema.pbtxt")
    assert "ringway schema infer" in caught.value.remedy


@pytest.mark.parametrize(
    ("environment", "required"),
    [
        (None, ["fare", "company", "tips", "later"]),
        ("TRAINING", ["fare", "company", "tips", "later"]),
        ("SERVING", ["fare", "company", "later"]),
        ("REPLAY", ["later"]),
    ],
)
def test_required_columns_are_those_that_tfdv_would_miss(
    environment: str | None, required: list[str]
) -> None:
    schema = text_format.Parse(SCHEMA, schema_pb2.Schema())
    assert schema_file.required_columns(schema, environment) == required
