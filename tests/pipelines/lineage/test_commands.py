"""The verbs as their user meets them, on a store made by hand."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.fixture
def home(writer: Any, tmp_path: Path) -> Path:
    first = writer.taxi_run("taxi-20260102-ab12", tmp_path)
    writer.taxi_run(
        "taxi-20260103-cd34",
        tmp_path,
        span=2,
        epochs=9,
        hyperparameters=first["best_hyperparameters"],
        baseline=first["model"],
    )
    return tmp_path


def test_runs_are_listed_newest_first(home: Path, ringway: Callable[..., str]) -> None:
    head, *rows = ringway("runs", "taxi").splitlines()
    assert head.split()[0] == "RUN"
    assert [row.split()[0] for row in rows] == ["taxi-20260103-cd34", "taxi-20260102-ab12"]
    [only] = json.loads(ringway("runs", "--limit", "1", "--format", "json"))
    assert (only["run"], only["state"], only["counts"]) == (
        "taxi-20260103-cd34",
        "BLESSED",
        {"ran": 7},
    )


def test_lineage_answers_as_text_json_and_page(home: Path, ringway: Callable[..., str]) -> None:
    assert "training    2" in ringway("lineage", "taxi")
    document = json.loads(ringway("lineage", "taxi", "--model", "1767323001", "--format", "json"))
    assert [(d["purpose"], d["span"]) for d in document["data"]] == [
        ("training", 1),
        ("tuning", 1),
        ("evaluation", 1),
    ]
    output = home / "page.html"
    ringway("lineage", "taxi", "--format", "html", "--output", str(output))
    assert output.read_text().startswith("<!doctype html>")
    assert "Models that saw span 1" in ringway("lineage", "taxi", "--span", "1")


def test_a_range_of_spans_is_told_in_words(
    writer: Any, tmp_path: Path, ringway: Callable[..., str]
) -> None:
    writer.taxi_run("taxi-20260102-ab12", tmp_path, span=12, spans="5-12")
    assert "training    5 to 12" in ringway("lineage", "taxi")
    document = json.loads(ringway("lineage", "taxi", "--format", "json"))
    assert document["data"][0]["spans"] == [5, 6, 7, 8, 9, 10, 11, 12]
    assert document["data"][0]["span"] == 12
    assert "Models that saw span 7 of taxi" in ringway("lineage", "taxi", "--span", "7")
    assert "no span '13'" in ringway("lineage", "taxi", "--span", "13", code=2)
    page = tmp_path / "page.html"
    ringway("lineage", "taxi", "--format", "html", "--output", str(page))
    text = page.read_text()
    assert "spans 5 to 12" in text
    assert "<td>5 to 12</td>" in text


def test_why_and_diff_answer(home: Path, ringway: Callable[..., str]) -> None:
    assert "custom_config.epochs: 5 → 9" in ringway("why", "taxi", "Trainer")
    text = ringway("diff", "taxi-20260102-ab12", "taxi-20260103-cd34")
    assert "Trainer.custom_config.epochs: 5 → 9  (+4)" in text


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["runs", "taxy"], "did you mean taxi?"),
        (["lineage", "taxi", "--model", "1767323091"], "did you mean 1767323001"),
        (["lineage", "taxi", "--span", "7"], "known: 1, 2"),
        (["lineage", "taxi", "--span", "1", "--model", "2"], "give one of them"),
        (["lineage", "taxi", "--version", "1"], "goes with --span"),
        (["why", "taxi", "Tranier"], "did you mean Trainer"),
        (["diff", "taxi-20260102-ab1", "taxi-20260103-cd34"], "did you mean taxi-20260102-ab12"),
    ],
)
def test_a_wrong_name_is_answered_with_the_right_one(
    home: Path, ringway: Callable[..., str], arguments: list[str], expected: str
) -> None:
    message = ringway(*arguments, code=2)
    assert expected in message
    assert "Traceback" not in message


def test_an_empty_workspace_says_how_to_begin(ringway: Callable[..., str]) -> None:
    message = ringway("runs", code=1)
    assert "no metadata store" in message
    assert "ringway run taxi" in message


@pytest.mark.parametrize("verb", ["runs", "lineage", "diff", "why"])
def test_help_shows_examples(ringway: Callable[..., str], verb: str) -> None:
    assert f"  ringway {verb} " in ringway(verb, "--help").split("Examples:")[1]


def test_a_reader_that_stops_early_causes_no_traceback(home: Path) -> None:
    command = f"{sys.executable} -m pipelines.cli.main lineage taxi --format json | head -n 1"
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=REPOSITORY,
        env={**os.environ, "RINGWAY_HOME": str(home)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("{\n", "")
