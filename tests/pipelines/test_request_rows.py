"""Rows in the form that a signature takes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from pipelines import request_rows
from pipelines.cell_rules import Kind
from pipelines.errors import UsageError
from pipelines.request_rows import RequestForm, RowError, SchemaKinds
from pipelines.taxi import features
from serving.client import Metadata
from serving.wire import tensors as t
from serving.wire.specs import Signature, TensorSpec

VECTOR = (-1,)


def signature(name: str, **inputs: int) -> Signature:
    specs = {key: TensorSpec(dtype, VECTOR) for key, dtype in inputs.items()}
    return Signature(name, specs, {}, "tensorflow/serving/predict")


METADATA = Metadata(
    "m",
    1,
    {
        "serving_default": signature("serving_default", examples=t.DT_STRING),
        "columns": signature("columns", a=t.DT_FLOAT, b=t.DT_INT64, c=t.DT_STRING, d=t.DT_BOOL),
        "text": signature("text", words=t.DT_STRING),
        "complex": signature("complex", z=t.DT_COMPLEX64),
    },
)
REAL = Metadata("m", 1, {n: s for n, s in METADATA.signatures.items() if n != "complex"})


def form(name: str, columns: tuple[str, ...] = ("a",), known: SchemaKinds | None = None) -> Any:
    return request_rows.form_of(REAL, name, columns, known or SchemaKinds())


def test_one_input_for_texts_takes_examples_typed_by_other_signatures() -> None:
    found = form("")
    assert found.as_examples
    assert found.kinds == {"a": Kind.FLOAT, "b": Kind.INT, "c": Kind.TEXT, "d": Kind.INT}


def test_a_schema_outranks_other_signatures_and_keeps_the_label_back() -> None:
    known = SchemaKinds({"a": Kind.INT, "tips": Kind.FLOAT}, frozenset({"tips"}))
    found = form("", known=known)
    assert (found.kinds["a"], found.kinds["b"]) == (Kind.INT, Kind.INT)
    assert not found.takes("tips")
    assert found.takes("a")
    assert not found.takes("unheard")


def test_where_nothing_is_known_every_column_is_taken() -> None:
    assert RequestForm(signature("s", examples=t.DT_STRING), True, {}).takes("anything")


def test_a_column_of_the_inputs_own_name_is_the_input() -> None:
    found = form("text", ("words",))
    assert not found.as_examples
    assert found.inputs([{"words": "a"}, {"words": "b"}]) == {"inputs": {"words": ["a", "b"]}}


def test_columns_have_something_for_what_is_missing() -> None:
    columns = form("columns").inputs([{"a": 1.5, "b": 2, "c": "x", "d": True}, {}])["inputs"]
    assert (columns["b"], columns["c"], columns["d"]) == ([2, 0], ["x", ""], [True, 0])
    assert columns["a"][0] == 1.5
    assert math.isnan(columns["a"][1])


def test_a_column_that_no_row_has_is_left_to_the_signatures_default() -> None:
    specs = {name: TensorSpec(t.DT_FLOAT, VECTOR) for name in ("a", "b")}
    having = Signature("s", specs, {}, "", {"b": np.array([1.0], np.float32)})
    found = RequestForm(having, False, {"a": Kind.FLOAT, "b": Kind.FLOAT})
    assert found.inputs([{"a": 1.0}, {"a": 2.0}]) == {"inputs": {"a": [1.0, 2.0]}}
    assert found.inputs([{"a": 1.0, "b": 2.0}])["inputs"]["b"] == [2.0]


def test_a_signature_that_is_not_there_is_told_with_those_that_are() -> None:
    with pytest.raises(UsageError, match="'no'; expected one of: serving_default, columns, text"):
        form("no")


def test_complex_numbers_have_no_JSON() -> None:
    with pytest.raises(UsageError, match="complex64"):
        request_rows.form_of(METADATA, "complex", ["z"], SchemaKinds())


def test_the_taxi_schema_says_what_columns_hold_and_which_is_the_label() -> None:
    known = request_rows.schema_kinds("taxi")
    assert known.kinds["fare"] is Kind.FLOAT
    assert known.kinds["trip_seconds"] is Kind.INT
    assert known.kinds["company"] is Kind.TEXT
    assert known.unserved == {"tips", *features.COLUMNS.unused}
    assert request_rows.schema_kinds("no-such-pipeline") == SchemaKinds()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"a": 1}, {"a": 1.0}),
        ({"a": [1, 2.5]}, {"a": [1.0, 2.5]}),
        ({"b": 2.0}, {"b": 2}),
        ({"b": True}, {"b": 1}),
        ({"c": {"b64": "/wA="}}, {"c": b"\xff\x00"}),
        ({"a": None}, {"a": None}),
        ({"unheard": 1}, {"unheard": 1}),
        ({"unheard": 1.0}, {"unheard": 1.0}),
    ],
)
def test_JSON_gets_the_types_of_columns(value: dict[str, Any], expected: dict[str, Any]) -> None:
    found = request_rows.from_json(value, form(""))
    assert found == expected
    assert [type(v) for v in found.values()] == [type(v) for v in expected.values()]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"a": "1"}, "'a': expected a number, received '1'"),
        ({"b": 1.5}, "'b': expected a whole number, received 1.5"),
        ({"b": math.nan}, "'b': expected a whole number, received nan"),
        ({"b": math.inf}, "'b': expected a whole number, received inf"),
        ({"c": 1}, "'c': expected a text, received 1"),
        ({"c": {"b64": "?"}}, "'c': expected base64"),
        ({"c": {"x": 1}}, "'c': expected a value, a list or"),
    ],
)
def test_JSON_that_does_not_fit_is_refused(value: dict[str, Any], message: str) -> None:
    with pytest.raises(RowError, match=message):
        request_rows.from_json(value, form(""))


def test_a_column_that_is_no_input_is_refused_with_the_inputs() -> None:
    with pytest.raises(RowError, match="'x' is no input of 'columns'; expected: a, b, c, d"):
        request_rows.from_json({"x": 1}, form("columns"))


def test_cells_get_the_types_of_columns_and_empty_ones_are_left_out() -> None:
    kinds = {"a": Kind.FLOAT, "b": Kind.INT, "c": Kind.TEXT, "d": Kind.TEXT}
    cells = [("a", "1"), ("b", "2"), ("c", ""), ("d", "ä")]
    found = request_rows.from_cells(cells, kinds)
    assert found == {"a": 1.0, "b": 2, "d": "ä".encode()}
    assert isinstance(found["a"], float)


@pytest.mark.parametrize(
    ("text", "kind"),
    [("x", Kind.FLOAT), ("1.0", Kind.INT), ("9223372036854775808", Kind.INT), ("", None)],
)
def test_a_cell_that_does_not_fit_is_refused(text: str, kind: Kind | None) -> None:
    if kind is None:
        assert request_rows.from_cells([("a", text)], {}) == {}
        return
    with pytest.raises(RowError, match="'a': expected a"):
        request_rows.from_cells([("a", text)], {"a": kind})


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["1", "", "2"], Kind.INT),
        (["1", "2.5"], Kind.FLOAT),
        (["1", "x"], Kind.TEXT),
        (["", ""], Kind.TEXT),
        ([], Kind.TEXT),
    ],
)
def test_without_any_knowledge_a_column_is_what_its_cells_look_like(
    cells: list[str], kind: Kind
) -> None:
    assert request_rows.guessed(cells) is kind
