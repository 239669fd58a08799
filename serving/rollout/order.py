"""What a server is to do: which versions, and which rollout between them. One file, always whole.

    {"format": 1, "model": "flights", "serves": 11, "plan": {...}, "state": {...}}

It is written by whoever decides, from what is recorded, and read by every server of the model. A
server needs nothing else: from plan and state follows its `split`, and from the order which
versions it has to have loaded. Without the file a server serves as it always did. What servers say
in return is in `report`.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from serving.rollout import json_fields, whole_file
from serving.rollout.errors import RolloutError, UnreadableOrderError
from serving.rollout.json_fields import Fields
from serving.rollout.plan import Plan
from serving.rollout.state import State

FILE_NAME = "order.json"
FORMAT = 1


@dataclasses.dataclass(frozen=True, kw_only=True)
class Order:
    """What servers of a model are to do.

    Attributes:
        model: The model's name.
        serves: Which version answers while no rollout runs; after one that has ended, its winner.
        plan: The rollout that runs or has just ended, so that reports name it; None without one.
        state: How far it has come; None without a plan.

    Raises:
        RolloutError: There is a plan without state, they are of another rollout or model, or
            while it runs something else than the plan's stable version and share is asked for.
    """

    model: str
    serves: int
    plan: Plan | None = None
    state: State | None = None

    def __post_init__(self) -> None:
        if not self.model or self.serves < 0:
            raise RolloutError(
                "order: expected a model and a version of at least 0, received "
                f"{self.model!r} and {self.serves}."
            )
        if (self.plan is None) != (self.state is None):
            raise RolloutError("order: expected plan and state, or neither, received one of them.")
        if self.plan is not None and self.state is not None:
            _check_rollout(self.model, self.plan, self.state)
            if self.running:
                _check_running(self.serves, self.plan, self.state)

    @property
    def running(self) -> bool:
        """Whether a rollout has still to end."""
        return self.state is not None and not self.state.finished

    @property
    def versions(self) -> tuple[int, ...]:
        """Which versions have to be loaded; while a rollout runs, the stable one comes first."""
        if self.plan is None or not self.running:
            return (self.serves,)
        return self.plan.stable_version, self.plan.candidate_version

    def to_json(self) -> str:
        """Returns it as a JSON document, for people too."""
        document = {
            "format": FORMAT,
            "model": self.model,
            "serves": self.serves,
            "plan": self.plan and json.loads(self.plan.to_json()),
            "state": self.state and json.loads(self.state.to_json()),
        }
        return json.dumps(document, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> Order:
        """Reads what `to_json` wrote.

        Raises:
            RolloutError: It is not JSON, or a field is missing, unknown or not valid.
        """
        fields = Fields(json_fields.parse(text, "order"), "order")
        fields.has_format(FORMAT)
        plan, state = fields.take("plan", None), fields.take("state", None)
        order = cls(
            model=fields.text("model"),
            serves=fields.whole("serves"),
            plan=None if plan is None else Plan.from_json(json.dumps(plan)),
            state=None if state is None else State.from_json(json.dumps(state)),
        )
        fields.done()
        return order


def _check_rollout(model: str, plan: Plan, state: State) -> None:
    if plan.model != model:
        raise RolloutError(f"order: expected a plan for {model}, received one for {plan.model}.")
    if state.rollout_id != plan.id or state.step >= len(plan.shares):
        raise RolloutError(
            f"order: expected the state of {plan.id} with {len(plan.shares)} steps, received "
            f"{state.rollout_id}'s in step {state.step + 1}."
        )


def _check_running(serves: int, plan: Plan, state: State) -> None:
    share = plan.shares[state.step] if state.step >= 0 else 0.0
    if (serves, state.share) != (plan.stable_version, share):
        raise RolloutError(
            f"order: expected that {plan.id} has version {plan.stable_version} serve, and a share "
            f"of {share:g} in step {state.step + 1}; received {serves} and {state.share:g}."
        )


def write(order: Order, folder: Path) -> None:
    """Puts an order in the place of the one before; a reader sees the old one or the new one.

    Args:
        order: What to write.
        folder: Where servers look; it is made where it is missing.

    Raises:
        OSError: The folder takes no file, or the disk is full. The order before is as it was.
    """
    folder.mkdir(parents=True, exist_ok=True)
    whole_file.write(order.to_json(), folder / FILE_NAME)


def read(folder: Path) -> Order | None:
    """Returns the order in a folder, or None where there is none.

    Raises:
        RolloutError: The file holds no order; its name stands in the message.
        UnreadableOrderError: It is there and cannot be read, which may pass.
    """
    path = folder / FILE_NAME
    try:
        return whole_file.read(path, "an order", Order.from_json)
    except OSError as error:
        raise UnreadableOrderError(f"{path}: cannot be read: {error}.") from error
