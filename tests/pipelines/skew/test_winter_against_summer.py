"""Two weeks of winter as the baseline of two weeks of summer, from the departures that ship."""

from __future__ import annotations

import json

import pytest

WINTER, SUMMER = "5:6", "30:31"
WEATHER = {"weather_temp", "weather_dewp"}  # no two distributions of New York's year differ more


@pytest.fixture(scope="module")
def found(make_ringway):
    ringway = make_ringway()
    done = ringway(
        "skew", "flights", "--spans", SUMMER, "--against-spans", WINTER, "--format", "json"
    )
    assert done.stdout.startswith("{"), done.stdout + done.stderr
    return done.returncode, json.loads(done.stdout)


def test_the_weather_has_drifted(found):
    code, said = found
    assert (code, said["status"], said["against"]) == (3, "ALARM", "previous")
    drifted = {
        one["feature"]
        for one in said["findings"]
        if one["status"] == "ALARM" and one["kind"] == "drift"
    }
    assert drifted >= WEATHER


def test_what_was_compared_is_said(found):
    _, said = found
    assert said["title"] == "flights: spans 30 to 31 against spans 5 to 6"
    # As many departures as the weeks have, some 6,000 each.
    assert 10_000 < said["training_rows"] < 14_000
    assert 10_000 < said["serving_rows"] < 14_000


def test_flights_of_two_seasons_are_not_joined(found):
    _, said = found
    assert "feature" not in {one["kind"] for one in said["findings"]}
