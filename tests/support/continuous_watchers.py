"""A watcher in a process of its own: waits for a file, decides, and tries to take the decision.

Arguments: the store's URL, the owner, the file to wait for, how often. Prints how many it took.
"""

from __future__ import annotations

import sys
import time
import uuid
from pathlib import Path

from pipelines.continuous import ledger
from pipelines.continuous.policy import TriggerPolicy
from pipelines.continuous.snapshot import Span
from pipelines.continuous.triggers import decide
from pipelines.lineage.store import open_store


def main(url: str, owner: str, start: str, rounds: str) -> None:
    """Takes what it can of `rounds` decisions, each on a span that came since."""
    store = open_store(url)
    print("ready", flush=True)
    while not Path(start).exists():
        time.sleep(0.01)
    # Another watcher's decision is waited for at most so long: here not at all.
    policy = TriggerPolicy(runs_per_day=1_000, cool_down_sec=0, claim_expires_sec=0, retries=0)
    taken = 0
    for number in range(int(rounds)):
        seen = ledger.read(store, "flights", owner=owner, is_running=False)
        now_sec = 1_000_000.0 + number
        spans = tuple(Span(number=n, rows=1) for n in range(number + 1))
        decided = decide(seen.snapshot(now_sec, owner, new_spans=spans), policy)
        if decided.run and not decided.resumes:
            taken += ledger.claim(
                store,
                "flights",
                decided,
                after=seen,
                owner=owner,
                now_sec=now_sec,
                token=uuid.uuid4().hex,
            )
    print(taken)


if __name__ == "__main__":
    main(*sys.argv[1:])
