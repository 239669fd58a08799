"""Drives a replay: sets the clock, sends departures, delivers labels, and waits for the loop.

Of each simulated day:

    00:00  the clock moves on in equal parts, and in each of them what departs is asked about
    12:00  labels of the day before are delivered; a week that ended with it lands in the data
    24:00  the loop has to have looked at least once, and the server to do what it decided

Nothing sleeps for the simulated time. Deciding is left to the loop; here nobody asks for a run, a
rollout or a rollback, save for the bad model that is pushed by hand in the middle.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from pipelines import config as configuration
from pipelines.continuous import heartbeat
from pipelines.errors import RingwayError
from pipelines.feedback import labels
from pipelines.replay import processes
from pipelines.replay.chaos import Kill
from pipelines.replay.days import Day, Period, slice_bounds
from pipelines.replay.departures import Departures, span_file
from pipelines.replay.place import NAME, Place
from pipelines.replay.processes import Process
from pipelines.replay.progress import begun, in_force, looked_since
from pipelines.replay.traffic import Answers, Traffic
from serving import clock
from serving.rollout import order as orders
from serving.rollout import report as reports

SLICES: Final = 6
_NOON_SLICE = SLICES // 2
_POLL_SEC = 0.02
# A tick may hold a run and two checks.
_TICK_TIMEOUT_SEC = 1200.0
_SERVER_TIMEOUT_SEC = 120.0
# Enough for a rollout to be opened, its candidate to be loaded, and its first step to begin.
_ROUNDS = 6
_RESTARTS = 5


@dataclasses.dataclass(frozen=True, kw_only=True)
class BadPush:
    """The bad model that was pushed by hand.

    Attributes:
        version: Its number.
        day: After which day.
    """

    version: int
    day: Day


@dataclasses.dataclass(frozen=True, kw_only=True)
class Listener:
    """Who is told how a replay goes.

    Attributes:
        say: Is told what happens, in words.
        on_first_model: Is told when the first model is there.
        on_week: Is told when all of a week was asked about.
    """

    say: Callable[[str], None] = lambda _: None
    on_first_model: Callable[[], None] = lambda: None
    on_week: Callable[[int, Answers], None] = lambda _span, _answers: None


class Driver:
    """One replay.

    Args:
        place: Where it keeps what it makes; the weeks and settings are there.
        period: Which days.
        departures: Of all weeks that they lie in.
        kills: What is to be killed.
        bad_push_day: After which of the days the bad model is pushed; None for none.
        listener: Is told how it goes.
    """

    def __init__(
        self,
        place: Place,
        period: Period,
        departures: Departures,
        *,
        kills: tuple[Kill, ...] = (),
        bad_push_day: int | None = None,
        listener: Listener,
    ) -> None:
        self._place = place
        self._period = period
        self._departures = departures
        self._kills = list(kills)
        self._bad_push_day = bad_push_day
        self._listener = listener
        port = processes.free_port()
        self._environment = processes.environment(place.home, place.clock)
        config = configuration.load(configuration.named(NAME), place.settings)
        self._wanted = labels.wanted_of(config)
        self._state = place.home / "state" / NAME
        self._rollouts = place.workspace.rollout_root(NAME)
        self.delivered: dict[int, int] = {}
        self.bad_push: BadPush | None = None
        self.server = self._process(
            processes.SERVER, "serve", NAME, "--port", str(port), "--rest-port", "0"
        )
        log = place.workspace.request_log_root(NAME)
        self.traffic = Traffic(NAME, departures, self.server, port, log)
        self.watcher = self._process(
            processes.WATCHER, "watch", NAME, "--config", str(place.settings)
        )
        self._loops: list[Kill] = []

    def run(self) -> None:
        """Goes through all days.

        Raises:
            RingwayError: A process did not do its part.
            SendingError: The server refused a request.
        """
        days = self._period.days
        clock.set_to(self._place.clock, days[0].begins_sec)
        for span in self._period.known_spans:
            self._land(span)
        self._listener.say("trains the first model")
        self._ringway("run", NAME, "--config", str(self._place.settings))
        self._listener.on_first_model()
        with self._at_work():
            for place, day in enumerate(days):
                self._loops += [
                    kill
                    for kill in self._kills
                    if kill.day == place and kill.target == processes.WATCHER
                ]
                self._go_through(place, day)
                if day.ends_span or day == days[-1]:
                    self._listener.on_week(day.span, self.traffic.answers)
            self._wait_for_the_last_labels(days[-1])
            self._kill_what_is_left()

    def _go_through(self, place: int, day: Day) -> None:
        kills = [
            kill for kill in self._kills if kill.day == place and kill.target == processes.SERVER
        ]
        for part, (begin_sec, end_sec) in enumerate(slice_bounds(day, SLICES)):
            clock.set_to(self._place.clock, begin_sec)
            if part == _NOON_SLICE:
                self._deliver_day_before(day)
            due = [kill for kill in kills if int(kill.part * SLICES) == part]
            self.traffic.ask(
                self._departures.between(begin_sec, end_sec), [kill.delay_sec for kill in due]
            )
        since = max(day.number - 1, self._period.days[0].number)
        self.traffic.ask_again(Day(since), day)
        clock.set_to(self._place.clock, day.ends_sec)
        self._settle(day.ends_sec)
        if self._bad_push_day is not None and place >= self._bad_push_day:
            self._push_bad_model(day)

    # Labels and weeks.

    def _deliver_day_before(self, day: Day) -> None:
        before = Day(day.number - 1)
        if before.number < self._period.days[0].number:
            return
        self._deliver(before)
        if before.ends_span:
            self._land(before.span)

    def _deliver(self, day: Day) -> None:
        now_sec = clock.of_file(self._place.clock)()
        which = self._departures.of_day(day)
        rows = [
            {
                "request_id": self._departures.ids[index],
                "arr_delay": int(self._departures.delay[index]),
                "labelled_at": int(now_sec),
            }
            for index in which
        ]
        if rows:
            labels.deliver(
                self._place.workspace.feedback_root(NAME),
                rows,
                wanted=self._wanted,
                now_sec=now_sec,
                token=f"day{day.number}",
            )
        self.delivered[day.span] = self.delivered.get(day.span, 0) + len(rows)

    def _land(self, span: int) -> None:
        """Lets a week appear in the data, as a whole."""
        source = span_file(self._place.coming, span)
        partial = self._place.data / f".span-{span}"
        partial.mkdir(parents=True)
        (partial / source.name).write_bytes(source.read_bytes())
        partial.rename(self._place.data / f"span-{span}")

    # Loop and server.

    def _settle(self, now_sec: float) -> None:
        """Returns when the loop has looked, and the server does what it decided."""
        for _ in range(_ROUNDS):
            before = self._ordered()
            self._await_tick(now_sec)
            self._await_server()
            if self._ordered() == before and begun(orders.read(self._rollouts)):
                return

    def _await_tick(self, now_sec: float) -> None:
        """Waits for a look that begins after this call."""
        began = time.monotonic()
        known = heartbeat.read(self._state)
        restarts = 0
        while not looked_since(known, heartbeat.read(self._state), now_sec):
            restarts += self.watcher.ensure()
            self._kill_the_loop(time.monotonic() - began)
            if restarts > _RESTARTS or time.monotonic() - began > _TICK_TIMEOUT_SEC:
                raise RingwayError(
                    f"the loop did not look at {now_sec:.0f} within {_TICK_TIMEOUT_SEC:g} s and "
                    f"{restarts} new starts",
                    remedy=f"What it said stands in {self.watcher.log}",
                )
            time.sleep(_POLL_SEC)

    def _kill_the_loop(self, waited_sec: float) -> None:
        """Kills the loop where a kill is due: so far into its work, or when another one waits."""
        if self._loops and (waited_sec >= self._loops[0].delay_sec or len(self._loops) > 1):
            self._loops.pop(0)
            self.watcher.kill()

    def _kill_what_is_left(self) -> None:
        while self._loops:
            self._loops.pop(0)
            self.watcher.kill()
        self._settle(clock.of_file(self._place.clock)())

    def _ordered(self) -> tuple[int, ...]:
        """Returns what is asked of the server, in numbers that change when it does."""
        found = orders.read(self._rollouts)
        if found is None:
            return ()
        return (found.serves, *found.versions, found.state.done if found.state else 0)

    def _await_server(self) -> None:
        """Waits until the server has in force what it is asked for."""
        end = time.monotonic() + _SERVER_TIMEOUT_SEC
        while time.monotonic() < end:
            self.server.ensure()
            order = orders.read(self._rollouts)
            if order is None or any(
                in_force(order, report) for report, _ in reports.read_all(self._rollouts)
            ):
                return
            time.sleep(_POLL_SEC)
        raise RingwayError(
            f"the server did not do what {self._rollouts}/order.json asks for within "
            f"{_SERVER_TIMEOUT_SEC:g} s",
            remedy=f"What it said stands in {self.server.log}",
        )

    def _wait_for_the_last_labels(self, last: Day) -> None:
        """Lets the last day's labels come, and the last whole window be judged."""
        for ahead in (1, 2, 3):
            day = Day(last.number + ahead)
            clock.set_to(self._place.clock, day.begins_sec + day_part(_NOON_SLICE))
            if ahead == 1:
                self._deliver(last)
                if last.ends_span:
                    self._land(last.span)
            clock.set_to(self._place.clock, day.ends_sec)
            self._settle(day.ends_sec)

    # The bad model.

    def _push_bad_model(self, day: Day) -> None:
        """Pushes it as somebody would by hand, unless something is being rolled out."""
        order = orders.read(self._rollouts)
        if order is None or order.running:
            return
        log = self._place.logs / "bad-model.log"
        said = processes.ringway(
            (NAME,), self._environment, log, module="pipelines.replay.bad_model"
        )
        version = int(said.split()[-1])
        self._ringway(
            *("rollout", "start", NAME, "--version", str(version)),
            *("--config", str(self._place.settings)),
        )
        self.bad_push, self._bad_push_day = BadPush(version=version, day=day), None
        self._listener.say(f"{day.date}: a bad model is pushed by hand, as version {version}")
        self._settle(day.ends_sec)

    # Processes.

    @contextmanager
    def _at_work(self) -> Iterator[None]:
        """Keeps server and loop running."""
        try:
            self.traffic.start()
            self.watcher.ensure()
            yield
        finally:
            self.watcher.stop()
            self.server.stop()

    def _process(self, name: str, *arguments: str) -> Process:
        return Process(name, arguments, self._environment, self._place.logs / f"{name}.log")

    def _ringway(self, *arguments: str) -> str:
        log = self._place.logs / f"{arguments[0]}.log"
        return processes.ringway(arguments, self._environment, log)


def day_part(part: int) -> int:
    """Returns the seconds from midnight to the beginning of a part of the day."""
    return slice_bounds(Day(0), SLICES)[part][0] - Day(0).begins_sec
