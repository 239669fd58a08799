r"""Which arm answers a request: a pure function of its key, the rollout's salt and the share.

A key has a fixed position in [0, 1), the first 64 bits of a BLAKE2b hash of salt and key, and the
candidate answers those whose position is below its share. From this follows all that is promised:

- the arm of a key is the same in every process, on every machine and Python;
- it changes only when the share does, and if the share rises, only toward the candidate;
- of many keys the candidate gets its share, within a binomial error;
- rollouts with other salts deal the keys anew, independently of this one.

The share is one of keys. Where few keys send most requests, the share of requests can differ.

What the arm of a key is can be asked without this code. The hash is that of

    printf '%s\0%s' SALT KEY | b2sum -l 64

whose 16 digits, read as a number and divided by 2**64, are the position.

Taking the key out of a request is left to `sticky_key`.

Source: Aumasson et al. 2013, BLAKE2: simpler, smaller, fast as MD5 (RFC 7693).
"""

from __future__ import annotations

import enum
import hashlib

_BYTES = 8
_POSITIONS = 1 << (8 * _BYTES)


class Arm(enum.Enum):
    """Which of the two versions."""

    STABLE = "stable"
    CANDIDATE = "candidate"


def arm_of(key: bytes, *, salt: str, share: float) -> Arm:
    """Returns the version that answers requests with a key.

    Args:
        key: What sticks to one arm, such as a customer's number.
        salt: The rollout's own, without the character NUL.
        share: Of keys that the candidate answers, in [0, 1].
    """
    # In whole numbers, so that a share of 1 takes every key and one of 0 takes none.
    return Arm.CANDIDATE if _hash(key, salt) < share * _POSITIONS else Arm.STABLE


def position(key: bytes, *, salt: str) -> float:
    """Returns where a key stands, in [0, 1], for people to read; `arm_of` is exact."""
    # float64 holds 53 bits; rounded from 64, the last positions would be 1.
    return (_hash(key, salt) >> 11) / 2**53


def _hash(key: bytes, salt: str) -> int:
    # NUL stands in no salt, so no two pairs of salt and key run together to the same bytes.
    digest = hashlib.blake2b(salt.encode() + b"\0" + key, digest_size=_BYTES).digest()
    return int.from_bytes(digest, "big")
