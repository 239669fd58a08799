"""What goes wrong in a rollout before any request is touched.

RolloutError (ValueError)   a plan, state or snapshot that cannot be meant
"""


class RolloutError(ValueError):
    """A plan, a state or a snapshot that is not whole, or whose values cannot be meant."""
