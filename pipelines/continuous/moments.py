"""Moments and stretches of time as a reader sees them, in UTC."""

from __future__ import annotations

import datetime
import math

DAY_SEC = 86_400


def utc(moment_sec: float) -> str:
    """Returns a moment such as `2013-03-04T02:00:00Z`; what lies between seconds is cut off."""
    moment = datetime.datetime.fromtimestamp(math.floor(moment_sec), tz=datetime.UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def day(moment_sec: float) -> int:
    """Returns the number of the UTC day since the epoch that a moment lies in."""
    return math.floor(moment_sec / DAY_SEC)
