"""What goes wrong in a rollout before any request is touched.

RolloutError (ValueError)               a plan, state or snapshot that cannot be meant
└── UnreadableOrderError (also OSError) an order that is there, and may be read a moment later
"""


class RolloutError(ValueError):
    """A plan, a state or a snapshot that is not whole, or whose values cannot be meant."""


class UnreadableOrderError(RolloutError, OSError):
    """An order is there and the machine does not give it away; that is not "no order"."""
