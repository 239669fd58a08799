"""What a label and the served row that it is about have in common, as bytes. Pure.

A label names either a request, and the row in it, or an entity, by the values of some columns:

    request_id  row       by_request("7f…", 0)
    flight_id             by_entity(["2013-07-04-UA-7-JFK"])

Values of an entity are compared as text, since a CSV file has no types: whole numbers by their
digits, texts as they are. Other numbers name nothing.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any


def by_request(request_id: str, row: int) -> bytes:
    """Returns the key of a row of a request."""
    return f"r{row}\0{request_id}".encode()


def is_of_request(key: bytes) -> bool:
    """Returns whether a key is of a row of a request, and not of an entity."""
    return key.startswith(b"r")


def by_entity(values: Sequence[str]) -> bytes:
    """Returns the key of an entity.

    Args:
        values: As texts, in the order of the columns.
    """
    # A single text is itself; of several, no two lists may look alike.
    return b"e" + (values[0] if len(values) == 1 else json.dumps(values)).encode()


def as_text(value: Any) -> str | None:
    """Returns a column's value as text; None where it names nothing."""
    if isinstance(value, bytes):
        try:
            return value.decode() or None
        except UnicodeDecodeError:
            return None
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else None
    if value is None or isinstance(value, bool):
        return None
    return str(value) or None
