"""What is in force on a server: one value that is never changed, only replaced.

A request reads it once, so it sees the old split or the new one, and what it is counted for is the
step that it was dealt in.
"""

from __future__ import annotations

import dataclasses

from serving.rollout.arms import StepAccumulator
from serving.rollout.order import Order
from serving.rollout.plan import Plan
from serving.rollout.routing import Arm
from serving.rollout.split import Split
from serving.rollout.state import State
from serving.server.rollouts.versions import Versions


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A rollout that runs, in one of its steps.

    Attributes:
        plan: What is meant.
        state: How far it has come.
        split: Who answers; everything the stable version where a guard is broken.
        counts: Of this step.
        needs_key: Whether requests' keys make a difference.
    """

    plan: Plan
    state: State
    split: Split
    counts: StepAccumulator
    needs_key: bool

    @classmethod
    def of(cls, plan: Plan, state: State, split: Split, counts: StepAccumulator) -> Trial:
        """Returns the trial in which a split is in force."""
        between = 0 < split.answered < 1 or 0 < split.copied < 1
        return cls(plan=plan, state=state, split=split, counts=counts, needs_key=between)

    def version(self, arm: Arm) -> int:
        """Returns the version of an arm."""
        return self.plan.stable_version if arm is Arm.STABLE else self.plan.candidate_version


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class InForce:
    """An order, as a server carries it out.

    Attributes:
        order: It.
        usual: The version for requests that name none and are not dealt.
        before: The usual one of the order before, which answers until `usual` can; None without.
        trial: The rollout that runs, or None.
    """

    order: Order
    usual: int
    before: int | None = None
    trial: Trial | None = None

    def answering(self, versions: Versions) -> int | None:
        """Returns the usual version, as far as it can be asked, or the one before it.

        Returns:
            None where neither can: then the backend chooses.
        """
        model = self.order.model
        if versions.answers(model, self.usual):
            return self.usual
        if self.before is not None and versions.answers(model, self.before):
            return self.before
        return None
