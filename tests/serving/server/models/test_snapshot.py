"""Leases: a version is given back for good exactly when nobody uses it any more."""

from __future__ import annotations

import threading

from lifecycle_models import NumberServable, spec

from serving.server.models.snapshot import ServingVersion, snapshot


def serving(version: int, idle: threading.Event | None = None) -> ServingVersion:
    return ServingVersion("m", version, NumberServable(version), (idle or threading.Event()).set)


def test_the_latest_is_the_highest_number():
    found = snapshot([serving(10), serving(9), serving(-1)], {"m": {"old": -1}})
    assert found.find(spec("m")).version == 10
    assert found.find(spec("m", 9)).version == 9
    assert found.find(spec("m", label="old")).version == -1


def test_a_version_without_leases_is_idle_once_it_is_shut():
    idle = threading.Event()
    one = serving(1, idle)
    assert not idle.is_set()
    one.shut()
    assert idle.is_set()


def test_the_last_lease_makes_a_shut_version_idle():
    idle = threading.Event()
    one = serving(1, idle)
    first, second = one.lease(), one.lease()
    assert first is not None
    assert second is not None
    one.shut()
    assert one.lease() is None
    first.release()
    first.release()
    assert not idle.is_set()
    second.release()
    assert idle.is_set()


def test_a_lease_ends_with_its_block_even_when_that_fails():
    idle = threading.Event()
    one = serving(1, idle)
    lease = one.lease()
    assert lease is not None
    try:
        with lease:
            one.shut()
            raise KeyError
    except KeyError:
        assert idle.is_set()


def test_many_threads_never_hold_a_lease_on_an_idle_version():
    for _ in range(200):
        idle = threading.Event()
        one = serving(1, idle)
        wrong: list[str] = []
        start = threading.Barrier(5)

        def use(
            one: ServingVersion = one,
            idle: threading.Event = idle,
            start: threading.Barrier = start,
            wrong: list[str] = wrong,
        ) -> None:
            start.wait()
            while (lease := one.lease()) is not None:
                if idle.is_set():
                    wrong.append("a lease was given after the version was idle")
                lease.release()

        users = [threading.Thread(target=use) for _ in range(4)]
        for user in users:
            user.start()
        start.wait()
        one.shut()
        for user in users:
            user.join()
        assert idle.is_set()
        assert wrong == []
