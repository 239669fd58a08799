"""What a schema asks of single cells."""

from __future__ import annotations

import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from pipelines import cell_rules
from pipelines.cell_rules import Kind


def verdict(feature: str, cell: str, schema: str = "") -> str:
    parsed = text_format.Parse(feature, schema_pb2.Feature())
    whole = text_format.Parse(schema, schema_pb2.Schema())
    return next(filter(None, (rule(cell) for rule in cell_rules.rules(parsed, whole))), "")


@pytest.mark.parametrize(
    ("cell", "kind"),
    [
        ("0", Kind.INT),
        ("-9223372036854775808", Kind.INT),
        ("9223372036854775808", Kind.TEXT),
        ("1.0", Kind.FLOAT),
        ("1e5", Kind.FLOAT),
        ("nan", Kind.FLOAT),
        ("N/A", Kind.TEXT),
        ("$3.50", Kind.TEXT),
    ],
)
def test_a_cell_is_taken_for_what_csv_example_gen_takes_it_for(cell: str, kind: Kind) -> None:
    assert cell_rules.kind(cell) is kind


@pytest.mark.parametrize(
    ("feature", "cell", "said"),
    [
        ("type: INT", "12", ""),
        ("type: INT", "12.5", "is no whole number"),
        ("type: INT", "twelve", "is no whole number"),
        ("type: INT", "9223372036854775808", "does not fit into 64 bits"),
        ("type: INT int_domain { min: 0 max: 23 }", "23", ""),
        ("type: INT int_domain { min: 0 max: 23 }", "24", "is above 23"),
        ("type: INT int_domain { min: 0 max: 23 }", "-1", "is below 0"),
        ("type: INT int_domain { max: 9007199254740992 }", "9007199254740993", "is above 9007"),
        ("type: INT bool_domain {}", "2", "is above 1"),
        ("type: FLOAT", "12", ""),
        ("type: FLOAT", "twelve", "is no number"),
        ("type: FLOAT", "1,5", "is no number"),
        ("type: FLOAT", "9223372036854775808", "is read as text"),
        ("type: FLOAT float_domain { min: 0 }", "-0.5", "is below 0"),
        ("type: FLOAT float_domain { min: 0 }", "nan", ""),
        ("type: FLOAT float_domain { disallow_nan: true }", "nan", "is not finite"),
        ("type: FLOAT float_domain { disallow_nan: true }", "inf", ""),
        ("type: FLOAT float_domain { disallow_inf: true }", "-inf", "is not finite"),
        ("type: BYTES", "anything", ""),
        ("type: BYTES string_domain { value: 'a' value: 'b' }", "b", ""),
        ("type: BYTES string_domain { value: 'a' }", "c", "is not in the domain ('a')"),
        ("type: BYTES bool_domain { true_value: 'y' false_value: 'n' }", "n", ""),
        ("type: BYTES bool_domain { true_value: 'y' false_value: 'n' }", "N", "('y', 'n')"),
    ],
)
def test_a_cell_is_held_against_type_and_domain(feature: str, cell: str, said: str) -> None:
    found = verdict(feature, cell)
    assert said in found
    assert bool(found) is bool(said)


@pytest.mark.parametrize(
    ("feature", "schema", "cell", "said"),
    [
        ("type: BYTES domain: 'd'", "string_domain { name: 'd' value: 'a' }", "b", "not in the"),
        ("type: INT domain: 'd'", "int_domain { name: 'd' max: 5 }", "6", "is above 5"),
        ("type: FLOAT domain: 'd'", "float_domain { name: 'd' min: 1 }", "0.5", "is below 1"),
    ],
)
def test_domains_that_features_share_are_looked_up(
    feature: str, schema: str, cell: str, said: str
) -> None:
    assert said in verdict(feature, cell, schema)


def test_a_large_domain_is_not_listed_in_full() -> None:
    values = " ".join(f"value: 'v{number}'" for number in range(100))
    said = verdict(f"type: BYTES string_domain {{ {values} }}", "x")
    assert said == "is not in the domain ('v0', 'v1', 'v2', 'v3', 'v4' and 95 more)"
