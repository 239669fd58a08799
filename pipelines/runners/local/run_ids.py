"""Names of runs: they sort by time and never collide."""

from __future__ import annotations

import datetime


def run_id(pipeline: str, now_sec: float, token: str) -> str:
    """Returns a name such as `taxi-20260102-030405-ab12`.

    Args:
        pipeline: The pipeline's name.
        now_sec: The time in seconds since the epoch; shown in UTC.
        token: A few random letters that tell runs of the same second apart.
    """
    time = datetime.datetime.fromtimestamp(now_sec, tz=datetime.UTC)
    return f"{pipeline}-{time:%Y%m%d-%H%M%S}-{token}"
