"""`ringway feedback`, as a user meets it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

LABELS = "flight_id,arr_delay\nF1,12\nF2,-3\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "delays.csv"
    path.write_text(LABELS)
    return path


def test_help_has_examples(make_ringway) -> None:
    done = make_ringway()("feedback", "--help")
    assert done.returncode == 0
    assert "ringway feedback flights --status" in done.stdout


def test_labels_are_taken_in_and_counted(make_ringway, file: Path) -> None:
    ringway = make_ringway()
    folder = ringway.home / "feedback" / "flights"
    done = ringway("feedback", "flights", str(file), "--labelled-at", "2013-07-04T12:00:00Z")
    assert done.returncode == 0, done.stderr
    assert f"{file}: rows accepted: 2, refused: 0 → {folder}/labels-" in done.stdout
    [written] = folder.iterdir()
    assert written.read_text() == (
        "flight_id,arr_delay,labelled_at\nF1,12,1372939200.0\nF2,-3,1372939200.0\n"
    )
    done = ringway("feedback", "flights", "--status")
    assert done.stdout == (
        f"{folder}: 1 file, labels: 2, known from 2013-07-04T12:00:00Z to 2013-07-04T12:00:00Z\n"
    )
    done = ringway("feedback", "flights", "--status", "--format", "json")
    assert json.loads(done.stdout)["labels"] == 2


def test_refused_rows_are_told_and_the_others_taken(make_ringway, file: Path) -> None:
    ringway = make_ringway()
    file.write_text(LABELS + "F3,late\n")
    done = ringway("feedback", "flights", str(file), "--format", "json")
    assert done.returncode == 3, done.stderr
    [told] = json.loads(done.stdout)["files"]
    assert told["accepted"] == 2
    assert told["refused"][0]["line"] == 4
    assert Path(told["written"]).read_text() == LABELS
    done = ringway("feedback", "flights", str(file))
    assert "  line 4: arr_delay: b'late' is not how a finite number is written" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["feedback", "flights"], 2, "expected files of labels, or --status"),
        (["feedback", "flights", "FILE", "--status"], 2, "expected files of labels, or --status"),
        (["feedback", "flihgts", "FILE"], 2, "flights"),
        (["feedback", "taxi", "FILE"], 1, "there is no 'tips'"),
        (["feedback", "flights", "FILE", "missing.csv"], 1, "missing.csv"),
        (["feedback", "flights", "FILE", "--labelled-at", "soon"], 2, "soon"),
    ],
)
def test_what_is_wrong_is_told_and_nothing_taken(
    make_ringway, file: Path, arguments: list[str], code: int, words: str
) -> None:
    ringway = make_ringway()
    given = [str(file) if argument == "FILE" else argument for argument in arguments]
    done = ringway(*given)
    assert (done.returncode, "Traceback" in done.stderr) == (code, False), done.stderr
    assert words in done.stderr
    assert not (ringway.home / "feedback").exists()


def test_the_clock_of_a_simulation_says_when_labels_came(
    make_ringway, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "clock").write_text("1372939200.0")
    monkeypatch.setenv("RINGWAY_CLOCK", str(tmp_path / "clock"))
    ringway = make_ringway()
    assert ringway("feedback", "flights", str(file)).returncode == 0
    [written] = (ringway.home / "feedback" / "flights").iterdir()
    assert written.name.startswith("labels-20130704T120000Z-")


def test_it_imports_nothing_heavy(file: Path, tmp_path: Path) -> None:
    code = (
        "import sys\nfrom pipelines.cli import feedback\n"
        "heavy = {'tensorflow', 'tfx', 'apache_beam', 'pandas', 'numpy', 'pyarrow'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
