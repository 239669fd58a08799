"""Fixtures for tests of Beam's engines: a few weeks of flights, and what the direct runner made."""

from __future__ import annotations

import beam_jars
import pytest
from beam_flights import Flights, Made, write_weeks

# What each direct run and each run to compare with it goes through.
TO_TRANSFORM = ("--to", "StatisticsGen", "--to", "Transform")


@pytest.fixture(scope="session")
def flights(tmp_path_factory: pytest.TempPathFactory) -> Flights:
    """The pipeline on a workspace of its own, in which nothing has run."""
    data = tmp_path_factory.mktemp("departures")
    write_weeks(data)
    return Flights(tmp_path_factory.mktemp("workspace"), data)


@pytest.fixture(scope="session")
def direct(flights: Flights) -> Made:
    """What statistics and transform are with Beam's own runner."""
    beam_jars.skip_without_java()  # there would be nothing to compare with
    done = flights.run("direct", *TO_TRANSFORM)
    assert done.returncode == 0, done.stdout + done.stderr
    return flights.made()
