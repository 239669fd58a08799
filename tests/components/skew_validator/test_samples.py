from __future__ import annotations

import numpy as np
import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from components.skew_validator.rows import Column, Rows
from components.skew_validator.sample import CategoricalSample, NumericSample
from components.skew_validator.samples import Feature, features, sample_of, several

SCHEMA = """
    default_environment: "TRAINING"
    default_environment: "SERVING"
    feature { name: "text" type: BYTES presence { min_count: 1 } }
    feature { name: "number" type: INT presence { min_fraction: 0.5 } int_domain { min: 0 } }
    feature { name: "class" type: INT int_domain { is_categorical: true } }
    feature { name: "flag" type: INT bool_domain { } }
    feature { name: "label" type: FLOAT not_in_environment: "SERVING" }
    feature { name: "old" type: FLOAT lifecycle_stage: DEPRECATED }
    feature { name: "older" type: FLOAT deprecated: true }
    feature { name: "planned" type: FLOAT lifecycle_stage: PLANNED }
"""


def test_the_schema_says_what_is_compared_and_as_what() -> None:
    schema = text_format.Parse(SCHEMA, schema_pb2.Schema())
    found = {one.name: (one.categorical, one.required) for one in features(schema, "SERVING")}
    assert found == {
        "class": (True, False),
        "flag": (True, False),
        "number": (False, True),
        "text": (True, True),
    }
    assert "label" in {one.name for one in features(schema, "TRAINING")}


def test_a_feature_of_one_environment_is_expected_there_only() -> None:
    schema = schema_pb2.Schema(
        feature=[schema_pb2.Feature(name="x", in_environment=["SERVING"])],
        default_environment=["TRAINING"],
    )
    assert [one.name for one in features(schema, "SERVING")] == ["x"]


def rows() -> Rows:
    columns = {
        "number": Column(
            values=np.array([2, 0, 1, 2]), present=np.array([True, False, True, True]), several=2
        ),
        "float": Column(values=np.array([0.5, np.nan, 2.0, np.inf]), present=np.ones(4, bool)),
        "text": Column(
            values=np.array([1, 0, 1, 0]),
            present=np.array([True, True, True, False]),
            names=(b"a", b"b", b"never"),
        ),
        "empty": Column(values=np.zeros(4), present=np.zeros(4, bool)),
    }
    return Rows(columns=columns, count=4, seen=4)


def feature(name: str, categorical: bool = False) -> Feature:
    return Feature(name=name, categorical=categorical, required=True)


def test_numbers() -> None:
    found = sample_of(rows(), feature("number"))
    assert isinstance(found, NumericSample)
    assert (found.values.tolist(), found.missing) == ([1, 2, 2], 1)
    special = sample_of(rows(), feature("float"))
    assert isinstance(special, NumericSample)
    assert (special.values.tolist(), special.nan, special.plus_infinity) == ([0.5, 2.0], 1, 1)


@pytest.mark.parametrize("categorical", [True, False])
def test_texts_are_categories_whatever_the_schema_says(categorical: bool) -> None:
    found = sample_of(rows(), feature("text", categorical))
    assert isinstance(found, CategoricalSample)
    assert (dict(found.counts), found.missing) == ({b"a": 1, b"b": 2}, 1)


def test_numbers_that_are_categories() -> None:
    found = sample_of(rows(), feature("number", categorical=True))
    assert isinstance(found, CategoricalSample)
    assert (dict(found.counts), found.missing) == ({"1": 1, "2": 2}, 1)


def test_numbers_that_are_categories_are_told_apart_to_their_last_digit() -> None:
    values = np.array([1000001, 1000002, 0.1, np.nan, 1000002], np.float32)
    column = Column(values=values, present=np.full(5, True))
    found = sample_of(Rows(columns={"x": column}, count=5, seen=5), feature("x", categorical=True))
    assert isinstance(found, CategoricalSample)
    assert dict(found.counts) == {"1000001": 1, "1000002": 2, "0.1": 1, "nan": 1}


@pytest.mark.parametrize("name", ["empty", "unknown"])
@pytest.mark.parametrize("categorical", [True, False])
def test_a_column_without_values_is_missing_in_all_rows(name: str, categorical: bool) -> None:
    found = sample_of(rows(), feature(name, categorical))
    assert (found.present, found.missing) == (0, 4)
    assert found.kind == ("categorical" if categorical else "numeric")


def test_some_of_the_rows() -> None:
    which = np.array([True, True, False, False])
    found = sample_of(rows(), feature("number"), which)
    assert (found.present, found.missing) == (1, 1)


def test_rows_of_several_values_are_told() -> None:
    assert several(rows()) == ("number",)
