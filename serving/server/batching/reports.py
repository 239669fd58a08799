"""What is known about a batch once it has been computed.

Counting and exporting it is for `serving.monitoring`.
"""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True)
class BatchReport:
    """One call of a model, for metrics.

    Attributes:
        signature: That was computed.
        rows: Of each request in the call, in its order; 1 for a request that has no rows to count.
        padded_rows: Rows added to reach an allowed batch size, and thrown away after.
        queue_time_sec: What each request waited from its arrival to the start of the call.
        run_time_sec: What the call took, joining and splitting included.
    """

    signature: str
    rows: tuple[int, ...]
    padded_rows: int
    queue_time_sec: tuple[float, ...]
    run_time_sec: float

    @property
    def requests(self) -> int:
        """How many requests shared the call."""
        return len(self.rows)

    @property
    def batch_size(self) -> int:
        """Rows that the model computed, padding included."""
        return sum(self.rows) + self.padded_rows
