"""Asks how well skew is found: false alarms and detections on pairs drawn from flights.

    python -m benchmarks.skew                   # the whole study: about an hour of one core
    python -m benchmarks.skew --quick           # a few pairs of two sizes, a minute or two
    python -m benchmarks.skew --minutes 20      # as much of it as fits
    python -m benchmarks.skew --training 50000  # a large training half, Ringway alone
    python -m benchmarks.skew --speed           # a million rows, beside TFDV's statistics

Pairs without a fault (A/A) are two random halves of the same weeks. Pairs with one (A/B) are the
same halves with a fault planted in serving; it counts as found if its own column alarms, whatever
else does. Every detector sees the same pairs, the slow ones only the first of them, and the join
only those of up to 5,000 rows. Ringway is
`skew.check` with its defaults, at a false alarm rate of 1 % for the whole check; the join compares
rows with what training computed for the same flights; TFDV has the threshold of its tutorial on
every column; Evidently is `DataDriftPreset` as it comes. See `skew_pairs` and `skew_detectors`.

A detector that alarms on most A/A pairs finds every fault, and has told nothing: read the first
table before the second.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import dataclasses
import json
import logging
import multiprocessing
import os
import sys
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from benchmarks import skew_machine, skew_rates, skew_speed
from benchmarks.skew_detectors import Evidently, Join, Ringway, Tfdv
from benchmarks.skew_pairs import FAULTS, Fault, Flights, Pair, Served, draw, standardised
from benchmarks.skew_rates import NO_FAULT, Outcome
from components.skew_validator import Terms

SIZES: Final = (200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000)
RINGWAY: Final = "Ringway"
JOIN: Final = "join"
TFDV: Final = "TFDV"
EVIDENTLY: Final = "Evidently"
DETECTORS: Final = (RINGWAY, JOIN, TFDV, EVIDENTLY)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """How much is asked.

    Attributes:
        sizes: Rows of the serving half.
        training: Rows of the training half; 0 for as many as serving has.
        pairs: A/A pairs for Ringway.
        fault_pairs: Of those, the ones in which each fault is planted.
        peer_pairs: Pairs for TFDV and Evidently, with and without faults.
        join_pairs: Pairs for the join.
        join_rows: The largest size that is joined.
    """

    sizes: tuple[int, ...]
    training: int
    pairs: int
    fault_pairs: int
    peer_pairs: int
    join_pairs: int
    join_rows: int


@dataclasses.dataclass(frozen=True)
class Task:
    """One detector and one pair.

    Attributes:
        detector: Who.
        size: Rows of the serving half.
        training: Rows of the training half.
        repetition: Number of the pair.
        faults: Whether to plant them. Ringway is asked about the pair as it is only without, since
            that is asked about more pairs; the others at once.
    """

    detector: str
    size: int
    training: int
    repetition: int
    faults: bool


def tasks(plan: Plan) -> list[Task]:
    """Returns what there is to do, in such an order that it may be cut short anywhere.

    All kinds of work get on at the same pace: when a third of the time is over, a third of the
    pairs of each is done.
    """
    peers, joins = (0, 0) if plan.training else (plan.peer_pairs, plan.join_pairs)
    kinds = (
        (RINGWAY, False, 0, plan.pairs),
        (RINGWAY, True, 0, plan.fault_pairs),
        (TFDV, True, 0, peers),
        (EVIDENTLY, True, 0, peers),
        (JOIN, True, plan.join_rows, joins),
    )
    paced = [
        (
            (repetition + 0.5) / pairs,
            Task(detector, size, plan.training or size, repetition, faults),
        )
        for detector, faults, most, pairs in kinds
        for repetition in range(pairs)
        for size in plan.sizes
        if size <= (most or size)
    ]
    return [task for _, task in sorted(paced, key=lambda item: item[0])]


class Study:
    """Does tasks, in one process.

    Args:
        flights: Where pairs are drawn from.
        terms: What Ringway is held to.
    """

    def __init__(self, flights: Flights, terms: Terms) -> None:
        self._flights = flights
        self._terms = terms

    def do(self, task: Task) -> list[Outcome]:
        """Asks one detector about one pair, without faults and with each."""
        pair = draw(
            self._flights,
            serving=task.size,
            training=task.training,
            repetition=task.repetition,
        )
        started = time.perf_counter()
        detector = self._detector(task.detector, pair)
        outcomes = []
        if not task.faults or task.detector != RINGWAY:
            outcomes.append(self._unchanged(task, detector, started))
        for place, fault in enumerate(FAULTS if task.faults else ()):
            if task.detector != JOIN or fault.joined:
                outcomes.append(self._planted(task, pair, detector, fault, place))
        return outcomes

    def _unchanged(self, task: Task, detector: Any, started: float) -> Outcome:
        nothing = pd.DataFrame()
        answer = detector.ask(nothing, nothing)
        return Outcome(
            detector=task.detector,
            size=task.size,
            fault=NO_FAULT,
            alarm=bool(answer.alarms),
            whole=answer.whole,
            blessed=answer.blessed,
            seconds=time.perf_counter() - started,
        )

    def _planted(self, task: Task, pair: Pair, detector: Any, fault: Fault, place: int) -> Outcome:
        rng = np.random.default_rng((pair.seed, place))
        changed = fault.plant(Served(flights=self._flights, pair=pair, rng=rng))
        rescaled = pd.DataFrame()
        if fault.rescaled:
            rows = pair.serving if task.detector == JOIN else pair.training
            column = self._flights.rows[[fault.rescaled]].iloc[rows].reset_index(drop=True)
            rescaled = standardised(column, self._flights, pair)
        started = time.perf_counter()
        answer = detector.ask(changed, rescaled)
        return Outcome(
            detector=task.detector,
            size=task.size,
            fault=fault.name,
            alarm=bool(answer.alarms & set(changed.columns)),
            whole=answer.whole,
            blessed=answer.blessed,
            seconds=time.perf_counter() - started,
        )

    def _detector(self, name: str, pair: Pair) -> Any:
        training, serving = (
            self._flights.rows.iloc[rows].reset_index(drop=True)
            for rows in (pair.training, pair.serving)
        )
        if name == RINGWAY:
            return Ringway(training, serving, terms=self._terms, seed=pair.seed)
        if name == JOIN:
            return Join(serving, list(self._flights.entities[pair.serving]))
        return {TFDV: Tfdv, EVIDENTLY: Evidently}[name](training, serving)


_STUDY: Study | None = None


def _do(task: Task) -> list[Outcome]:
    assert _STUDY is not None
    with warnings.catch_warnings():
        # The peers have much to say about their own dependencies.
        warnings.simplefilter("ignore")
        return _STUDY.do(task)


def run(plan: Plan, terms: Terms, *, processes: int, minutes: float) -> list[Outcome]:
    """Asks every detector about every pair.

    Args:
        plan: How much is asked.
        terms: What Ringway is held to.
        processes: How many at once.
        minutes: When to stop, with what is there by then.
    """
    global _STUDY  # noqa: PLW0603 - inherited by the processes that are forked below
    _STUDY = Study(Flights.read(), terms)
    until = time.monotonic() + 60 * minutes
    outcomes: list[Outcome] = []
    context = multiprocessing.get_context("fork")
    with concurrent.futures.ProcessPoolExecutor(
        processes, mp_context=context, initializer=_quiet
    ) as pool:
        waiting = iter(tasks(plan))
        running: set[concurrent.futures.Future[list[Outcome]]] = set()
        while True:
            while len(running) < 2 * processes and time.monotonic() < until:
                task = next(waiting, None)
                if task is None:
                    break
                running.add(pool.submit(_do, task))
            if not running:
                return outcomes
            done, running = concurrent.futures.wait(
                running, return_when=concurrent.futures.FIRST_COMPLETED
            )
            outcomes += [outcome for future in done for outcome in future.result()]


def _quiet() -> None:
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    logging.disable(logging.WARNING)


def text(outcomes: Sequence[Outcome], sizes: Sequence[int]) -> str:
    """Returns the tables as Markdown."""
    found = skew_rates.rates(outcomes)
    there = {outcome.detector for outcome in outcomes}
    names = [name for name in DETECTORS if name in there]
    parts = [
        skew_rates.alarm_table(found, names, sizes),
        f"Of pairs with a fault, each cell {' / '.join(names)}:",
        skew_rates.detection_table(found, names, [fault.name for fault in FAULTS], sizes),
        "Share of A/A pairs that were said to be well (where rows are too few to tell, no):",
        skew_rates.alarm_table(skew_rates.blessed_rates(outcomes), names, sizes).replace(
            "alarms on A/A", "well on A/A"
        ),
    ]
    if EVIDENTLY in there:
        whole = skew_rates.whole_rates(outcomes)
        parts += [
            "Evidently's verdict on the data as a whole (half of the columns drift):",
            skew_rates.detection_table(
                whole, [EVIDENTLY], [NO_FAULT, *(fault.name for fault in FAULTS)], sizes
            ),
        ]
    return "\n\n".join(parts)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    terms = Terms()
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--quick", action="store_true", help="a few pairs of two sizes")
    add("--speed", action="store_true", help="time the check of a million rows instead")
    add("--sizes", type=_numbers, help="rows of the serving half (200,500,…)")
    add("--training", type=int, default=0, help="rows of the training half (as serving)")
    add("--pairs", type=int, help="A/A pairs of each size for Ringway (200)")
    add("--fault-pairs", type=int, help="those in which faults are planted (50)")
    add("--peer-pairs", type=int, help="pairs for TFDV and Evidently (30)")
    add("--join-pairs", type=int, help="pairs for the join (3)")
    add("--numeric", type=_names, default=terms.numeric, help="distances of numbers")
    add("--categorical", type=_names, default=terms.categorical, help="distances of categories")
    add("--processes", type=int, default=2)
    add("--minutes", type=float, default=120.0, help="stop then, with what is there")
    add("--output", type=Path, help="write everything there, as JSON")
    skew_speed.add_options(parser)
    return parser.parse_args(arguments)


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(",")))


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split(","))


def _plan(options: argparse.Namespace) -> Plan:
    if options.quick:
        plan = Plan(
            sizes=(500, 2_000),
            training=options.training,
            pairs=4,
            fault_pairs=2,
            peer_pairs=2,
            join_pairs=1,
            join_rows=500,
        )
    else:
        plan = Plan(
            sizes=SIZES,
            training=options.training,
            pairs=200,
            fault_pairs=50,
            peer_pairs=30,
            join_pairs=3,
            join_rows=5_000,
        )
    named = ("sizes", "pairs", "fault_pairs", "peer_pairs", "join_pairs")
    given = {name: getattr(options, name) for name in named if getattr(options, name) is not None}
    return dataclasses.replace(plan, **given)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the study, or the timing, and prints it."""
    options = _options(arguments)
    if options.speed:
        return skew_speed.main(options)
    plan = _plan(options)
    terms = Terms(numeric=options.numeric, categorical=options.categorical)
    outcomes = run(plan, terms, processes=options.processes, minutes=options.minutes)
    print(skew_machine.line())
    print(f"training half: {plan.training or 'as large as serving'}; {terms}\n")
    print(text(outcomes, plan.sizes))
    if options.output:
        options.output.write_text(json.dumps(_document(plan, terms, outcomes), indent=1))
    return 0


def _document(plan: Plan, terms: Terms, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    kept = dataclasses.asdict(terms)
    return {
        "machine": skew_machine.about(),
        "plan": dataclasses.asdict(plan),
        "terms": {**kept, "optional": sorted(terms.optional)},
        "faults": {fault.name: fault.what for fault in FAULTS},
        "alarms": skew_rates.rows_of(skew_rates.rates(outcomes)),
        "whole": skew_rates.rows_of(skew_rates.whole_rates(outcomes)),
        "well": skew_rates.rows_of(skew_rates.blessed_rates(outcomes)),
        "seconds": _seconds(outcomes),
    }


def _seconds(outcomes: Sequence[Outcome]) -> dict[str, float]:
    clean = [one for one in outcomes if one.fault == NO_FAULT]
    keys = sorted({(one.detector, one.size) for one in clean})
    return {
        f"{detector} {size}": float(
            np.median(
                [one.seconds for one in clean if (one.detector, one.size) == (detector, size)]
            )
        )
        for detector, size in keys
    }


if __name__ == "__main__":
    sys.exit(main())
