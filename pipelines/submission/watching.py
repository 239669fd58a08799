"""Watches a run until it ends: tells each change once, and outlives what a connection goes through.

How often is asked, and what an answer that does not come means, is decided in `Patience`, which is
pure; asking, waiting and the clock are passed in.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

from pipelines.errors import RingwayError
from pipelines.submission.records import RunStatus, TaskStatus
from pipelines.submission.server_errors import NoAccessError, ServerError, UnreachableError

_FIRST_SEC, _LONGEST_SEC = 2.0, 15.0
_GIVE_UP_SEC = 900.0
_UNAUTHENTICATED = 401


class Listener(Protocol):
    """Is told how a run goes on."""

    def task(self, task: TaskStatus) -> None:
        """A task has another state."""

    def note(self, text: str) -> None:
        """Something else that a user should know."""


class StillRunningError(RingwayError):
    """The time to wait is over, and the run is not."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Patience:
    """How long is waited before the next question.

    Attributes:
        pause_sec: The next pause.
        lost_since_sec: When the answers began to fail; None while they come.
    """

    pause_sec: float = _FIRST_SEC
    lost_since_sec: float | None = None

    def after_answer(self, changed: bool) -> Patience:
        """Returns the patience after an answer: short while things change, longer otherwise."""
        if changed:
            return Patience()
        return Patience(pause_sec=min(self.pause_sec * 1.5, _LONGEST_SEC))

    def after_failure(self, now_sec: float) -> Patience:
        """Returns the patience after a question without an answer."""
        since = now_sec if self.lost_since_sec is None else self.lost_since_sec
        pause_sec = _FIRST_SEC if self.lost_since_sec is None else self.pause_sec * 2
        return Patience(pause_sec=min(pause_sec, _LONGEST_SEC * 2), lost_since_sec=since)

    def is_over(self, now_sec: float) -> bool:
        """Whether answers have failed for so long that none is waited for any more."""
        return self.lost_since_sec is not None and now_sec - self.lost_since_sec > _GIVE_UP_SEC


def news(told: Mapping[str, str], run: RunStatus, names: Mapping[str, str]) -> list[TaskStatus]:
    """Returns the tasks whose state is another than the one that was told.

    Args:
        told: States by task, as they were told.
        run: How the run stands.
        names: The pipeline's tasks; the server's own (drivers, executors) are left out.
    """
    return [
        task
        for name, task in run.tasks.items()
        if name in names and task.state and told.get(name) != task.state
    ]


def watch(
    ask: Callable[[], RunStatus],
    names: Mapping[str, str],
    listener: Listener,
    *,
    renews_token: bool = False,
    timeout_sec: float | None = None,
    sleep: Callable[[float], None] = time.sleep,
    now: Callable[[], float] = time.monotonic,
) -> RunStatus:
    """Returns how a run ended.

    Args:
        ask: Returns how it stands.
        names: The pipeline's tasks, by name.
        listener: Is told what changes.
        renews_token: Whether another token may come; then one that expired is waited out.
        timeout_sec: How long at most; None for as long as it takes.
        sleep: Waits.
        now: A clock in seconds, which only counts up.

    Raises:
        StillRunningError: The time is over.
        ServerError: The server refuses to tell, or is gone for too long.
    """
    begun_sec = now()
    told: dict[str, str] = {}
    patience = Patience()
    while True:
        run, patience = _look(ask, patience, listener, renews_token, now)
        if run is not None:
            changes = news(told, run, names)
            for task in changes:
                told[task.name] = task.state
                listener.task(task)
            if run.ended:
                return run
            patience = patience.after_answer(bool(changes))
        sleep(_bounded(patience.pause_sec, begun_sec, timeout_sec, now()))


def _look(
    ask: Callable[[], RunStatus],
    patience: Patience,
    listener: Listener,
    renews_token: bool,
    now: Callable[[], float],
) -> tuple[RunStatus | None, Patience]:
    try:
        run = ask()
    except (UnreachableError, NoAccessError) as error:
        if not _may_pass(error, renews_token):
            raise _goes_on(error) from error
        if patience.lost_since_sec is None:
            listener.note(f"{error} The run goes on; asking again.")
        patience = patience.after_failure(now())
        if patience.is_over(now()):
            raise _goes_on(error) from error
        return None, patience
    if patience.lost_since_sec is not None:
        listener.note("The server answers again.")
    return run, dataclasses.replace(patience, lost_since_sec=None)


def _may_pass(error: ServerError, renews_token: bool) -> bool:
    if isinstance(error, UnreachableError):
        return True
    return renews_token and error.status == _UNAUTHENTICATED


def _goes_on(error: ServerError) -> ServerError:
    return type(error)(
        f"{error} The run goes on without being watched.",
        status=error.status,
        remedy=error.remedy,
    )


def _bounded(
    pause_sec: float, begun_sec: float, timeout_sec: float | None, now_sec: float
) -> float:
    if timeout_sec is None:
        return pause_sec
    left_sec = begun_sec + timeout_sec - now_sec
    if left_sec <= 0:
        raise StillRunningError(
            f"The run has not ended in {timeout_sec:g} s; it goes on.",
            remedy="Look at its page, or wait longer: --timeout SECONDS",
        )
    return min(pause_sec, left_sec)


def failed(run: RunStatus, names: Mapping[str, str]) -> Iterator[TaskStatus]:
    """Yields the pipeline's tasks that failed."""
    for name, task in run.tasks.items():
        if name in names and task.state == "FAILED":
            yield task
