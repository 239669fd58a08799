"""What `ringway replay` refuses before anything is started."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


def test_help_has_examples(make_ringway: Callable[[], Any]) -> None:
    done = make_ringway()("replay", "--help")
    assert done.returncode == 0
    assert "ringway replay flights --from 2013-01 --to 2013-12" in done.stdout
    assert "Exit codes" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["taxi"], ["no replay of 'taxi'", "flights"]),
        (["flights", "--from", "2014-01"], ["--from", "2013", "2014-01"]),
        (["flights", "--from", "2013-06", "--to", "2013-05"], ["--to 2013-05", "later month"]),
    ],
)
def test_refuses_with_a_reason(
    make_ringway: Callable[[], Any], arguments: list[str], words: list[str]
) -> None:
    done = make_ringway()("replay", *arguments)
    assert done.returncode == 2, done.stderr
    assert [word for word in words if word not in done.stderr] == []
    assert "Traceback" not in done.stderr


def test_a_folder_that_holds_something_is_left_alone(
    make_ringway: Callable[[], Any], tmp_path: Path
) -> None:
    (tmp_path / "mine").write_text("mine")
    done = make_ringway()("replay", "flights", "--home", str(tmp_path))
    assert done.returncode == 2
    assert "expected an empty folder" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
