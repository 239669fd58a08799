"""Where a replay keeps what it makes, and which version it finds serving there."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Final

from pipelines.workspace import Workspace
from serving.rollout import order as orders

NAME: Final = "flights"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Place:
    """Where a replay keeps what it makes.

    Attributes:
        home: The workspace of its processes.
    """

    home: Path

    @property
    def clock(self) -> Path:
        """The simulated clock."""
        return self.home / "clock"

    @property
    def coming(self) -> Path:
        """All weeks, those that are still to come as well."""
        return self.home / "coming"

    @property
    def data(self) -> Path:
        """The weeks that have come."""
        return self.home / "weeks"

    @property
    def settings(self) -> Path:
        """The TOML file that every command is given."""
        return self.home / "replay.toml"

    @property
    def logs(self) -> Path:
        """What the processes say."""
        return self.home / "logs" / "replay"

    @property
    def workspace(self) -> Workspace:
        """The workspace."""
        return Workspace.from_environment({"RINGWAY_HOME": str(self.home)})


def version_that_serves(place: Place) -> int:
    """Returns the version that answers while nothing is rolled out."""
    order = orders.read(place.workspace.rollout_root(NAME))
    if order is not None:
        return order.serves
    return max(
        int(path.name)
        for path in place.workspace.model_root(NAME).iterdir()
        if path.name.isdecimal()
    )
