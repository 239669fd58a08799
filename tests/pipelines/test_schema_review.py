"""An inferred schema against a curated one."""

from __future__ import annotations

import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from pipelines.schema_review import WHOLE_SCHEMA, Difference, compare


def schema(text: str) -> schema_pb2.Schema:
    return text_format.Parse(text, schema_pb2.Schema())


def differences(inferred: str, curated: str) -> list[tuple[str, str, str, str]]:
    found = compare(schema(inferred), schema(curated))
    return [(d.feature, d.aspect, d.inferred, d.curated) for d in found]


@pytest.mark.parametrize(
    ("inferred", "curated", "aspect", "left", "right"),
    [
        ("type: INT", "type: FLOAT", "type", "INT", "FLOAT"),
        (
            "presence { min_fraction: 1 min_count: 1 }",
            "presence { min_count: 1 }",
            "presence",
            "in every example",
            "in at least 1 example",
        ),
        (
            "presence { min_fraction: 0.95 }",
            "",
            "presence",
            "in at least 0.95 of the examples",
            "optional",
        ),
        ("presence { min_count: 10 }", "", "presence", "in at least 10 examples", "optional"),
        (
            "presence { min_fraction: 1 min_count: 10 }",
            "presence { min_fraction: 1 min_count: 1 }",
            "presence",
            "in every example, in at least 10 examples",
            "in every example",
        ),
        (
            "shape { dim { size: 1 } }",
            "value_count { min: 1 max: 1 }",
            "valency",
            "shape [1]",
            "exactly 1 value",
        ),
        ("value_count { min: 1 max: 3 }", "shape {}", "valency", "1 to 3 values", "shape []"),
        ("value_count { min: 2 }", "", "valency", "2 or more values", ""),
        (
            "value_counts { value_count { min: 2 max: 2 } value_count { max: 5 } }",
            "",
            "valency",
            "exactly 2 values; 0 to 5 values",
            "",
        ),
        ("", "int_domain { min: 0 max: 23 }", "range", "", "min 0, max 23"),
        (
            "float_domain { min: 0.5 }",
            "float_domain { disallow_nan: true disallow_inf: true }",
            "range",
            "min 0.5",
            "no NaN, no infinity",
        ),
        ("int_domain { is_categorical: true }", "", "domain", "categorical", ""),
        (
            "bool_domain {}",
            "bool_domain { true_value: 'y' false_value: 'n' }",
            "domain",
            "boolean",
            "boolean ('y', 'n')",
        ),
        (
            "",
            "image_domain { max_image_byte_size: 9 }",
            "image_domain",
            "",
            "image_domain { max_image_byte_size: 9 }",
        ),
        ("string_domain { value: 'a' value: 'b' }", "", "domain", "2 values", ""),
        ("", "domain: 'lost'", "domain", "", "undefined domain 'lost'"),
        (
            "",
            "not_in_environment: 'SERVING' in_environment: 'TRAINING'",
            "environments",
            "",
            "in TRAINING, not in SERVING",
        ),
        (
            "",
            "drift_comparator { infinity_norm { threshold: 0.5 } }"
            " skew_comparator { infinity_norm { threshold: 0.25 } }",
            "comparators",
            "",
            "skew: infinity_norm { threshold: 0.25 }; drift: infinity_norm { threshold: 0.5 }",
        ),
        (
            "",
            "distribution_constraints { min_domain_mass: 0.5 }",
            "distribution_constraints",
            "",
            "distribution_constraints { min_domain_mass: 0.5 }",
        ),
        ("", "lifecycle_stage: BETA", "lifecycle_stage", "", "lifecycle_stage: BETA"),
    ],
)
def test_one_differing_aspect_is_put_into_words(
    inferred: str, curated: str, aspect: str, left: str, right: str
) -> None:
    found = differences(f"feature {{ name: 'a' {inferred} }}", f"feature {{ name: 'a' {curated} }}")
    assert found == [("a", aspect, left, right)]


def test_domain_values_are_told_one_by_one() -> None:
    inferred = schema("feature { name: 'a' string_domain { value: 'x' value: 'y' value: 'z' } }")
    curated = schema(
        "feature { name: 'a' domain: 'd' } string_domain { name: 'd' value: 'y' value: 'w' }"
    )
    assert compare(inferred, curated) == [
        Difference(
            feature="a",
            aspect="domain",
            inferred="3 values",
            curated="2 values",
            values_added=("x", "z"),
            values_removed=("w",),
        )
    ]


def test_a_domain_of_the_same_size_with_other_values_differs() -> None:
    inferred = schema("feature { name: 'a' string_domain { value: 'x' } }")
    curated = schema("feature { name: 'a' string_domain { value: 'y' } }")
    (difference,) = compare(inferred, curated)
    assert (difference.values_added, difference.values_removed) == (("x",), ("y",))


def test_where_and_in_which_order_a_domain_is_written_makes_no_difference() -> None:
    inline = "feature { name: 'a' string_domain { value: 'x' value: 'y' } }"
    shared = "feature { name: 'a' domain: 'd' } string_domain { name: 'd' value: 'y' value: 'x' }"
    assert differences(inline, shared) == []


def test_added_and_missing_features_are_summed_up() -> None:
    found = differences(
        "feature { name: 'new' type: INT } feature { name: 'both' type: INT }",
        "feature { name: 'old' type: BYTES presence { min_fraction: 1 } string_domain"
        " { value: 'x' } } feature { name: 'both' type: INT }",
    )
    assert found == [
        ("old", "missing", "", "BYTES, in every example, 1 value"),
        ("new", "added", "INT, optional", ""),
    ]


def test_features_inside_a_struct_are_compared_by_their_path() -> None:
    found = differences(
        "feature { name: 's' type: STRUCT struct_domain { feature { name: 'a' type: INT } } }",
        "feature { name: 's' type: STRUCT struct_domain { feature { name: 'a' type: FLOAT } } }",
    )
    assert found == [("s.a", "type", "INT", "FLOAT")]


def test_what_holds_for_the_whole_schema_is_compared_too() -> None:
    found = differences(
        "",
        "default_environment: 'TRAINING' default_environment: 'SERVING'"
        " dataset_constraints { min_examples_count: 5 }",
    )
    assert found == [
        (WHOLE_SCHEMA, "environments", "", "SERVING, TRAINING"),
        (
            WHOLE_SCHEMA,
            "dataset_constraints",
            "",
            "dataset_constraints { min_examples_count: 5 }",
        ),
    ]


def test_equal_schemas_do_not_differ() -> None:
    text = "feature { name: 'a' type: INT int_domain { min: 0 } presence { min_count: 1 } }"
    assert differences(text, text) == []
