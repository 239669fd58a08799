"""What can be asked of whoever carries a rollout out.

Every action says what shall be rather than what shall change, so that carrying it out twice does no
more than once. In which order actions are recorded and carried out is told in `state`.
"""

from __future__ import annotations

import dataclasses

from serving.rollout.routing import Arm
from serving.rollout.sequential import Verdict


@dataclasses.dataclass(frozen=True, kw_only=True)
class Wait:
    """Change nothing.

    Attributes:
        because: What is waited for.
    """

    because: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Raise:
    """Let the candidate have a share; in a shadow, of the requests that it is asked besides.

    Attributes:
        step: Which step begins.
        share: In (0, 1].
        because: Why.
    """

    step: int
    share: float
    because: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Switch:
    """Let the candidate answer everything from one request to the next; keep the other one warm.

    Attributes:
        step: Which step begins.
        because: Why.
    """

    step: int
    because: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Promote:
    """Make the candidate the stable version; the one before may go.

    Attributes:
        because: Why.
    """

    because: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class RollBack:
    """Let the stable version answer everything, at once; the candidate may go.

    Attributes:
        because: Why.
    """

    because: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Conclude:
    """End a shadow or an A/B test.

    Attributes:
        verdict: Of an A/B test; None of a shadow.
        serves: Which version answers everything from now on.
        because: Why.
    """

    verdict: Verdict | None
    serves: Arm
    because: str


Action = Wait | Raise | Switch | Promote | RollBack | Conclude
