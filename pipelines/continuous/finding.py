"""What a trigger finds in a snapshot: a reason to run, or one that is not strong enough yet."""

from __future__ import annotations

import dataclasses

# Names of triggers, as they stand in ML Metadata and in `ringway runs`.
ON_DEMAND = "on demand"
PERFORMANCE = "performance"
DRIFT = "drift"
SKEW = "skew"
NEW_SPAN = "new span"
SCHEDULE = "schedule"
RETRY = "retry"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Finding:
    """A reason to run.

    Attributes:
        trigger: Which trigger found it.
        what: What was found, in words that "asks for a run" could follow.
        evidence: Names of what was seen; never empty.
        waits_for: What is lacking before it makes a run; empty where it does so now.
        not_before_sec: When it may do so at the earliest; None where no time can be told.
        urgent: Whether neither the cool-down nor a lack of new data holds it back.
        needs_data: Whether it is worth a run only where there is data that no training has read.
    """

    trigger: str
    what: str
    evidence: tuple[str, ...]
    waits_for: str = ""
    not_before_sec: float | None = None
    urgent: bool = False
    needs_data: bool = True
