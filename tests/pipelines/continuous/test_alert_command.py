import json
import os
import sys
import time
from pathlib import Path

import pytest

from pipelines.continuous.alert_command import AlertCommand
from pipelines.continuous.alerts import Alert, DeliveryError

ALERT = Alert(
    pipeline="flights", kind="drift", subject="drift::w1", text="$(id) `x` ü temp", raised_sec=0.0
)


def command(program: str, *arguments: str, timeout_sec: float = 30.0) -> AlertCommand:
    return AlertCommand(
        command=(sys.executable, "-c", program, *arguments),
        environment={"PATH": os.environ["PATH"]},
        timeout_sec=timeout_sec,
    )


def test_the_command_gets_the_alert(tmp_path: Path) -> None:
    program = (
        "import json, os, pathlib, sys\n"
        "document = json.load(sys.stdin)\n"
        "names = {k: v for k, v in os.environ.items() if k.startswith('RINGWAY_')}\n"
        "pathlib.Path(sys.argv[1]).write_text(json.dumps([document, names]))\n"
    )
    command(program, str(tmp_path / "got")).send(ALERT, now_sec=0)

    document, names = json.loads((tmp_path / "got").read_text())
    assert document == ALERT.document()
    assert names == {
        "RINGWAY_ALERT_ID": ALERT.id,
        "RINGWAY_ALERT_KIND": "drift",
        "RINGWAY_ALERT_TEXT": "$(id) `x` ü temp",
    }


def test_a_command_need_not_read() -> None:
    command("").send(ALERT, now_sec=0)


def test_failure_says_the_code_and_the_last_words() -> None:
    program = "import sys; print('first', file=sys.stderr); sys.exit('no route to pager')"
    with pytest.raises(DeliveryError, match="ended with 1: no route to pager"):
        command(program).send(ALERT, now_sec=0)


def test_a_long_story_is_cut() -> None:
    program = "import sys; sys.stderr.write('x' * 100_000); sys.exit(3)"
    with pytest.raises(DeliveryError, match="ended with 3: x") as caught:
        command(program).send(ALERT, now_sec=0)
    assert len(str(caught.value)) < 5_000


def test_a_missing_command_is_a_failure() -> None:
    with pytest.raises(DeliveryError, match="/no/such/program cannot be run: No such file"):
        AlertCommand(command=("/no/such/program",)).send(ALERT, now_sec=0)


def test_a_slow_command_is_killed_with_what_it_started(tmp_path: Path) -> None:
    program = (
        "import pathlib, subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "pathlib.Path(sys.argv[1]).write_text(str(child.pid))\n"
        "time.sleep(600)\n"
    )
    with pytest.raises(DeliveryError, match="took longer than 5 s and was killed"):
        command(program, str(tmp_path / "pid"), timeout_sec=5).send(ALERT, now_sec=0)
    child = Path("/proc") / (tmp_path / "pid").read_text()
    deadline = time.monotonic() + 10
    while child.exists() and "zombie" not in (child / "status").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.05)
