"""Files of rules: what is taken, and that nothing is taken silently."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
from google.protobuf import text_format
from quality_rows import KINDS
from tensorflow_metadata.proto.v0 import schema_pb2

from components.data_quality_validator import rules, rules_file
from components.data_quality_validator.columns import Kind, Rows, in_memory
from components.data_quality_validator.errors import RulesError
from components.data_quality_validator.schema_columns import kinds_of
from components.data_quality_validator.timeliness import GapMeasure

SCHEMAS = Path(__file__).parents[3] / "schemas"
AGE = """[[timeliness.age]]
name = "recent"
column = "time"
max_age = "7d"
relative_to = "span"
"""

WHOLE = """
[[accuracy.range]]
name = "n is small"
column = "n"
max = 3

[[accuracy.condition]]
name = "n or m"
holds = "n > 0 or m == 0"
max_share = 0.5
severity = "warning"
optional = true

[[timeliness.age]]
name = "recent"
column = "time"
max_age = "90m"
relative_to = "span"
first_span = 2013-01-01T05:00:00Z
span_length = "7d"
"""


def test_a_file_becomes_rules_in_its_order() -> None:
    small, either, recent = rules_file.parse(WHOLE, "rules.toml", KINDS)
    assert small == rules.Range(name="n is small", column="n", max=3.0)
    assert isinstance(either, rules.Condition)
    assert (either.holds.text, either.max_share) == ("n > 0 or m == 0", 0.5)
    assert (either.severity, either.optional) == ("warning", True)
    assert recent == rules.Age(
        name="recent",
        column="time",
        max_age=5400.0,
        relative_to="span",
        first_span=datetime.datetime(2013, 1, 1, 5, tzinfo=datetime.UTC),
        span_length=604800.0,
    )


def test_a_rule_names_its_columns() -> None:
    found = rules_file.parse(WHOLE, "rules.toml")
    assert [rules.columns_of(rule) for rule in found] == [("n",), ("n", "m"), ("time",)]
    presence = rules.Presence(name="p", column="x", by="s", min_share=1.0)
    dependency = rules.Dependency(name="d", key=("s", "t"), column="x")
    assert rules.columns_of(presence) == ("s", "x")
    assert rules.columns_of(dependency) == ("s", "t", "x")
    assert rules.columns_of(rules.Duplicates(name="d")) == ()


def range_with(line: str) -> str:
    return f'[[accuracy.range]]\nname = "a"\ncolumn = "n"\n{line}\n'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["expected at least one rule"]),
        ("[[accuracy", ["not valid TOML"]),
        ("[[acuracy.range]]", ["acuracy: unknown key", "did you mean 'accuracy'"]),
        ("accuracy = 3", ["accuracy: expected tables such as [[accuracy.range]], received 3"]),
        ("[[accuracy.ranges]]", ["accuracy.ranges: unknown key", "did you mean 'range'"]),
        ("[accuracy.range]", ["accuracy.range: expected a list of tables", "received {}"]),
        ("[accuracy]\nrange = [1]", ["accuracy.range[1]: expected a table, received 1"]),
        ("[[accuracy.range]]", ["expected the key 'name' too, received none"]),
        ('[[accuracy.range]]\nname = "a"', ["expected the key 'column' too, received name"]),
        (range_with(""), ["accuracy.range[1].min: expected at least one of min and max"]),
        (range_with("min = 3\nmax = 2"), ["min: expected at most max, 2, received 3"]),
        (range_with("min = nan"), ["accuracy.range[1].min: expected a number, received nan"]),
        (range_with("max = inf"), ["expected a number, received inf"]),
        (range_with(f"max = {10**400}"), ["expected a number, received 1000"]),
        (range_with('max = "3"'), ["expected a number, received '3'"]),
        (range_with("max = true"), ["expected a number, received True"]),
        (range_with("max = 3\nmax_share = 1.5"), ["max_share: expected a share from 0 to 1"]),
        (range_with("max = 3\nmax_share = nan"), ["max_share: expected a share from 0 to 1"]),
        (range_with("max = 3\nmaxshare = 0.5"), ["unknown key", "did you mean 'max_share'"]),
        (range_with('max = 3\nseverity = "fatal"'), ["one of 'error', 'warning'", "'fatal'"]),
        (range_with("max = 3\nseverity = []"), ["one of 'error', 'warning'", "[]"]),
        (range_with("max = 3\noptional = 1"), ["expected true or false, received 1"]),
        ('[[accuracy.range]]\nname = " "\ncolumn = "n"\nmax = 1', ["at least one character"]),
        (range_with("max = 1") * 2, ["two rules are named 'a'"]),
        (
            '[[accuracy.condition]]\nname = "a"\nholds = "n >"',
            ["accuracy.condition[1].holds: character 4", "in 'n >'"],
        ),
        (
            '[[accuracy.condition]]\nname = "a"\nholds = "s > 1"',
            ["rule 'a', holds, character 1: compares a text with a number", "in 's > 1'"],
        ),
        (
            '[[consistency.duplicates]]\nname = "a"\nkey = "s"',
            ["key: expected a list of names, received 's'"],
        ),
        ('[[consistency.duplicates]]\nname = "a"\nkey = ["s", "s"]', ["each once"]),
        (
            '[[consistency.dependency]]\nname = "a"\nkey = []\ncolumn = "s"',
            ["key: expected at least one column"],
        ),
        ('[[consistency.leak]]\nname = "a"\nsplits = ["train"]', ["expected the names of two"]),
        (
            '[[consistency.balance]]\nname = "a"\nholds = "n > 0"\nmax_difference = 0.1\n'
            "false_alarm_rate = 0",
            ["a rate above 0"],
        ),
        (
            '[[completeness.presence]]\nname = "a"\ncolumn = "n"\nmin_share = 1\nmin_rows = 0',
            ["min_rows: expected a whole number of at least 1, received 0"],
        ),
        (
            '[[timeliness.gap]]\nname = "a"\ncolumn = "time"\nmax_gap = 12',
            ["max_gap: expected a duration such as '90m', '12h' or '7d', received 12"],
        ),
        ('[[timeliness.gap]]\nname = "a"\ncolumn = "time"\nmax_gap = "1w"', ["a duration"]),
        (range_with("max = " + "9" * 5000), ["not valid TOML", "4300"]),
        (range_with("max = 0x" + "f" * 5000), ["expected a number, received a number of thou"]),
        (range_with("max_share = [0x" + "f" * 5000 + "]"), ["a number of thousands of digits"]),
        (range_with("max = 1\nmin_rows = 0x" + "f" * 5000), ["min_rows: expected a whole number"]),
        (
            '[[accuracy.condition]]\nname = "a"\nholds = "n > ' + "9" * 900 + '"',
            ["expected a number that 64 bits can hold"],
        ),
        (
            '[[accuracy.range]]\nname = "a"\ncolumn = "tim"\nmax = 1',
            ["rule 'a': expected a column", "received 'tim'; did you mean 'time'?"],
        ),
        (
            '[[accuracy.condition]]\nname = "a"\noptional = true\nholds = "s > 1 or gone > 1"',
            ["rule 'a': expected a column", "received 'gone'"],
        ),
        ('[[consistency.leak]]\nname = "a"\nkey = ["n", "ss"]', ["did you mean 's'?"]),
        (AGE.replace("age", "gap").replace("max_age", "max_gap"), ['"span" expects first_span']),
        (
            '[[timeliness.gap]]\nname = "a"\ncolumn = "time"\nmax_gap = "1h"\nspan_length = "1d"',
            ['span_length: expected only with relative_to = "span"'],
        ),
        (AGE, ['relative_to: "span" expects first_span and span_length too']),
        (AGE + "first_span = 2013-01-01", ["a time with its zone"]),
        (AGE.replace('"span"', '"now"') + 'span_length = "7d"', ["span_length: expected only"]),
    ],
)
def test_what_makes_no_sense_is_refused(text: str, words: list[str]) -> None:
    with pytest.raises(RulesError) as refusal:
        rules_file.parse(text, "rules.toml", KINDS)
    message = str(refusal.value)
    assert message.startswith("rules.toml")
    assert [word for word in words if word not in message] == []
    assert len(message) < 500


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(RulesError, match=r"none\.toml cannot be read: No such file"):
        rules_file.read(tmp_path / "none.toml")
    (tmp_path / "latin.toml").write_bytes(b'name = "\xe9"')
    with pytest.raises(RulesError, match=r"latin\.toml: expected UTF-8"):
        rules_file.read(tmp_path / "latin.toml")


@pytest.mark.parametrize("name", ["taxi", "flights"])
def test_the_rules_that_ship_name_columns_of_their_schema(name: str) -> None:
    text = (SCHEMAS / name / "schema.pbtxt").read_text()
    kinds = kinds_of(text_format.Parse(text, schema_pb2.Schema()))
    found = rules_file.read(SCHEMAS / name / "quality.toml", kinds)
    assert {column for rule in found for column in rules.columns_of(rule)} <= set(kinds)


def test_a_week_of_flights_with_its_last_day_alone_has_a_gap() -> None:
    found = rules_file.read(SCHEMAS / "flights" / "quality.toml")
    (rule,) = (rule for rule in found if isinstance(rule, rules.Gap))
    start = datetime.datetime(2013, 3, 19, 5, tzinfo=datetime.UTC).timestamp()

    def gap(days: range) -> float:
        measure = GapMeasure(rule, span=12, first_span=12)
        hours = [hour for day in days for hour in range(24 * day + 5, 24 * day + 24)]
        times = [{"scheduled_at": int(start) + 3600 * (hour - 24)} for hour in hours]
        columns = in_memory({"scheduled_at": Kind.INT}, times)
        measure.add(Rows("train", 0, [b""] * len(times), columns.__getitem__))
        return measure.result().measured / 3600

    # Span 12 goes from March 19 to 25; 6 hours of each day are without departures.
    assert gap(range(1, 8)) == 6
    assert gap(range(7, 8)) == 6 * 24 + 5
    assert gap(range(1, 2)) == 6 * 24 + 1
