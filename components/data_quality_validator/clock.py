"""Whether rules count from now, so that what they found an hour ago may not hold any more.

Light, and lenient: a file that cannot be read asks for nothing here; `rules_file` refuses it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_HOUR_SECONDS = 3600


def hour_asked_for(path: Path, now_sec: float) -> int | None:
    """Returns in which hour a result is found, where it depends on that.

    Args:
        path: A file of rules.
        now_sec: Seconds since 1970.

    Returns:
        Hours since 1970, rounded down; None where no rule counts from now.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return None
    return int(now_sec // _HOUR_SECONDS) if _asks_for_now(document) else None


def _asks_for_now(document: Mapping[str, Any]) -> bool:
    timeliness = document.get("timeliness")
    ages = timeliness.get("age") if isinstance(timeliness, dict) else None
    return isinstance(ages, list) and any(
        isinstance(age, dict) and age.get("relative_to", "now") == "now" for age in ages
    )
