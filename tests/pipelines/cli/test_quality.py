"""`ringway quality`: the table, JSON and exit codes, as a user meets them."""

from __future__ import annotations

import functools
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from quality_rows import report

from pipelines.cli.quality import show

CALL = "from pipelines.cli import main; main.VERBS.setdefault('quality', 'measure'); main.main()"
RULES = """
[[accuracy.condition]]
name = "fares are paid"
holds = "x > 0"
severity = "warning"

[[accuracy.condition]]
name = "trips take time"
holds = "n > 0"
max_share = 0.25

[[completeness.presence]]
name = "the company is known"
column = "s"
min_share = 0.5

[[timeliness.gap]]
name = "no gaps"
column = "time"
max_gap = "1h"
optional = true
"""
ROWS = [(0.0, 0, b"x"), (5.5, 60, b"y"), (6.0, 60, None), (7.0, 0, b"z")]


def ringway(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", CALL, "quality", *arguments],
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
        env={**os.environ, "RINGWAY_HOME": str(home), "NO_COLOR": "1"},
    )


def test_the_table_has_a_line_for_each_rule_and_a_sentence_for_each_fault() -> None:
    rows = [{"x": x, "n": n, "s": s} for x, n, s in ROWS]
    rows[2]["x"] = None
    stream = io.StringIO()
    show("taxi", report(RULES, span=12, train=rows[:3], eval=rows[3:]), stream)
    lines = [line.rstrip() for line in stream.getvalue().splitlines()]
    assert lines[0] == "taxi, span 12: 4 rows (train 3, eval 1)"
    assert [" ".join(line.split()) for line in lines[1:6]] == [
        "side rule measured bound left out verdict",
        "accuracy fares are paid 33.33 % ≤ 0 % 1 BROKEN (warning)",
        "accuracy trips take time 50 % ≤ 25 % 0 BROKEN",
        "completeness the company is known 75 % ≥ 50 % 0 OK",
        "timeliness no gaps - - 4 NOT_MEASURED (optional)",
    ]
    assert lines[6:] == [
        "fares are paid: 1 of 3 rows (33.33 %) break 'x > 0'; none may, "
        "1 left out for missing values. For example train row 0: x = 0.0.",
        "trips take time: 2 of 4 rows (50 %) break 'n > 0'; at most 25 % may. "
        "For example train row 0: n = 0; eval row 0: n = 0.",
        "no gaps: not measured: column 'time': expected at least two times, received 0.",
        "ALARM  (rules: rules.toml)",
    ]


@pytest.mark.parametrize(
    ("first_span", "span", "told"),
    [
        (None, None, "flights: 1 rows"),
        (None, 0, "flights, span 0: 1 rows"),
        (46, 53, "flights, spans 46 to 53: 1 rows"),
        (0, 1, "flights, spans 0 to 1: 1 rows"),
    ],
)
def test_the_spans_are_named(first_span: int | None, span: int | None, told: str) -> None:
    stream = io.StringIO()
    found = report(RULES, span=span, first_span=first_span, train=[{"x": 1.0, "n": 1}])
    show("flights", found, stream)
    assert stream.getvalue().startswith(told)
    assert (found.document()["first_span"], found.document()["span"]) == (
        span if first_span is None else first_span,
        span,
    )


def test_broken_rules_are_told_in_json_and_by_the_exit_code(tmp_path: Path) -> None:
    for span, rows in {12: "0.0,0,x\n5.5,60,y\n6.0,60,\n7.0,0,z\n", 13: "1.0,1,x\n"}.items():
        (tmp_path / f"span-{span}").mkdir()
        (tmp_path / f"span-{span}" / "rows.csv").write_text("fare,trip_seconds,company\n" + rows)
    columns = {'"x': '"fare', '"n >': '"trip_seconds >', '"s"': '"company"'}
    rules = functools.reduce(lambda text, pair: text.replace(*pair), columns.items(), RULES)
    (tmp_path / "rules.toml").write_text(rules.replace('"time"', '"trip_start_timestamp"'))
    settings = [f"data_root={tmp_path}", "input_pattern=span-{SPAN}/*"]
    done = ringway(
        tmp_path / "home",
        *("taxi", "--span", "12", "--rules", str(tmp_path / "rules.toml"), "--format", "json"),
        *(part for setting in settings for part in ("--set", setting)),
    )
    assert done.returncode == 3, done.stderr
    assert done.stderr == ""  # no terminal, no progress
    found = json.loads(done.stdout)
    assert (found["pipeline"], found["exit_code"], found["span"]) == ("taxi", 3, 12)
    assert [one["measured"] for one in found["measurements"]] == [0.25, 0.5, 0.75, None]
    assert found["status"] == "ALARM"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["nothing"], 2, "there is no pipeline 'nothing'"),
        (["taxi", "--span", "3"], 2, "not cut into spans"),
        (["taxi", "--rules", "missing.toml"], 2, "missing.toml cannot be read"),
        (["--help"], 0, "Exit codes: 0 the data keeps all rules"),
    ],
)
def test_wrong_usage_and_help_answer_without_tensorflow(
    tmp_path: Path, arguments: list[str], code: int, words: str
) -> None:
    done = ringway(tmp_path, *arguments)
    assert done.returncode == code
    assert words in done.stdout + done.stderr
    assert list(tmp_path.iterdir()) == []  # nothing was begun
