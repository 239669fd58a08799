"""What a server does with each request while a rollout is in a state.

A server needs no more than plan and state: from them follows a `Split`, an immutable value that it
puts in the place of the one before, and asks for each request.
"""

from __future__ import annotations

import dataclasses

from serving.rollout.plan import Plan, Strategy
from serving.rollout.routing import Arm, arm_of
from serving.rollout.state import State


@dataclasses.dataclass(frozen=True, kw_only=True)
class Split:
    """Who answers, and who is asked besides.

    Attributes:
        salt: What deals the keys.
        answered: Share of keys that the candidate answers, in [0, 1].
        copied: Share of keys whose requests it is asked besides, in [0, 1].
    """

    salt: str
    answered: float = 0.0
    copied: float = 0.0

    def answers(self, key: bytes) -> Arm:
        """Returns which version answers requests with a key."""
        if self.answered in {0.0, 1.0}:
            return Arm.CANDIDATE if self.answered else Arm.STABLE
        return arm_of(key, salt=self.salt, share=self.answered)

    def copies(self, key: bytes) -> bool:
        """Returns whether the candidate is asked besides, for nobody's answer."""
        if not self.copied:
            return False
        return arm_of(key, salt=self.salt, share=self.copied) is Arm.CANDIDATE


def split_of(plan: Plan, state: State) -> Split:
    """Returns what a server does in a state."""
    if plan.strategy is Strategy.SHADOW and not state.finished:
        return Split(salt=plan.dealt_by, copied=state.share)
    return Split(salt=plan.dealt_by, answered=state.share)
