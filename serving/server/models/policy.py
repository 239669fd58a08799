"""Decides the next step in the life of one model's versions, so that it always answers.

The rules are those of TensorFlow Serving's AvailabilityPreservingPolicy: a new version is loaded
before an old one goes. With version 1 serving and 2 wanted instead:

    1 ready          2 new        -> load 2
    1 ready          2 loading    -> nothing; 1 keeps serving, also when 2 fails
    1 ready          2 ready      -> unload 1

Doing it is for `serving.server.models.manager`.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Sequence


class Phase(enum.Enum):
    """How far a version is, as the policy sees it."""

    NEW = "new"
    LOADING = "loading"
    READY = "ready"
    UNLOADING = "unloading"
    FAILED = "failed"


@dataclasses.dataclass(frozen=True, slots=True)
class VersionSnapshot:
    """One version of the model.

    Attributes:
        version: Its number.
        phase: How far it is.
        aspired: Whether it should be served.
    """

    version: int
    phase: Phase
    aspired: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Load:
    """Load this version."""

    version: int


@dataclasses.dataclass(frozen=True, slots=True)
class Unload:
    """Stop serving this version, and free it once its calls have ended."""

    version: int


def next_action(versions: Sequence[VersionSnapshot]) -> Load | Unload | None:
    """Decides what to do next for one model.

    Args:
        versions: All its versions that are managed, in any order.

    Returns:
        The next action; None when there is nothing to do now. Of several candidates the lowest
        version is unloaded first, and the highest loaded first.

    Source: TensorFlow Serving, core/availability_preserving_policy.cc.
    """
    surplus = [v.version for v in versions if v.phase is Phase.READY and not v.aspired]
    if surplus and (_replaced(versions) or len(surplus) > 1):
        return Unload(min(surplus))
    fresh = [v.version for v in versions if v.phase is Phase.NEW and v.aspired]
    return Load(max(fresh)) if fresh else None


def _replaced(versions: Sequence[VersionSnapshot]) -> bool:
    wanted = [v for v in versions if v.aspired]
    return not wanted or any(v.phase is Phase.READY for v in wanted)
