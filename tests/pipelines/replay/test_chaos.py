"""Loop and server killed twenty times during a replay, against the same replay undisturbed.

Both replays are real: the server, the loop, the pipeline's runs, the joins of labels. There is one
departure in twenty, and the network learns for one epoch.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from pipelines.lineage.store import open_store
from pipelines.replay import chaos, outcome
from pipelines.replay.chaos import FinalState
from pipelines.replay.outcome import Outcome
from pipelines.replay.place import NAME, Place, version_that_serves
from pipelines.workspace import REPOSITORY

_KILLS = 20
_DAYS = 20  # two weeks that are trained on, with the rollouts that follow
_TIMEOUT_SEC = 1500


class Replayed:
    """A replay that has run through."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.home = folder / "home"
        self.done = subprocess.run(
            [
                *(sys.executable, "-m", "pipelines.cli.main", "replay", "flights"),
                *("--to", "2013-02", "--days", str(_DAYS), "--thin", "20", "--every", "1"),
                *("--epochs", "1", "--trials", "1", "--check", "performance", "--seed", "1"),
                *("--no-bad-push", "--no-comparison", "--home", str(self.home), *arguments),
            ],
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_SEC,
            check=False,
        )

    @property
    def said(self) -> str:
        """What it said, for whoever looks for the reason of a failure."""
        return f"{self.done.stdout}\n{self.done.stderr}"

    @property
    def written(self) -> Any:
        """Its result."""
        return json.loads((self.home / "result" / "replay.json").read_text())

    def outcome(self) -> Outcome:
        """What ML Metadata holds of it."""
        store = open_store(Place(home=self.home).workspace.metadata_url)
        weeks = {week["span"]: week["rows"] for week in self.written["weeks"]}
        return outcome.read(store, NAME, delivered=weeks)

    def final_state(self) -> FinalState:
        """What has to be the same."""
        return chaos.final_state(self.outcome(), version_that_serves(Place(home=self.home)))


@pytest.fixture(scope="module")
def replays(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Replayed, Replayed]]:
    """An undisturbed replay, and one with kills, side by side."""
    folders = [tmp_path_factory.mktemp(name) for name in ("calm", "chaos")]
    with ThreadPoolExecutor(2) as pool:
        calm = pool.submit(Replayed, folders[0])
        wild = pool.submit(Replayed, folders[1], "--kill", str(_KILLS))
        yield calm.result(), wild.result()


def test_both_run_through(replays: tuple[Replayed, Replayed]) -> None:
    calm, wild = replays
    assert calm.done.returncode == 0, calm.said
    assert wild.done.returncode == 0, wild.said
    assert calm.written["kills"] == {"watch": 0, "server": 0}
    assert wild.written["kills"] == {"watch": _KILLS // 2, "server": _KILLS // 2}


def test_nothing_is_done_twice_and_no_label_is_lost(replays: tuple[Replayed, Replayed]) -> None:
    for replay in replays:
        found = replay.outcome()
        assert chaos.faults(found) == (), replay.said
        assert found.labels.windows == 3
        assert found.labels.matched == found.labels.served > 0


def test_the_final_state_is_that_of_the_undisturbed_replay(
    replays: tuple[Replayed, Replayed],
) -> None:
    calm, wild = (replay.final_state() for replay in replays)
    assert wild == calm, replays[1].said
    assert len(calm.trainings) == 3  # the first one, and one for each week
    assert [outcome for _, _, outcome in calm.rollouts] == ["promoted", "promoted"]
    assert calm.serves == "v3"
    assert [kind for kind, _ in calm.alerts] == ["degraded", "degraded"]
