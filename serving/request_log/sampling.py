"""Which requests are logged: a pure function of a request's id.

The same id gets the same answer from every replica, on every retry and after a restart, so the two
halves of a joined log are never sampled apart. A lower rate's sample is part of a higher rate's.

Drawing at random would need no id, but has none of this. Choosing the rate, and checking that the
request was answered at all, is for others.

Sources: hash-based selection as in RFC 5475 section 6.2, and Duffield and Grossglauser 2001,
"Trajectory Sampling for Direct Traffic Observation", IEEE/ACM Trans. Networking 9(3).
"""

from __future__ import annotations

import hashlib
import math

from serving.wire.errors import invalid

_HASH_BYTES = 8
_HASH_RANGE = 2 ** (8 * _HASH_BYTES)
# Sets this choice apart from any other that is made by hashing ids, as a traffic split is: with one
# hash for both, the log would see only one side of the split.
_PURPOSE = b"request-log"


def sampled(request_id: str, rate: float) -> bool:
    """Returns whether a request belongs to the sample.

    Args:
        request_id: Any text.
        rate: The share of ids that belong to it, in [0, 1]: at 0 none does, at 1 every one.
    """
    if rate >= 1.0:
        return True
    if rate <= 0.0:
        return False
    # A caller's header may hold what is not UTF-8 and was decoded to lone surrogates.
    text = request_id.encode("utf-8", "surrogatepass")
    digest = hashlib.blake2b(text, digest_size=_HASH_BYTES, person=_PURPOSE).digest()
    return int.from_bytes(digest, "big") < rate * _HASH_RANGE


def checked_rate(rate: float) -> float:
    """Returns a sampling rate that makes sense.

    Raises:
        ServingError: INVALID_ARGUMENT, the rate is not a number in [0, 1].
    """
    if math.isnan(rate) or not 0.0 <= rate <= 1.0:
        message = (
            "sampling_config.sampling_rate must be a share of the requests, from 0 (none) to 1"
            f" (all). Received: {rate}"
        )
        raise invalid(message)
    return rate
