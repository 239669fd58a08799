"""Request ids: what joins an answer, its record in the request log and a label that comes later.

A caller may send one as `x-request-id`, in gRPC metadata or as an HTTP header; otherwise the server
makes one. It comes back under the same name.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable

HEADER = "x-request-id"
MAX_LENGTH = 128

# What may stand in an HTTP header, a log line and a file of labels without being escaped.
_VALID = re.compile(rf"[A-Za-z0-9._:/+=@-]{{1,{MAX_LENGTH}}}")


# Asking the system for randomness lets another thread run, and the event loop then waits for its
# turn: at some thousand requests a second that is a tenth of the time. So it is asked for many ids.
_AT_ONCE = 256
_ID_BYTES = 16
_spare: list[str] = []
os.register_at_fork(after_in_child=_spare.clear)  # else two processes would give the same ids


def new_request_id() -> str:
    """Returns a random id of 32 hexadecimal digits; from any thread."""
    try:
        return _spare.pop()
    except IndexError:
        digits, size = os.urandom(_AT_ONCE * _ID_BYTES).hex(), 2 * _ID_BYTES
        made = [digits[at : at + size] for at in range(0, len(digits), size)]
        _spare.extend(made[1:])
        return made[0]


def request_id_from(value: object, make: Callable[[], str] = new_request_id) -> str:
    """Returns the caller's id where it sent a usable one, else a new one.

    Args:
        value: What came as `x-request-id`: a text, or None or anything else.
        make: Makes a new id.
    """
    if isinstance(value, str) and _VALID.fullmatch(value):
        return value
    return make()
