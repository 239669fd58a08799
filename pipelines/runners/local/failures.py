"""The root cause of an exception, in a form that a person can act on.

Beam wraps an error once per stage and prints a page for each; TFX adds its own. `describe` walks
down to the first error, keeps what it says, and adds the Beam step and a remedy where one is
known. The whole trace is left to the node's log file.
"""

from __future__ import annotations

import dataclasses
import errno
import itertools
import re

from pipelines.errors import RingwayError

_STEP = re.compile(r"\[while running '([^']+)'\]")
_BEAM_PREFIX = re.compile(r"^(?:[\w.]*(?:Error|Exception|Warning): )+")
_MAX_LINES = 6

# What an error's text holds → what to do about it.
_REMEDIES = (
    (re.compile(r"No space left on device", re.IGNORECASE), "Free some disk space and run again."),
    (re.compile(r"Read-only file system", re.IGNORECASE), "Set RINGWAY_HOME to a writable folder."),
    (
        re.compile(r"Permission denied", re.IGNORECASE),
        "Make the path readable and writable for this user.",
    ),
    (
        re.compile(
            r"did not match any file|matches no files|did not match any input", re.IGNORECASE
        ),
        "Check data_root: it must be a folder that holds the input files.",
    ),
    (
        re.compile(r"killed by signal 9", re.IGNORECASE),
        "The worker was killed, most often for lack of memory: free some, or set --jobs 1.",
    ),
    (
        re.compile(r"Insufficient number of network buffers"),
        "Give Flink's task managers more of them: taskmanager.memory.network.min and .max 256m, "
        "and taskmanager.network.sort-shuffle.min-buffers 64.",
    ),
    (
        re.compile(r"Only one SparkContext"),
        "A job server of Spark's takes one node at a time: set --jobs 1, or leave job_endpoint "
        "out of the profile, and each node starts its own.",
    ),
    (
        re.compile(r"NoResourceAvailableException|Could not acquire the minimum required resource"),
        "Give Flink more task slots: as many as the profile's parallelism for each node that runs "
        "at once, or set --jobs 1.",
    ),
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Failure:
    """What made a node fail.

    Attributes:
        error: The type of the first error, such as `ValueError`.
        message: What it says, at most six lines.
        step: The Beam step that it happened in; empty outside of Beam.
        remedy: What to do about it; empty when nothing is known.
        trace: The whole trace.
    """

    error: str
    message: str
    step: str = ""
    remedy: str = ""
    trace: str = ""

    def __str__(self) -> str:
        where = f" (in Beam step {self.step})" if self.step else ""
        return f"{self.error}: {self.message}{where}"


def describe(error: BaseException, trace: str = "") -> Failure:
    """Returns the root cause of an exception.

    Args:
        error: The exception as it was caught.
        trace: Its formatted traceback, kept as it is.
    """
    step_match = _STEP.search(str(error))
    chain = _chain(error)
    told = _told(chain)
    lines = [line.rstrip() for line in _text(told).splitlines() if line.strip()]
    root = chain[-1]
    if root is not told:
        lines = [*lines[: _MAX_LINES - 1], f"caused by {_type_name(root)}: {_text(root)}"]
    message = "\n".join(lines[:_MAX_LINES])
    remedy = told.remedy if isinstance(told, RingwayError) else ""
    return Failure(
        error=_type_name(told),
        message=message,
        step=step_match.group(1) if step_match else "",
        remedy=remedy or remedy_for(message, getattr(root, "errno", None)),
        trace=trace,
    )


def remedy_for(message: str, error_number: int | None = None) -> str:
    """Returns what to do about an error with this text, or an empty string."""
    if error_number == errno.ENOSPC:
        return _REMEDIES[0][1]
    return next((remedy for pattern, remedy in _REMEDIES if pattern.search(message)), "")


def _chain(error: BaseException) -> list[BaseException]:
    # Only explicit causes are followed: an implicit context is what happened to be handled when
    # the error was raised (a lookup that missed, say), more often noise than the reason.
    chain = [error]
    while (cause := chain[-1].__cause__) is not None and cause not in chain:
        chain.append(cause)
    return chain


def _told(chain: list[BaseException]) -> BaseException:
    # Beam wraps an error and repeats its text: the wrapped one says it better. Somebody who raises
    # a new error from an old one explains it: that explanation is what to tell.
    for outer, inner in itertools.pairwise(chain):
        if str(inner) not in str(outer):
            return outer
    return chain[-1]


def _text(error: BaseException) -> str:
    return _STEP.sub("", _BEAM_PREFIX.sub("", str(error))).strip() or repr(error)


def _type_name(error: BaseException) -> str:
    # Beam re-raises as `RuntimeError("KeyError: 'fare' [while running …]")`: the text knows better.
    named = re.match(r"^([\w.]*(?:Error|Exception)): ", str(error))
    return named.group(1) if named else type(error).__name__
