"""Data measured on demand: which rules, which spans, and examples made afresh."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from pipelines import quality
from pipelines.errors import DataError, UsageError
from pipelines.taxi.config import CONFIG

SCHEMA = 'feature { name: "id" type: INT }\nfeature { name: "s" type: BYTES }\n'
RULES = """
[[accuracy.condition]]
name = "no id is negative"
holds = "id >= 0"

[[consistency.duplicates]]
name = "ids are distinct"
key = ["id"]
"""


def config_of(folder: Path, **changes: Any) -> Any:
    (folder / "schema.pbtxt").write_text(SCHEMA)
    return dataclasses.replace(
        CONFIG,
        **{
            "data_root": str(folder),
            "schema_path": str(folder / "schema.pbtxt"),
            "quality_path": "",
            "input_pattern": "span-{SPAN}/*",
            **changes,
        },
    )


def spans(folder: Path, **ids: list[int]) -> None:
    for name, numbers in ids.items():
        path = folder / name.replace("_", "-") / "rows.csv"
        path.parent.mkdir(parents=True)
        path.write_text("id,s\n" + "".join(f"{number},x\n" for number in numbers))


def test_rules_are_chosen_configured_or_beside_the_schema(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    assert quality.rules_path(config, Path("mine.toml")) == Path("mine.toml")
    configured = dataclasses.replace(config, quality_path="other.toml")
    assert quality.rules_path(configured, None) == Path("other.toml")
    with pytest.raises(UsageError, match=r"expected rules in quality_path, or in .*quality\.toml"):
        quality.rules_path(config, None)
    (tmp_path / "quality.toml").write_text(RULES)
    assert quality.rules_path(config, None) == tmp_path / "quality.toml"


def test_a_span_can_be_asked_for_where_there_are_spans(tmp_path: Path) -> None:
    config = config_of(tmp_path, span_range="8")
    assert quality.span_range(config, None) == "8"
    assert quality.span_range(config, 12) == "12:12"
    days = dataclasses.replace(config, input_pattern="day-{YYYY}{MM}{DD}/*")
    assert quality.span_range(days, 15706) == "15706:15706"
    with pytest.raises(UsageError, match=r"--span 12: .* not cut into spans"):
        quality.span_range(dataclasses.replace(config, input_pattern="*"), 12)


def test_rules_that_cannot_be_used_are_wrong_usage(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text(RULES.replace("id >= 0", "s >= 0"))
    with pytest.raises(UsageError, match=r"bad\.toml: rule 'no id is negative'"):
        quality.read_rules(config_of(tmp_path), tmp_path / "bad.toml")


def test_just_the_spans_that_are_asked_for_are_measured(tmp_path: Path) -> None:
    spans(tmp_path, span_1=[-1, 5], span_2=[1, 2, 3], span_3=[3, 4])
    rules = tmp_path / "rules.toml"
    rules.write_text(RULES)
    config, notes, first_spans = config_of(tmp_path), list[str](), list[int | None]()

    def verdicts(span_range: str) -> tuple[int | None, int, list[str]]:
        report = quality.measure(
            config, rules, spans=span_range, work=tmp_path / "tmp", note=notes.append
        )
        first_spans.append(report.first_span)
        found = [str(one.verdict) for one in report.measurements]
        return report.span, sum(report.rows.values()), found

    assert verdicts("1:1") == (1, 2, ["BROKEN", "OK"])
    assert verdicts("2:2") == (2, 3, ["OK", "OK"])
    assert verdicts("2") == (3, 5, ["OK", "BROKEN"])
    assert verdicts("") == (3, 2, ["OK", "OK"])
    assert first_spans == [1, 2, 2, 3]
    assert list((tmp_path / "tmp").iterdir()) == []
    assert any("rows measured" in note for note in notes)
    with pytest.raises(DataError, match="span 7"):
        verdicts("7:7")
