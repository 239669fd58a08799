"""What a rollout asks of whoever holds the versions of models.

That is `serving.server.models.manager` for those of this process, and
`serving.backends.remote.versions` for those of a server behind.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol


class Versions(Protocol):
    """Versions of models, loaded or not; for the event loop."""

    def pin(self, versions: Mapping[str, Collection[int]]) -> None:
        """Has these versions loaded, and no others; models left out follow their configuration.

        Args:
            versions: Numbers by model, the one that shall answer for certain first.
        """

    def answers(self, model: str, version: int) -> bool:
        """Returns whether a version can be asked at this moment; asked for each request."""

    def available(self, model: str) -> tuple[int, ...]:
        """Returns the versions of a model that can be asked, in rising order."""

    def failure(self, model: str, version: int) -> str:
        """Returns why a pinned version cannot be loaded; empty while it may be."""
