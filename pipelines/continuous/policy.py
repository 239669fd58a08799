"""When the loop runs the pipeline by itself: one frozen value, checked as `pipelines.config` does.

    TriggerPolicy(schedule="0 2 * * 1", time_zone="America/New_York", runs_per_day=2)

What the fields do is told in `triggers` and `brakes`.
"""

from __future__ import annotations

import dataclasses

from pipelines import typed_values
from pipelines.continuous import cron
from pipelines.typed_values import ConfigValueError, Count, PositiveInt, Seconds


@dataclasses.dataclass(frozen=True, kw_only=True)
class TriggerPolicy:
    """What makes a run, and what holds it back.

    Attributes:
        on_demand: Whether to run when somebody asks.
        schedule: Cron expression of five fields; none where empty. A moment that passed while
            nothing could run is made up for, once.
        time_zone: IANA name of the zone that the schedule is read in.
        new_spans: How many new spans make a run; 0 for never.
        performance: Whether to run when live performance is DEGRADED.
        performance_windows: In how many windows it has to be, one after the other.
        drift: Whether to run on drift.
        skew: Whether to run on skew; what is fed wrongly is often not mended by training.
        alarm_windows: In how many windows, one after the other, skew or drift has to alarm.
        alarm_for_sec: How long an alarm, or degraded performance, has to stand beside that.
        min_new_rows: Rows that no training has read, without which no run is worth it; a run that
            somebody asks for, and a retry, need none.
        cool_down_sec: How long after the end of a run the next one begins at the earliest.
        failed_cool_down_sec: The same after a run that failed, or whose data or model was refused;
            doubled with each such run in a row.
        max_cool_down_sec: What the doubling stops at.
        runs_per_day: How many runs the loop decides on in a UTC day, retries and those that were
            asked for among them.
        retries: How often a run that failed is tried again.
        max_interruptions: How many runs of one decision may be killed before it counts as failed.
        claim_expires_sec: After how long a run that another watcher decided on, and that shows no
            sign of life, is given up; longer than any run takes.
    """

    on_demand: bool = True
    schedule: str = ""
    time_zone: str = "UTC"
    new_spans: Count = 1
    performance: bool = True
    performance_windows: PositiveInt = 1
    drift: bool = True
    skew: bool = True
    alarm_windows: PositiveInt = 2
    alarm_for_sec: Seconds = 0.0
    min_new_rows: Count = 1
    cool_down_sec: Seconds = 3_600.0
    failed_cool_down_sec: Seconds = 3_600.0
    max_cool_down_sec: Seconds = 86_400.0
    runs_per_day: PositiveInt = 4
    retries: Count = 1
    max_interruptions: PositiveInt = 25
    claim_expires_sec: Seconds = 86_400.0

    def __post_init__(self) -> None:
        typed_values.check_fields(self)
        if reason := cron.why_bad_zone(self.time_zone):
            raise ConfigValueError("time_zone", reason, remedy="Take a name such as Europe/Berlin.")
        if self.schedule and (reason := cron.why_bad_expression(self.schedule)):
            raise ConfigValueError(
                "schedule", reason, remedy="Take one such as '0 2 * * 1': Mondays at two."
            )
