"""Guards by name: a guard is a pure function from what both arms showed to a finding.

A guard is written once for its bounds, a frozen dataclass, and registered under a name that plans
use. What follows from a finding is left to `promotion`.
"""

from __future__ import annotations

import dataclasses
import enum
import math
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from serving.rollout.errors import RolloutError
from serving.rollout.snapshot import ArmStats


class Status(enum.Enum):
    """What a guard says."""

    HOLDS = "HOLDS"
    BROKEN = "BROKEN"
    NOT_ENOUGH = "NOT_ENOUGH"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Finding:
    """What a guard says of one snapshot.

    Attributes:
        guard: Its name.
        status: Whether it holds.
        because: In words, with the numbers.
        failed: Whether the guard could not be asked, which is never enough.
    """

    guard: str
    status: Status
    because: str
    failed: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class Terms:
    """What holds for every guard of a step.

    Attributes:
        alpha: Chance that one guard is broken by a sound candidate, over all looks of the step.
        min_requests: Fewer of the candidate are not enough, and of the stable version if compared.
        compared: Whether the stable version is asked at the same time. If not, only bounds that
            name a number hold.
    """

    alpha: float
    min_requests: int
    compared: bool = True

    @property
    def limit(self) -> float:
        """The log E from which on a guard that asks one question is broken."""
        return -math.log(self.alpha)


class Bounds(Protocol):
    """What the bounds of every guard can do."""

    @property
    def absolute(self) -> bool:
        """Whether something is bound without a stable version to compare with."""

    def to_json(self) -> dict[str, object]:
        """Returns them as JSON has them."""


Judge = Callable[[Any, ArmStats, ArmStats, Terms], Finding]
Read = Callable[[object, str], Bounds]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Guard:
    """A guard as it is registered.

    Attributes:
        name: In plans.
        bounds: The class of its bounds.
        read: Reads bounds from JSON.
        judge: Takes bounds, candidate, stable version and terms.
    """

    name: str
    bounds: type
    read: Read
    judge: Judge


_GUARDS: dict[str, Guard] = {}


def register(name: str, bounds: type, read: Read) -> Callable[[Judge], Judge]:
    """Returns a decorator that makes a function the guard of that name."""

    def registered(judge: Judge) -> Judge:
        if name in _GUARDS:
            raise ValueError(f"there is a guard {name} already")
        _GUARDS[name] = Guard(name=name, bounds=bounds, read=read, judge=judge)
        return judge

    return registered


def names() -> tuple[str, ...]:
    """Returns the names of all guards."""
    return tuple(sorted(_GUARDS))


def read(name: str, found: object, where: str) -> Bounds:
    """Reads the bounds of a guard from JSON.

    Raises:
        RolloutError: There is no such guard, or a bound is unknown or not valid.
    """
    if name not in _GUARDS:
        raise RolloutError(f"{where}: expected one of {', '.join(names())}, received {name!r}.")
    return _GUARDS[name].read(found, where)


def name_of(bounds: Bounds) -> str:
    """Returns the name of the guard that has such bounds.

    Raises:
        RolloutError: None has.
    """
    for guard in _GUARDS.values():
        if guard.bounds is type(bounds):
            return guard.name
    raise RolloutError(f"expected the bounds of a guard, received {bounds!r}.")


def judge(
    guards: Sequence[Bounds], candidate: ArmStats, stable: ArmStats, terms: Terms
) -> tuple[Finding, ...]:
    """Asks every guard that can be asked under these terms.

    A guard that only compares is left out while no stable version is asked: it would neither hold
    nor ever have enough. It was asked in the steps before.

    One that fails says that it has not enough, so that nothing is promoted on its word; the others
    are asked all the same.
    """
    asked = [bounds for bounds in guards if terms.compared or bounds.absolute]
    return tuple(_judged(bounds, candidate, stable, terms) for bounds in asked)


def _judged(bounds: Bounds, candidate: ArmStats, stable: ArmStats, terms: Terms) -> Finding:
    name = name_of(bounds)
    try:
        return _GUARDS[name].judge(bounds, candidate, stable, terms)
    except Exception as error:  # noqa: BLE001 (one guard's fault must not silence the others)
        because = f"cannot be judged: {type(error).__name__}: {error}"
        return Finding(guard=name, status=Status.NOT_ENOUGH, because=because, failed=True)


def lacking(candidate: int, stable: int, terms: Terms, what: str, fewest: int) -> str:
    """Returns what is missing until there is enough, in words; nothing if nothing is."""
    if candidate < fewest:
        return f"{candidate} of {fewest} {what} of the candidate"
    if terms.compared and stable < fewest:
        return f"{stable} of {fewest} {what} of the stable version"
    return ""
