"""What the language of rules takes, and how it refuses the rest."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.data_quality_validator.errors import ExpressionError
from components.data_quality_validator.expressions import MAX_CHARACTERS, parse


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("trip_seconds > 0 or trip_miles == 0", ("trip_seconds", "trip_miles")),
        ("0 <= fare - tips < 500", ("fare", "tips")),
        ("  x > -1.5e3 and not missing(x)", ("x",)),
        ('s in ("a", "b") or s not in ["c", -1]', ("s",)),
        ('column("pickup area") % 2 == 0', ("pickup area",)),
        ("größe\n> 0", ("größe",)),
        ("missing(a + b) or b * c / d != 0", ("a", "b", "c", "d")),
        ("missing > 0 and column == 1", ("missing", "column")),
        (r's == "\d"', ("s",)),
    ],
)
def test_expressions_name_their_columns(text: str, columns: tuple[str, ...]) -> None:
    assert parse(text).columns == columns


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("", 1, "expected columns"),
        ("x >", 4, "expected columns"),
        ("x > 0) or (x < 0", 6, "unmatched"),
        ("x + 1", 1, "expected a condition"),
        ("x", 1, "expected a condition"),
        ("1 > 0", 1, "names none"),
        ("x > 0 and 1 < 2", 11, "names none"),
        ("missing(1)", 0, "names none"),
        ("x > (y > 1)", 6, "received a condition"),
        ("x is 1", 1, "expected =="),
        ("x == True", 6, "received True"),
        ("x == None", 6, "received None"),
        ("x == b'a'", 6, "received b'a'"),
        ("x == 1j", 6, "received 1j"),
        ("x == 9223372036854775808", 6, "64 bits"),
        ("x == 1e999", 6, "64 bits"),
        ('s == "\\ud800"', 6, "UTF-8"),
        ("x in y", 6, "list of literals"),
        ("x in ()", 6, "list of literals"),
        ("x in (1, y)", 6, "list of literals"),
        ("0 < x in (1, 2)", 1, "stand alone"),
        ("x ** 2 > 0", 1, "received BinOp"),
        ("x // 2 > 0", 1, "received BinOp"),
        ("+x > 0", 1, "received UnaryOp"),
        ("missing(x, y)", 1, "one argument"),
        ("missing(*x)", 1, "one argument"),
        ("missing(of=x)", 1, "one argument"),
        ("column(x) > 0", 8, "in quotes"),
        ("abs(x) > 0", 1, "received a call"),
        ("__import__('os').system('id') == 0", 1, "received a call"),
        ("x.__class__ == 1", 1, "received an attribute"),
        ("x[0] == 1", 1, "received Subscript"),
        ("(lambda: x)() == 1", 1, "received a call"),
        ("[x for x in y] == 1", 1, "received ListComp"),
        ("(x := 1) == 1", 2, "received NamedExpr"),
        ("f'{x}' == 'a'", 1, "received JoinedStr"),
        ("x if y else z", 1, "received IfExp"),
        ("y > 0 and größe.real > 0", 11, "received an attribute"),
        ("'ß' == größe.real", 8, "received an attribute"),
        ("x > 0 \x00", 0, "null"),
        ("(" * 400 + "x" + ")" * 400, 0, ""),
        ("not " * 200 + "x > 0", 0, "levels"),
        ("-" * 900 + "x > 0", 0, ""),
        ("x in (" + "-" * 900 + "1,)", 0, ""),
        ("x > " + "1 + " * 200 + "1", 0, "levels"),
        ("x > 0 or " * 200, 0, f"at most {MAX_CHARACTERS} characters"),
    ],
)
def test_all_else_is_refused_by_place(text: str, place: int, words: str) -> None:
    with pytest.raises(ExpressionError) as refusal:
        parse(text)
    assert words in str(refusal.value)
    if place:
        assert refusal.value.place == place


@settings(deadline=None)
@given(st.text(alphabet="xys01.+-*/%<>=!() \"'[],:nandortimsg_λ{}\\#\n", max_size=60))
def test_any_text_is_an_expression_or_an_expression_error(text: str) -> None:
    with contextlib.suppress(ExpressionError):
        parse(text)
