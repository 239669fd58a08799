"""Who conducts rollouts, is killed at any write and started again, ends as if undisturbed."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import rollout_story as story

from pipelines.lineage.store import open_store

SUPPORT = Path(story.__file__).parent
REPOSITORY = SUPPORT.parents[1]
KILLS = 8
EXPECTED = {
    "events": [
        ("flights-2", 0, "opened", 0.0),
        ("flights-2", 1, "raised", 0.05),
        ("flights-2", 2, "raised", 1.0),
        ("flights-2", 3, "promoted", 1.0),
        ("flights-3", 0, "opened", 0.0),
        ("flights-3", 1, "raised", 0.05),
        ("flights-3", 2, "rolled_back", 0.0),
        ("flights-4", 1, "superseded", 0.0),
        ("flights-5", 0, "opened", 0.0),
        ("flights-5", 1, "switched", 1.0),
        ("flights-5", 2, "promoted", 1.0),
    ],
    "serves": 5,
    "running": False,
}


class Killed(BaseException):
    """Ends whatever is under way, as a signal would."""


def tell(folder: Path, monkeypatch: pytest.MonkeyPatch, kill: Any = None) -> int:
    """Tells the story, killed at one moment; returns how many writes it took."""
    folder.mkdir(exist_ok=True)

    def told(count: int, when: str) -> None:
        if (count, when) == kill:
            raise Killed

    with monkeypatch.context() as patches:
        writes = story.Writes(told)
        writes.set_in(patches.setattr)
        story.tell(folder, open_store(f"sqlite:///{folder / 'metadata.sqlite'}"))
    return writes.count


def left(folder: Path) -> dict[str, Any]:
    return story.left(folder, open_store(f"sqlite:///{folder / 'metadata.sqlite'}"))


def test_the_story_undisturbed_and_killed_after_each_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes = tell(tmp_path / "calm", monkeypatch)
    assert left(tmp_path / "calm") == EXPECTED
    assert writes >= 20
    for count in range(1, writes + 1):
        # Before a write is after the one before.
        folder = tmp_path / f"after-{count}"
        with pytest.raises(Killed):
            tell(folder, monkeypatch, (count, "after"))
        tell(folder, monkeypatch)
        assert left(folder) == EXPECTED, count


def test_killed_for_good_at_random_writes(tmp_path: Path) -> None:
    rng, killed = random.Random(5), 0
    while True:
        at, when = rng.randint(1, 4), rng.choice(["before", "after"])
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "rollout_story",
                str(tmp_path),
                str(at if killed < KILLS else 0),
                when,
            ],
            cwd=REPOSITORY,
            env={"PYTHONPATH": f"{SUPPORT}:{REPOSITORY}", "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        if done.returncode == 0:
            break
        assert done.returncode == -9, done.stderr
        killed += 1
    assert killed >= 5
    assert left(tmp_path) == EXPECTED
