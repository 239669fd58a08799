"""What is JSON, what more TensorFlow Serving takes, and what is refused."""

import contextlib
import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rest_json import refusal

from serving.wire.errors import ServingError
from serving.wire.json_text import MAX_QUOTED, parse_object, quoted, type_name


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"a": [1, 2.5, true, null, "x"]}', {"a": [1, 2.5, True, None, "x"]}),
        (b' \r\n\t{"a": 1}\n', {"a": 1}),
        (b'{"a": 1} and more', {"a": 1}),
        (b'{"a": 1}{"a": 2}', {"a": 1}),
        (b'{"a": 1}\x00', {"a": 1}),
        (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
        (b'{"a": [Infinity, -Infinity]}', {"a": [math.inf, -math.inf]}),
        (b'{"a": 1, "a": 2}', {"a": 2}),
        (b'{"a": 18446744073709551615}', {"a": 2**64 - 1}),
        (b'{"a": -9223372036854775808}', {"a": -(2**63)}),
        (b'{"a": 18446744073709551616}', {"a": 2.0**64}),
        (b'{"a": "\\ud83d\\ude00", "b": -Infinity}', {"a": "\U0001f600", "b": -math.inf}),
        (b'{"a": 1e300, "b": Infinity}', {"a": 1e300, "b": math.inf}),
    ],
)
def test_a_document_is_read(body, expected):
    assert parse_object(body) == expected


def test_nan_is_read():
    assert math.isnan(parse_object(b'{"a": NaN}')["a"])


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "JSON Parse error: The document is empty. at offset: 0"),
        (b" \n", "JSON Parse error: The document is empty. at offset: 0"),
        (b"instances = [1, 2]", "JSON Parse error: Invalid value. at offset: 0"),
        (b'{"a": 1', "JSON Parse error: Missing a comma or a closing bracket"),
        (b'{"a" 1}', "JSON Parse error: Missing a colon after a name of object member."),
        (b"{a: 1}", "JSON Parse error: Missing a name for object member. at offset: 1"),
        (b'{"a": "', "JSON Parse error: Missing a closing quotation mark in string."),
        (b'{"a": "\xc3\xa4", b}', "Missing a name for object member. at offset: 12"),
        (b'{"a": "\x01"}', "JSON Parse error: Invalid encoding in string."),
        (b'{"a": "\xff"}', "JSON Parse error: Invalid encoding in string. at offset: 7"),
        (b'{"a": "\\x"}', "JSON Parse error: Invalid escape character in string."),
        (b'{"a": "\\u12x4"}', "JSON Parse error: Incorrect hex digit after \\u escape in string."),
        (b'{"a": "\\ud800"}', "JSON Parse error: The surrogate pair in string is invalid."),
        (b'{"a": 1e400}', "JSON Parse error: Number too big to be stored in double."),
        (b'{"a": -1e00400}', "JSON Parse error: Number too big to be stored in double."),
        (b'{"a": ' + b"9" * 400 + b"}", "JSON Parse error: Number too big to be stored in double."),
        (b'{"a": ' + b"9" * 9000 + b"}", "JSON Parse error: Number too big"),
        (b"[1, 2]", "JSON Value: [1, 2] Is not object"),
        (b"NaN", "JSON Value: NaN Is not object"),
        (b"5", "JSON Value: 5 Is not object"),
    ],
)
def test_what_is_no_document_is_refused(body, message):
    code, text = refusal(parse_object, body)
    assert code == "INVALID_ARGUMENT"
    assert message in text


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'[{"a":[', b"[NaN,"])
@pytest.mark.parametrize("depth", [1_100, 5_000, 100_000])
def test_deep_nesting_is_refused(opening, depth):
    assert "JSON Parse error: " in refusal(parse_object, opening * depth)[1]


@pytest.mark.parametrize("depth", [1_100, 3_000, 100_000])
@pytest.mark.parametrize("inner", [b"1", b"NaN", b'"\\u00e4"'])
def test_deep_documents_are_refused(depth, inner):
    body = b'{"a": ' + b"[" * depth + inner + b"]" * depth + b"}"
    assert "nested too deeply" in refusal(parse_object, body)[1]


@pytest.mark.parametrize("inner", [b"1", b"NaN", b'"\\u00e4"'])
def test_documents_may_be_fairly_deep(inner):
    body = b'{"a": ' + b"[" * 500 + inner + b"]" * 500 + b"}"
    assert quoted(parse_object(body)).startswith('{\n    "a": [[')


def test_a_wide_document_is_not_deep():
    body = b'{"a": [' + b"[1]," * 5_000 + b"[NaN]]}"
    assert len(parse_object(body)["a"]) == 5_001


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(body):
    with contextlib.suppress(ServingError):  # and no other error
        assert isinstance(parse_object(body), dict)


def test_a_quoted_object_stands_on_several_lines_and_its_arrays_on_one():
    text = quoted({"a": [1, 2.0, "x"], "b": {"c": None}, "d": {}, "e": True})
    assert text == (
        '{\n    "a": [1, 2.0, "x"],\n    "b": {\n        "c": null\n    },\n    "d": {},\n'
        '    "e": true\n}'
    )
    assert json.loads(text) == {"a": [1, 2.0, "x"], "b": {"c": None}, "d": {}, "e": True}


@pytest.mark.parametrize("value", [["x" * 10_000], {"x" * 10_000: 1}, [1] * 10_000, "x" * 10_000])
def test_quotes_are_short(value):
    assert len(quoted(value)) < MAX_QUOTED + 20


def test_a_deep_value_is_quoted():
    value: list[Any] = []
    for _ in range(1_000):
        value = [value]
    assert quoted(value) == "[" * MAX_QUOTED


def test_types_have_rapidjsons_names():
    values: list[Any] = [None, True, False, {}, [], "", 1, 1.5]
    expected = ["Null", "True", "False", "Object", "Array", "String", "Number", "Number"]
    assert [type_name(value) for value in values] == expected
