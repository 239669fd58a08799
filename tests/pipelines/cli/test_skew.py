"""What `ringway skew` says without running anything: wrong usage, and nothing to compare."""

import json
from pathlib import Path

import log_gen_records as logs
import pytest


@pytest.fixture(scope="module")
def ringway(make_ringway):
    return make_ringway()


def test_help_has_examples_and_exit_codes(ringway):
    done = ringway("skew", "--help")
    assert done.returncode == 0
    assert "ringway skew taxi --against previous" in done.stdout
    assert "3 alarm,\n  5 could not be compared" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["taxy"], ["taxy", "taxi"]),
        (["taxi", "--log", "/nowhere/at/all"], ["/nowhere/at/all"]),
        (["taxi", "--from", "yesterday"], ["yesterday", "2026-11-21T16:00:00Z"]),
        (["taxi", "--window", "1w"], ["1w", "1h"]),
        (["taxi", "--span", "4", "--to", "9"], ["--span", "--to"]),
        (["taxi", "--spans", "1:2"], ["--against-spans"]),
        (["taxi", "--spans", "2:1", "--against-spans", "3"], ["--spans", "2:1"]),
        (["taxi", "--spans", "1", "--against-spans", "3", "--window", "1h"], ["traffic"]),
        (["taxi", "--set", "skew.power=2"], ["power"]),
        (["taxi", "--spans", "1", "--against-spans", "2"], ["spans", "input_pattern"]),
    ],
)
def test_refuses_wrong_usage_with_a_reason(ringway, arguments, words):
    done = ringway("skew", *arguments)
    assert done.returncode == 2, done.stdout + done.stderr
    for word in words:
        assert word in done.stderr
    assert "Traceback" not in done.stderr


def test_without_a_log_nothing_is_compared(ringway):
    done = ringway("skew", "taxi")
    assert done.returncode == 5, done.stdout + done.stderr
    assert done.stdout.startswith("NOT_COMPARED  taxi")
    assert "holds no record of taxi; serve it with: ringway serve taxi" in done.stdout


def taxi_log(folder: Path) -> Path:
    pair = logs.serialized([logs.example(fare=5.0)] * 3, [0.1] * 3)
    logs.write_log(folder, [logs.record("predict", pair, "id")])
    return folder


def test_where_no_model_was_pushed_nothing_is_compared(ringway, tmp_path):
    page = tmp_path / "skew.html"
    folder = taxi_log(tmp_path / "log")
    done = ringway("skew", "taxi", "--log", str(folder), "--report", str(page), "--format", "json")
    assert done.returncode == 5, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert found["exit_code"] == 5
    assert found["status"] == "NOT_COMPARED"
    assert "no model was pushed" in found["cause"]
    assert "no model was pushed" in page.read_text(encoding="utf-8")


def test_a_window_in_which_nothing_was_served_is_not_compared(ringway, tmp_path):
    folder = taxi_log(tmp_path / "log")
    done = ringway("skew", "taxi", "--log", str(folder), "--span", str(logs.SPAN - 9))
    assert done.returncode == 5, done.stdout + done.stderr
    assert "nothing was served from 2026-11-21T08:00:00Z to 2026-11-21T09:00:00Z" in done.stdout


def test_files_that_are_not_finished_are_named(ringway, tmp_path):
    name = ".taxi-20261121T170140Z-host-4711-000000.tfrecord.tmp"
    (tmp_path / name).write_bytes(b"")
    done = ringway("skew", "taxi", "--log", str(tmp_path))
    assert done.returncode == 5, done.stdout + done.stderr
    assert f"still being written: {name}" in done.stdout
    assert "--wait" in done.stdout
