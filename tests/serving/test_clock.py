"""The time that several processes agree on."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from serving import clock


def test_the_systems_clock_is_the_default() -> None:
    assert clock.from_environment({}) is time.time


def test_a_file_tells_the_time_until_it_is_replaced(tmp_path: Path) -> None:
    file = tmp_path / "clock"
    clock.set_to(file, 1_357_000_000.25)
    now = clock.from_environment({clock.VARIABLE: str(file)})

    assert now() == 1_357_000_000.25
    clock.set_to(file, 1_357_003_600)
    assert now() == 1_357_003_600.0
    assert [path.name for path in tmp_path.iterdir()] == ["clock"]


def test_a_file_that_holds_no_time_is_refused_at_the_start(tmp_path: Path) -> None:
    file = tmp_path / "clock"
    file.write_text("soon")

    with pytest.raises(ValueError, match="expected seconds since 1970, received 'soon'"):
        clock.from_environment({clock.VARIABLE: str(file)})
    with pytest.raises(FileNotFoundError):
        clock.from_environment({clock.VARIABLE: str(tmp_path / "none")})
