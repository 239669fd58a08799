"""Mutations of valid bytes, decided by a seeded source of randomness."""

from __future__ import annotations

import random
from collections.abc import Sequence

from hypothesis import strategies as st

_LENGTHS = (0, 1, 1, 2, 4, 16)


def mutated(seed: bytes, dice: random.Random, pieces: Sequence[bytes] = ()) -> bytes:
    """Returns bytes that differ from a seed in one to five places."""
    body = bytearray(seed)
    for _ in range(dice.randint(1, 5)):
        at = dice.randrange(len(body) + 1)
        _CHANGES[dice.randrange(len(_CHANGES))](body, at, dice, pieces)
    return bytes(body)


def _flip(body: bytearray, at: int, dice: random.Random, _: Sequence[bytes]) -> None:
    if at < len(body):
        body[at] ^= 1 << dice.randrange(8)


def _replace(body: bytearray, at: int, dice: random.Random, pieces: Sequence[bytes]) -> None:
    piece = dice.choice([*pieces, dice.randbytes(dice.randint(1, 4))])
    body[at : at + dice.choice(_LENGTHS)] = piece


def _cut(body: bytearray, at: int, dice: random.Random, _: Sequence[bytes]) -> None:
    del body[at : at + dice.choice(_LENGTHS)]


def _double(body: bytearray, at: int, dice: random.Random, _: Sequence[bytes]) -> None:
    body[at:at] = body[at : at + dice.choice(_LENGTHS)]


def _truncate(body: bytearray, at: int, dice: random.Random, _: Sequence[bytes]) -> None:
    if dice.random() < 0.2:  # often enough; a short body hides what its end would do
        del body[at:]


_CHANGES = (_flip, _flip, _replace, _replace, _cut, _double, _truncate)


def dice() -> st.SearchStrategy[random.Random]:
    """Returns a strategy of seeded dice."""
    return st.integers(0, 2**32).map(random.Random)
