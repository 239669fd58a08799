"""What is measured of the data, and what a dry run shows of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipelines.flights.config import CONFIG
from pipelines.runners.beam import facts
from pipelines.runners.beam.choosing import LARGE_BYTES, Sizes
from pipelines.runners.beam.profiles import BeamConfig


@pytest.fixture
def spans(tmp_path: Path) -> Path:
    """A folder of three weeks: of 10, 200 and 3000 bytes."""
    for span, size in ((1, 10), (2, 200), (3, 3000)):
        place = tmp_path / f"span-{span}"
        place.mkdir()
        (place / "flights.csv").write_bytes(b"x" * size)
    return tmp_path


@pytest.mark.parametrize(
    ("span_range", "size"), [("1", 3000), ("2", 3200), ("3", 3210), ("1:2", 210), ("9:9", None)]
)
def test_only_the_spans_that_are_read_count(spans: Path, span_range: str, size: int | None) -> None:
    config = dataclasses.replace(CONFIG, data_root=str(spans), span_range=span_range)
    assert facts.sizes(config) == Sizes(data_bytes=size)


def test_data_that_is_not_there_yet_has_no_size(tmp_path: Path) -> None:
    assert facts.sizes(CONFIG) == Sizes()
    assert facts.with_data(CONFIG, tmp_path / "none") == CONFIG
    assert facts.with_data(CONFIG, tmp_path).data_root == str(tmp_path)


def test_further_flags_of_the_configuration_come_last() -> None:
    config = dataclasses.replace(CONFIG, beam_args=("--direct_num_workers=3",))
    assert facts.choice(config).args[-1] == "--direct_num_workers=3"
    assert facts.args(config) == list(facts.choice(config).args)


def test_a_settled_configuration_keeps_its_choice(spans: Path) -> None:
    with (spans / "span-3" / "flights.csv").open("ab") as file:
        file.truncate(LARGE_BYTES)  # a hole, not bytes on the disk
    config = dataclasses.replace(CONFIG, data_root=str(spans))
    made = facts.choice(config)
    settled = facts.settled(config, made)
    assert facts.choice(dataclasses.replace(settled, data_root="")).args == made.args
    assert dataclasses.replace(settled, beam=BeamConfig()) == config


def test_a_dry_run_tells_and_makes_nothing(make_ringway: Callable[[], Any]) -> None:
    ringway = make_ringway()
    shown = ringway("run", "flights", "--dry-run", "--beam", "direct,processes=3")
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.splitlines()[0] == "Beam: 3 processes, as profile direct says"
    assert "  --direct_num_workers=3" in shown.stdout.splitlines()
    assert list(ringway.home.iterdir()) == []


def test_a_dry_run_without_what_the_engine_needs_is_refused(
    make_ringway: Callable[[], Any],
) -> None:
    shown = make_ringway()("run", "taxi", "--dry-run", "--beam", "dataflow,region=europe-west1")
    assert shown.returncode == 2
    assert "project is missing" in shown.stderr
