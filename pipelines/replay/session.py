"""One replay from an empty folder to its files: prepares, drives, compares, writes down.

HOME/                the workspace of the replay's processes
HOME/coming/         the weeks that are still to come
HOME/weeks/          those that have come: the pipeline's data
HOME/replay.toml     settings
OUTPUT/replay.json   all of the result
OUTPUT/replay.md     its tables
OUTPUT/replay.svg    its picture
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from pipelines import config as configuration
from pipelines.errors import UsageError
from pipelines.lineage import graph
from pipelines.lineage.store import open_store
from pipelines.replay import (
    bad_model,
    chaos,
    comparison,
    departures,
    outcome,
    picture,
    processes,
    result,
    settings,
)
from pipelines.replay.days import Period
from pipelines.replay.departures import Departures
from pipelines.replay.driver import Driver, Listener
from pipelines.replay.place import NAME, Place
from pipelines.replay.result import LOOP, Result
from pipelines.replay.settings import Size
from pipelines.replay.traffic import Answers
from pipelines.workspace import REPOSITORY


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """What is to be replayed.

    Attributes:
        period: Which days.
        home: An empty folder, or one that is made.
        output: Where the result is written.
        cache: Where predictions of the models that are compared are kept between replays.
        size: How much is done.
        seed: Of networks, kills and intervals.
        kills: How often loop and server are killed.
        bad_push: Whether a bad model is pushed in the middle.
        compare: Whether the other models are trained.
    """

    period: Period
    home: Path
    output: Path
    cache: Path
    size: Size = dataclasses.field(default_factory=Size)
    seed: int = 0
    kills: int = 0
    bad_push: bool = True
    compare: bool = True


def run(plan: Plan, say: Callable[[str], None]) -> Result:
    """Runs a replay and writes down what came of it.

    Args:
        plan: What is to be replayed.
        say: Is told how it goes.

    Raises:
        RingwayError: A process did not do its part.
        UsageError: The folder is not empty.
    """
    began = time.monotonic()
    place = Place(home=plan.home)
    rows = _prepared(plan, place)
    compared = _Comparison(plan, place)
    driver = Driver(
        place,
        plan.period,
        rows,
        kills=chaos.plan(plan.kills, len(plan.period.days), plan.seed),
        bad_push_day=len(plan.period.days) // 2 if plan.bad_push else None,
        listener=Listener(
            say=say,
            on_first_model=compared.start,
            on_week=_Weeks(rows, place, say).tell,
        ),
    )
    try:
        driver.run()
        if compared.running:
            say("waits for the models that are compared")
        others = compared.wait()
    finally:
        compared.stop()
    found = _result(plan, driver, rows, others, time.monotonic() - began)
    _write(found, plan.output)
    return found


def _prepared(plan: Plan, place: Place) -> Departures:
    """Fills the folder of the replay, and returns all departures."""
    if plan.home.exists() and any(plan.home.iterdir()):
        raise UsageError(
            f"--home {plan.home}: expected an empty folder, or none",
            remedy="Remove it, or name another.",
        )
    plan.home.mkdir(parents=True, exist_ok=True)
    all_weeks = plan.home / ".all-weeks"
    from pipelines.flights import source

    source.write_spans(all_weeks)
    departures.thinned(all_weeks, place.coming, plan.size.thin)
    shutil.rmtree(all_weeks)
    values = settings.settings(place.data, plan.size, plan.seed)
    place.settings.write_text(settings.to_toml(values), encoding="utf-8")
    last = plan.period.days[-1].span
    return Departures.read(place.coming, range(1, last + 1))


class _Weeks:
    """Tells of each week, and what the loop has said since the one before."""

    def __init__(self, rows: Departures, place: Place, say: Callable[[str], None]) -> None:
        self._rows = rows
        self._log = place.logs / f"{processes.WATCHER}.log"
        self._read = 0
        self._say = say

    def tell(self, span: int, answers: Answers) -> None:
        """Tells of a week."""
        for line in self._heard():
            self._say(f"    {line}")
        found = [one for one in result.weeks(self._rows, answers, {}) if one.span == span]
        for week in found:
            versions = ", ".join(f"{key}: {count:,}" for key, count in week.answered.items())
            self._say(
                f"week {span}: {week.rows:,} departures, AUC {week.scores[LOOP].auc:.3f}, "
                f"answered by {versions}"
            )

    def _heard(self) -> list[str]:
        try:
            with self._log.open("rb") as file:
                file.seek(self._read)
                text = file.read()
        except FileNotFoundError:
            return []
        whole = text[: text.rfind(b"\n") + 1]
        self._read += len(whole)
        lines = whole.decode(errors="replace").splitlines()
        return [line for line in lines if line[:2] == "20" and "  no run:" not in line]


class _Comparison:
    """The other models, in a process of low priority beside the loop."""

    def __init__(self, plan: Plan, place: Place) -> None:
        self._plan = plan
        self._place = place
        self._process: subprocess.Popen[bytes] | None = None
        self._target: Path | None = None

    @property
    def running(self) -> bool:
        """Whether it still computes."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Begins, with the hyperparameters that the first run chose; not where they are known."""
        if not self._plan.compare:
            return
        asked = self._request()
        self._target = comparison.cache_file(self._plan.cache, asked)
        if self._target.is_file():
            return
        request_file = self._place.home / "comparison.json"
        request_file.write_text(asked.to_json(), encoding="utf-8")
        log = self._place.logs / "comparison.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as out:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", comparison.__name__),
                    *(str(request_file), str(self._target)),
                ],
                cwd=REPOSITORY,
                env={**os.environ, "CUDA_VISIBLE_DEVICES": "-1"},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
            )

    def wait(self) -> Mapping[str, np.ndarray]:
        """Returns predictions by model; none where nothing is compared, or it failed."""
        if self._process is not None:
            self._process.wait()
        found = comparison.load(self._target) if self._target else None
        return dataclasses.asdict(found) if found else {}

    def stop(self) -> None:
        """Ends it, if it still computes."""
        if self._process is not None and self.running:
            self._process.kill()
            self._process.wait()

    def _request(self) -> comparison.Request:
        store = open_store(self._place.workspace.metadata_url)
        origin = bad_model.newest_blessed(graph.load(store, NAME))
        config = configuration.load(configuration.named(NAME), self._place.settings)
        return comparison.Request(
            folder=str(self._place.coming),
            known_spans=self._plan.period.known_spans,
            last_day=self._plan.period.days[-1].number,
            range=settings.ALL_SPANS,
            buckets=(config.train_buckets, config.eval_buckets),
            epochs=config.epochs,
            batch_size=config.batch_size,
            seed=config.seed,
            hyperparameters=bad_model.hyperparameters(origin.hyperparameters),
        )


def _result(
    plan: Plan,
    driver: Driver,
    rows: Departures,
    others: Mapping[str, np.ndarray],
    wall_sec: float,
) -> Result:
    answers = driver.traffic.answers
    weeks = result.weeks(rows, answers, dict(others))
    bad = driver.bad_push
    return Result(
        weeks=weeks,
        outcome=outcome.read(
            open_store(Place(home=plan.home).workspace.metadata_url),
            NAME,
            delivered=driver.delivered,
        ),
        differences=result.differences(weeks, plan.seed),
        bad_push=bad,
        bad_answers=int((answers.version == bad.version).sum()) if bad else 0,
        asked=int((~np.isnan(answers.prediction)).sum()),
        asked_again=driver.traffic.asked_again,
        kills={one.name: one.kills for one in (driver.watcher, driver.server)},
        wall_sec=wall_sec,
    )


def _write(found: Result, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "replay.json").write_text(
        json.dumps(found.to_json(), indent=1, allow_nan=False) + "\n", encoding="utf-8"
    )
    text = f"{result.table(found)}\n{result.summary(found)}\n"
    (folder / "replay.md").write_text(text, encoding="utf-8")
    picture.draw(found, folder / "replay.svg")
