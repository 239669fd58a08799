"""The settings that a replay gives to every command."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines import config
from pipelines.replay import settings
from pipelines.replay.days import BEGINS_SEC
from pipelines.replay.settings import Size


@pytest.mark.parametrize(
    "size", [Size(), Size(thin=20, epochs=1, trials=1, new_spans=1, checks=("performance",))]
)
def test_the_pipeline_takes_them(tmp_path: Path, size: Size) -> None:
    path = tmp_path / "replay.toml"
    path.write_text(settings.to_toml(settings.settings(tmp_path / "weeks", size, seed=3)))
    found = config.load(config.named("flights"), path)
    assert found.data_root == str(tmp_path / "weeks")
    assert found.seed == 3
    assert found.watch.window_anchor_sec == BEGINS_SEC
    assert found.watch.checks == size.checks
    assert found.triggers.new_spans == size.new_spans
    assert found.epochs == (size.epochs or 4)


def test_labels_are_there_when_live_performance_is_judged() -> None:
    found = settings.settings(Path("weeks"), Size(), seed=0)
    # Delivered at noon of the next day, so 36 hours after the first request of a day.
    waits = found["feedback"]["max_delay_sec"] + found["watch"]["settle_sec"]
    assert found["feedback"]["max_delay_sec"] > 36 * 3600
    assert waits == 48 * 3600


def test_at_most_every_other_week_is_trained() -> None:
    found = settings.settings(Path("weeks"), Size(), seed=0)
    assert found["triggers"]["cool_down_sec"] >= 13 * 86_400
