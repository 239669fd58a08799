"""What a validation says in the end."""

from __future__ import annotations

import dataclasses


class NotServableError(Exception):
    """The model must not be pushed; the message is the cause, for the blessing and the report."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Verdict:
    """Whether a model may be pushed, and what was measured on the way.

    Attributes:
        cause: Why it may not: what failed, what was expected and received. Empty when it may.
        examples: How many examples were compared between the server and offline.
        signatures: Names of the signatures compared.
        left_out: Names of those that no inputs could be made for, each with the reason.
        p50_ms: Median of single calls, in milliseconds; None when there were none.
        p99_ms: Their 99th percentile.
        max_relative_difference: The largest between two numbers that should be equal, 0 or above;
            infinite where one is no number. None when nothing was compared.
    """

    cause: str = ""
    examples: int = 0
    signatures: tuple[str, ...] = ()
    left_out: tuple[tuple[str, str], ...] = ()
    p50_ms: float | None = None
    p99_ms: float | None = None
    max_relative_difference: float | None = None

    @property
    def blessed(self) -> bool:
        """Whether the model may be pushed."""
        return not self.cause
