"""Request ids: what joins an answer, its record in the request log and a label that comes later.

A caller may send one as `x-request-id`, in gRPC metadata or as an HTTP header; otherwise the server
makes one. It comes back under the same name.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable

HEADER = "x-request-id"
MAX_LENGTH = 128

# What may stand in an HTTP header, a log line and a file of labels without being escaped.
_VALID = re.compile(rf"[A-Za-z0-9._:/+=@-]{{1,{MAX_LENGTH}}}")


def new_request_id() -> str:
    """Returns a random id of 32 hexadecimal digits."""
    return uuid.uuid4().hex


def request_id_from(value: object, make: Callable[[], str] = new_request_id) -> str:
    """Returns the caller's id where it sent a usable one, else a new one.

    Args:
        value: What came as `x-request-id`: a text, or None or anything else.
        make: Makes a new id.
    """
    if isinstance(value, str) and _VALID.fullmatch(value):
        return value
    return make()
