"""What goes wrong with rules of data quality.

ValueError
├── RulesError           a rules file that cannot be used
│   └── ExpressionError  an expression in it; the message says where
└── NotMeasurable        data that a rule cannot be held against: a result, never the end of a run
"""

from __future__ import annotations


class RulesError(ValueError):
    """A file of rules that cannot be used; the message names the file, the key and the remedy."""


class ExpressionError(RulesError):
    """An expression that is none, or mixes types.

    Attributes:
        reason: What is wrong.
        place: The character where, from 1; 0 where it is the whole.
    """

    def __init__(self, reason: str, place: int = 0) -> None:
        super().__init__(f"character {place}: {reason}" if place else reason)
        self.reason = reason
        self.place = place


class NotMeasurable(ValueError):  # noqa: N818  (an answer, not an error)
    """Why a rule cannot be held against the data at hand."""
