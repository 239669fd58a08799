"""Names that tell whether something was done: of a version by content, of a run by submission."""

from __future__ import annotations

import datetime
import hashlib

# backend/src/apiserver/validation/length.go has 127 for a version's name.
_LONGEST_PIPELINE = 100


def version_name(pipeline: str, content: str) -> str:
    """Returns the name of a version, which is the same for the same content."""
    digest = hashlib.sha256(content.encode()).hexdigest()[:16]
    return f"{pipeline[:_LONGEST_PIPELINE]}-{digest}"


def run_name(asked: str, pipeline: str, now_sec: float, submission_id: str) -> str:
    """Returns the name of a run, which no other submission gives.

    Args:
        asked: The name that a user gave; empty for pipeline and time.
        pipeline: The pipeline's name.
        now_sec: Seconds since the epoch.
        submission_id: What no other submission has.
    """
    moment = datetime.datetime.fromtimestamp(now_sec, tz=datetime.UTC)
    return f"{asked or f'{pipeline}-{moment:%Y%m%d-%H%M%S}'}-{submission_id}"
