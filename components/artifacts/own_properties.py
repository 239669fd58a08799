"""Texts that an artifact keeps as custom properties."""

from __future__ import annotations

# PostgreSQL refuses an index entry of more than 2,704 bytes, and ML Metadata indexes its texts.
MAX_TEXT_BYTES = 2_000


def fitting(text: str) -> str:
    """Returns a text as far as it can be kept in one property."""
    return text.encode()[:MAX_TEXT_BYTES].decode(errors="ignore")
