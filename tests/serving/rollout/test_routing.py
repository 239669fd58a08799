import itertools
import math
import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.rollout.routing import Arm, arm_of, position

KEYS = 100_000
SHARES = st.floats(0, 1)

# printf '%s\0%s' SALT KEY | b2sum -l 64, of coreutils 9.1
B2SUM = [
    ("flights-12", b"customer-1", 0x6F0A84792DD6A93B),
    ("flights-12", b"customer-2", 0xDCF9A607419EA985),
    ("flights-12", b"", 0x326E2A9DED5A9D9E),
    ("s", b"\xff\x00\x01", 0xAF539A442A047FAC),
]


def candidates(share: float, salt: str = "flights-12", keys: int = KEYS) -> set[int]:
    return {
        key
        for key in range(keys)
        if arm_of(b"customer-%d" % key, salt=salt, share=share) is Arm.CANDIDATE
    }


@pytest.mark.parametrize(("salt", "key", "digest"), B2SUM)
def test_the_position_is_what_coreutils_compute(salt: str, key: bytes, digest: int) -> None:
    assert position(key, salt=salt) == (digest >> 11) / 2**53


@pytest.mark.parametrize("share", [0.01, 0.05, 0.25, 0.5])
@pytest.mark.parametrize("salt", ["flights-12", "flights-13"])
def test_the_share_of_100_000_keys_is_within_its_binomial_error(share: float, salt: str) -> None:
    error = math.sqrt(share * (1 - share) / KEYS)
    # 4 standard errors: a sound hash fails one of these cases once in 2,000 choices of keys.
    assert abs(len(candidates(share, salt)) / KEYS - share) < 4 * error


def test_a_key_only_moves_toward_the_candidate_when_the_share_rises() -> None:
    steps = [candidates(share) for share in (0.0, 0.01, 0.05, 0.25, 1.0)]

    assert steps[0] == set()
    assert all(sooner < later for sooner, later in itertools.pairwise(steps))
    assert len(steps[-1]) == KEYS


@given(
    key=st.binary(),
    salt=st.text(st.characters(exclude_characters="\0"), max_size=8),
    shares=st.tuples(SHARES, SHARES),
)
def test_no_key_leaves_the_candidate_as_the_share_rises(
    key: bytes, salt: str, shares: tuple[float, float]
) -> None:
    low, high = sorted(shares)
    at_low, at_high = (arm_of(key, salt=salt, share=share) for share in (low, high))

    assert at_low is arm_of(key, salt=salt, share=low)
    assert (at_low, at_high) != (Arm.CANDIDATE, Arm.STABLE)


@given(key=st.binary(), salt=st.sampled_from(["a", "b"]))
def test_no_share_takes_no_key_and_the_whole_takes_every_key(key: bytes, salt: str) -> None:
    assert arm_of(key, salt=salt, share=0.0) is Arm.STABLE
    assert arm_of(key, salt=salt, share=1.0) is Arm.CANDIDATE
    assert 0 <= position(key, salt=salt) < 1


def test_rollouts_with_other_salts_deal_keys_independently() -> None:
    share, keys = 0.25, KEYS
    both = candidates(share, "one") & candidates(share, "two")

    expected = share * share
    error = math.sqrt(expected * (1 - expected) / keys)
    assert abs(len(both) / keys - expected) < 4 * error


def test_salt_and_key_do_not_run_together() -> None:
    assert position(b"bc", salt="a") != position(b"c", salt="ab")


def test_positions_are_spread_evenly() -> None:
    bins = [0] * 100
    for key in range(KEYS):
        bins[int(position(b"%d" % key, salt="s") * 100)] += 1

    expected = KEYS / 100
    chi_square = sum((found - expected) ** 2 / expected for found in bins)
    # 99 degrees of freedom: mean 99, standard deviation 14.07; 4.5 of them above.
    assert chi_square < 163


def test_the_arm_is_the_same_in_another_process() -> None:
    code = (
        "from serving.rollout.routing import arm_of\n"
        "print(''.join(arm_of(b'%d' % key, salt='s', share=0.3).value[0] for key in range(500)))"
    )
    env = {**os.environ, "PYTHONHASHSEED": "7"}
    found = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
    )

    here = "".join(arm_of(b"%d" % key, salt="s", share=0.3).value[0] for key in range(500))
    assert found.stdout.strip() == here
