"""Kills the loop and the server at random moments, and compares what came of it.

The moments are drawn from a seed: on which day, and how far into the work of that day. Loop and
server are taken in turn. A kill of the loop that finds it with nothing to do waits for the next day
on which it works for so long, but not longer than until the kill after it.

Two replays came to the same if they agree in everything that is decided: which weeks each model was
trained on and why, which were rolled out and how that ended, which alerts were raised. Numbers of
versions, names of runs and times on the machine's clock differ.
"""

from __future__ import annotations

import dataclasses
import random
import re
from collections.abc import Sequence

from pipelines.replay.outcome import FINISHED, Outcome, ordinals
from pipelines.replay.processes import SERVER, WATCHER

# How far into the loop's work on a day; a run of the pipeline takes a minute.
_LONGEST_WORK_SEC = 20.0
# How far into a slice of a day's requests.
_LONGEST_SENDING_SEC = 0.1


@dataclasses.dataclass(frozen=True, kw_only=True)
class Kill:
    """A process that is to be killed.

    Attributes:
        target: Which.
        day: On which of the replay's days, from 0.
        part: In which part of the day, in [0, 1).
        delay_sec: How far into the work, on the machine's clock.
    """

    target: str
    day: int
    part: float
    delay_sec: float


def plan(kills: int, days: int, seed: int) -> tuple[Kill, ...]:
    """Returns when to kill what, by day."""
    chance = random.Random(seed)
    on = sorted(chance.randrange(days) for _ in range(kills))
    targets = [WATCHER if place % 2 == 0 else SERVER for place in range(kills)]
    longest = {WATCHER: _LONGEST_WORK_SEC, SERVER: _LONGEST_SENDING_SEC}
    return tuple(
        Kill(
            target=target,
            day=day,
            part=chance.random(),
            delay_sec=chance.uniform(0, longest[target]),
        )
        for day, target in zip(on, targets, strict=True)
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class FinalState:
    """What has to be the same after any disturbance.

    Attributes:
        trainings: Of each finished run its state, trigger, newest week and version.
        rollouts: Of each rollout the versions, and how it ended.
        alerts: Of each alert its kind and what it is about.
        serves: The version that answers at the end.
    """

    trainings: tuple[tuple[str, str, int, str], ...]
    rollouts: tuple[tuple[str, str, str], ...]
    alerts: tuple[tuple[str, str], ...]
    serves: str


def final_state(outcome: Outcome, serves: int) -> FinalState:
    """Returns what has to be the same, with versions in the place of their numbers."""
    versions = [run.version for run in outcome.trainings if run.version]
    versions += [one.candidate for one in outcome.rollouts] + [serves]
    short = ordinals(versions)
    names = {str(number): name for number, name in short.items()}
    names |= {one.id: f"rollout of {short[one.candidate]}" for one in outcome.rollouts}
    names |= {
        run.run_id: f"run on {run.last_span}" for run in outcome.trainings if run.state in FINISHED
    }
    return FinalState(
        trainings=tuple(
            (run.state, run.trigger, run.last_span, short.get(run.version, ""))
            for run in outcome.trainings
            if run.state in FINISHED
        ),
        rollouts=tuple(
            (short[one.stable], short[one.candidate], one.outcome) for one in outcome.rollouts
        ),
        alerts=tuple(sorted((one.kind, _renamed(one.subject, names)) for one in outcome.alerts)),
        serves=short[serves],
    )


def faults(outcome: Outcome) -> tuple[str, ...]:
    """Returns what must not be, whatever was killed, in words; nothing if all is well."""
    labels = outcome.labels
    found = [f"decision {one} has two finished runs" for one in outcome.repeated_decisions()]
    found += [f"version {one} was rolled out twice" for one in outcome.repeated_rollouts()]
    finished = {run.decision for run in outcome.retrainings}
    found += [
        f"decision {one} was not carried out" for one in outcome.decisions if one not in finished
    ]
    if labels.matched != labels.served:
        found.append(f"{labels.served - labels.matched} served rows have no label")
    if labels.served != labels.due:
        found.append(f"{labels.due} labels were delivered, {labels.served} rows found in the log")
    return tuple(found)


def _renamed(subject: str, names: dict[str, str]) -> str:
    if not names:
        return subject
    longest_first: Sequence[str] = sorted(names, key=len, reverse=True)
    pattern = "|".join(re.escape(name) for name in longest_first)
    return re.sub(pattern, lambda found: names[found[0]], subject)
