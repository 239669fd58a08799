"""A loop on a real store that is killed again and again ends as one that nobody disturbed."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from pipelines.continuous import ledger
from pipelines.lineage.store import open_store

REPOSITORY = Path(__file__).resolve().parents[3]
SPANS, KILLS = 8, 12


def start(folder: Path) -> subprocess.Popen[str]:
    loop = subprocess.Popen(
        [sys.executable, "-m", "tests.support.continuous_loop", str(folder), str(SPANS)],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert loop.stdout is not None
    assert loop.stdout.readline() == "ready\n"
    return loop


def final(folder: Path) -> dict[str, Any]:
    """Returns what the loop left, without names and what was interrupted."""
    store = open_store(f"sqlite:///{folder / 'metadata.sqlite'}")
    recorded = ledger.read(store, "flights", owner="us", is_running=False)
    ended = [run for run in recorded.runs if run.state != "INTERRUPTED"]
    alerts = [json.loads(line) for line in (folder / "alerts.jsonl").read_text().splitlines()]
    assert Counter(one["id"] for one in alerts).most_common(1)[0][1] == 1
    return {
        "decisions": [(one.decision_id, one.evidence, one.decided_sec) for one in recorded.claims],
        "runs": sorted((run.decision_id, run.state) for run in ended),
        "alerts": len(alerts),
    }


def test_kills_at_random_moments_change_nothing(tmp_path: Path) -> None:
    calm, wild = tmp_path / "calm", tmp_path / "wild"
    for folder in (calm, wild):
        folder.mkdir()
    undisturbed = start(calm)
    undisturbed.communicate(timeout=100)
    assert undisturbed.returncode == 0

    rng, killed = random.Random(0), 0
    for _ in range(KILLS):
        loop = start(wild)
        try:
            loop.communicate(timeout=rng.uniform(0.0, 0.12))
        except subprocess.TimeoutExpired:
            loop.kill()
            loop.communicate()
            killed += 1
    last = start(wild)
    last.communicate(timeout=100)
    assert last.returncode == 0

    assert killed > 0
    assert final(wild) == final(calm)
    assert len(final(calm)["decisions"]) == SPANS
    assert final(calm)["alerts"] == SPANS // 2
