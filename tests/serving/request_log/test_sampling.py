from __future__ import annotations

import hashlib
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.request_log.sampling import checked_rate, sampled
from serving.wire.errors import ServingError, StatusCode

IDS = [f"request-{number}" for number in range(20_000)]


@pytest.mark.parametrize("request_id", ["", "a", "request-1", "\udcff", "ü" * 1000])
def test_rate_0_takes_none_and_rate_1_all(request_id):
    assert not sampled(request_id, 0.0)
    assert sampled(request_id, 1.0)
    assert sampled(request_id, 0.5) in {True, False}


@pytest.mark.parametrize("rate", [0.001, 0.01, 0.1, 0.5, 0.9])
def test_the_share_is_the_rate(rate):
    # Binomial: five standard deviations, which chance exceeds once in a million.
    taken = sum(sampled(request_id, rate) for request_id in IDS)
    spread = math.sqrt(len(IDS) * rate * (1 - rate))
    assert abs(taken - rate * len(IDS)) < 5 * spread


@given(st.text(), st.floats(0, 1), st.floats(0, 1))
def test_a_lower_rates_sample_is_part_of_a_higher_rates(request_id, one, other):
    low, high = sorted((one, other))
    assert sampled(request_id, low) <= sampled(request_id, high)


def test_it_is_independent_of_another_choice_by_hash():
    def other_half(request_id: str) -> bool:
        return hashlib.blake2b(request_id.encode(), digest_size=8).digest()[0] < 128

    half = [request_id for request_id in IDS if other_half(request_id)]
    taken = sum(sampled(request_id, 0.5) for request_id in half)
    assert abs(taken - len(half) / 2) < 5 * math.sqrt(len(half) / 4)


@pytest.mark.parametrize("rate", [0, 0.25, 1])
def test_a_share_is_a_rate(rate):
    assert checked_rate(rate) == rate


@pytest.mark.parametrize("rate", [-0.001, 1.001, math.nan, math.inf, -math.inf])
def test_anything_else_is_an_invalid_argument(rate):
    with pytest.raises(
        ServingError, match=rf"from 0 \(none\) to 1 \(all\)\. Received: {rate}"
    ) as e:
        checked_rate(rate)
    assert e.value.code == StatusCode.INVALID_ARGUMENT
