from __future__ import annotations

import math

import log_gen_records as logs
import pytest
from tensorflow_metadata.proto.v0 import schema_pb2

from components.prediction_log_example_gen.plan import (
    absent_values,
    kinds_of,
    stands_for_none,
    typed,
)

KINDS = {"company": "bytes_list", "area": "int64_list", "fare": "float_list", "tips": "float_list"}


def test_kinds_are_those_of_the_schema() -> None:
    assert kinds_of(logs.SCHEMA) == KINDS


def test_a_feature_without_a_type_keeps_what_is_served() -> None:
    schema = schema_pb2.Schema()
    schema.feature.add(name="any")
    assert kinds_of(schema) == {"any": None}


def test_names_of_extra_columns_are_refused_in_a_schema() -> None:
    schema = schema_pb2.Schema()
    schema.feature.add(name="ringway_row", type=schema_pb2.INT)
    with pytest.raises(ValueError, match=r"received 'ringway_row'"):
        kinds_of(schema)


def test_absent_values_are_json() -> None:
    assert absent_values("") == {}
    assert absent_values('{"company": "", "area": 0}') == {"company": "", "area": 0}
    assert math.isnan(absent_values('{"fare": NaN}')["fare"])


@pytest.mark.parametrize("text", ["[", "[]", "1", '{"a": null}', '{"a": []}', '{"a": true}'])
def test_what_says_no_absent_values_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="absent: expected"):
        absent_values(text)


def test_absent_values_get_the_types_of_the_schema() -> None:
    assert typed({"company": "", "area": 0, "fare": -1}, KINDS) == {
        "company": b"",
        "area": 0,
        "fare": -1,
    }


@pytest.mark.parametrize(
    ("absent", "message"),
    [
        ({"miles": 0}, "the schema has no feature 'miles'"),
        ({"company": 0}, "expected a value of bytes for 'company', received 0"),
        ({"area": 0.5}, "expected a value of int64 for 'area'"),
        ({"fare": ""}, "expected a value of float for 'fare'"),
    ],
)
def test_absent_values_that_do_not_fit_are_refused(absent, message) -> None:
    with pytest.raises(ValueError, match=message):
        typed(absent, KINDS)


@pytest.mark.parametrize(
    ("values", "absent", "expected"),
    [
        ([b""], b"", True),
        ([b"", b"a"], b"", False),
        ([0], 0, True),
        ([float("nan")], float("nan"), True),
        ([0.0], float("nan"), False),
        ([float("nan")], 0, False),
    ],
)
def test_all_values_of_a_row_have_to_stand_for_none(values, absent, expected) -> None:
    assert stands_for_none(values, absent) is expected
