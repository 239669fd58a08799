"""A story of four rollouts that goes on from wherever it was left, for those who are killed in it.

Version 2 is promoted, version 3 predicts otherwise and is rolled back, version 4 waits and is
overtaken by version 5, which switches at once.

As a program: arguments are the folder, after how many writes of rollouts it kills itself with
SIGKILL (0 for never), and whether before or after the last of them. Prints how many writes it made.
"""

from __future__ import annotations

import os
import signal
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ml_metadata.metadata_store.metadata_store import MetadataStore
from rollout_pushes import push
from rollout_server import ScriptedServer

from pipelines.continuous import unique_contexts
from pipelines.lineage.store import open_store
from pipelines.rollout import events, records
from pipelines.rollout.conduct import Conductor
from serving.rollout import order

NAME = "flights"
_LOOKS = 60  # undisturbed it takes 20


class Writes:
    """Counts what conductors write, and tells somebody before and after each."""

    def __init__(self, told: Callable[[int, str], None]) -> None:
        self.count = 0
        self._told = told

    def wrapped(self, write: Callable[..., Any]) -> Callable[..., Any]:
        """Returns a function that writes and counts."""

        def counted(*given: Any, **named: Any) -> Any:
            self.count += 1
            self._told(self.count, "before")
            done = write(*given, **named)
            self._told(self.count, "after")
            return done

        return counted

    def set_in(self, replace: Callable[[Any, str, Any], None]) -> None:
        """Puts itself between conductors and what they write to."""
        replace(unique_contexts, "create", self.wrapped(unique_contexts.create))
        replace(order, "write", self.wrapped(order.write))


def tell(folder: Path, store: MetadataStore) -> None:
    """Goes on with the story until its end."""
    rollouts, clock_file = folder / "rollouts", folder / "clock"
    rollouts.mkdir(parents=True, exist_ok=True)

    def clock() -> float:
        return float(clock_file.read_text()) if clock_file.exists() else 1_362_400_000.0

    server = ScriptedServer(rollouts, clock)
    for _ in range(_LOOKS):
        bad = (placed := order.read(rollouts)) is not None and 3 in placed.versions
        server.serve(150, candidate_predicts=0.9 if bad else 0.3)
        done = Conductor(store, NAME, rollouts, clock=clock, token=lambda: uuid.uuid4().hex).tick()
        clock_file.write_text(repr(clock() + 60))
        if not done.running and not _go_on(store):
            return
    raise AssertionError(f"the story has no end: {done}")


def _go_on(store: MetadataStore) -> bool:
    """Pushes what comes next; returns whether there was anything."""
    known = {artifact.uri for artifact in store.get_artifacts_by_type("PushedModel")}
    for versions in ((2,), (3,), (4, 5)):
        missing = [v for v in versions if f"/pushed/{v}" not in known]
        for version in missing:
            blue: dict[str, Any] = {"strategy": "blue_green", "steps": ()} if version == 5 else {}
            push(store, version, guards=("prediction_drift",) if version < 4 else (), **blue)
        if missing:
            return True
    return False


def left(folder: Path, store: MetadataStore) -> dict[str, Any]:
    """Returns what the story left, without times."""
    recorded = records.read(store, NAME)
    placed = order.read(folder / "rollouts")
    return {
        "events": [(e.rollout_id, e.number, e.kind, e.share) for e in events.of(recorded)],
        "serves": placed.serves if placed else None,
        "running": recorded.running is not None,
    }


def main(folder: str, kill_at: str, moment: str) -> None:
    """Tells the story as a program."""

    def kill(count: int, when: str) -> None:
        if (count, when) == (int(kill_at), moment):
            os.kill(os.getpid(), signal.SIGKILL)

    writes = Writes(kill)
    writes.set_in(setattr)
    tell(Path(folder), open_store(f"sqlite:///{Path(folder) / 'metadata.sqlite'}"))
    print(writes.count)


if __name__ == "__main__":
    main(*sys.argv[1:])
