"""A short soak: versions come under load, and the disk of the request log fills up."""

import pytest

from benchmarks.soak import Plan, soak

PLAN = Plan(callers=16, seconds=10, version_every_sec=3)


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    return soak(PLAN, tmp_path_factory.mktemp("soak"))


def test_nothing_goes_wrong(report):
    assert report.problems(PLAN) == []


def test_what_a_full_disk_drops_is_counted(report):
    if not report.disk_filled:
        pytest.skip("no file system can be mounted here, so no disk was filled")
    assert report.log["dropped_disk"] > 0
    assert report.log["written"] == report.logged > 0
