"""Orders found in a folder, reports written into it."""

from __future__ import annotations

import asyncio
import errno
import os
import pathlib
import time
from typing import Any

import pytest
from rollout_orders import CANDIDATE, MODEL, STABLE, plan, running

from serving.monitoring.metrics import ServerMetrics
from serving.rollout import order as orders
from serving.rollout import report as reports
from serving.rollout.order import FILE_NAME, Order
from serving.rollout.report import Report
from serving.rollout.routing import Arm
from serving.server.rollouts import follower as following
from serving.server.rollouts.conduct import Conduct
from serving.server.rollouts.follower import Follower, OrderFile, server_name
from serving.wire.errors import ServingError


class Both:
    """Versions that are all there."""

    def pin(self, versions):
        pass

    def answers(self, model, version):
        return True

    def available(self, model):
        return (STABLE, CANDIDATE)

    def failure(self, model, version):
        return ""


def conduct_of(follower):
    return Conduct(
        "host-1",
        Both(),
        metrics=ServerMetrics(),
        now=time.time,
        elapsed=time.monotonic,
        on_broken=follower.wake,
    )


def written(folder) -> Any:
    return reports.read("host-1", folder)


async def comes(condition):
    async with asyncio.timeout(20):
        while not (found := condition()):
            await asyncio.sleep(0.01)
    return found


def test_a_server_has_one_name_before_and_after_a_restart():
    assert server_name("host.example", 8500) == "host.example-8500"
    assert server_name("a/b", 1) == "a_b-1"


def test_an_order_is_told_of_when_it_changes(tmp_path):
    file = OrderFile(tmp_path)
    assert (file.look(), file.order) == (False, None)
    first, second = Order(model=MODEL, serves=1), Order(model=MODEL, serves=2)
    orders.write(first, tmp_path)
    assert (file.look(), file.order) == (True, first)
    assert not file.look()
    orders.write(first, tmp_path)  # another file that says the same
    assert not file.look()
    orders.write(second, tmp_path)
    assert (file.look(), file.order) == (True, second)
    (tmp_path / FILE_NAME).unlink()
    assert (file.look(), file.order) == (True, None)
    assert not file.look()


def test_what_is_no_order_is_told_once_and_leaves_the_one_before(tmp_path, caplog):
    file = OrderFile(tmp_path)
    orders.write(Order(model=MODEL, serves=1), tmp_path)
    file.look()
    (tmp_path / FILE_NAME).write_text("{")
    assert [file.look() for _ in range(3)] == [False] * 3
    assert file.order == Order(model=MODEL, serves=1)
    assert len(caplog.records) == 1
    orders.write(Order(model=MODEL, serves=2), tmp_path)
    assert file.look()


def test_reports_follow_what_happens_and_the_last_one_is_written_at_the_end(tmp_path):
    async def run():
        follower = Follower(tmp_path, "host-1")
        assert await follower.first() is None
        conduct = conduct_of(follower)
        await follower.start(conduct)
        await asyncio.sleep(0.3)
        assert list(tmp_path.iterdir()) == []  # nobody asked
        orders.write(running(plan()), tmp_path)
        found = await comes(lambda: reports.read("host-1", tmp_path))
        assert (found.rollout_id, found.done, found.available) == (
            "chance-12",
            1,
            (STABLE, CANDIDATE),
        )
        conduct.answered(conduct.in_force.trial, Arm.STABLE, 0.001, [0.5])
        await comes(lambda: written(tmp_path).snapshot.stable.requests == 1)
        conduct.answered(conduct.in_force.trial, Arm.STABLE, 0.001, [0.5])
        await follower.close()
        return reports.read("host-1", tmp_path)

    assert asyncio.run(run()).snapshot.stable.requests == 2


def test_a_sign_of_life_is_given_when_nothing_happens(tmp_path, monkeypatch):
    monkeypatch.setattr(following, "ALIVE_SEC", 0.3)

    async def run():
        orders.write(Order(model=MODEL, serves=STABLE), tmp_path)
        follower = Follower(tmp_path, "host-1")
        assert await follower.first() == Order(model=MODEL, serves=STABLE)
        await follower.start(conduct_of(follower))
        path = reports.path_of("host-1", tmp_path)
        await comes(path.exists)
        os.utime(path, (0, 0))
        await comes(lambda: path.stat().st_mtime > 0)
        await follower.close()

    asyncio.run(run())


def test_its_own_report_is_taken_up_also_where_the_order_comes_later(tmp_path):
    own = Report(server="host-1", model=MODEL, rollout_id="chance-12", broken="error_rate: all")
    reports.write(own, tmp_path)

    async def run():
        follower = Follower(tmp_path, "host-1")
        await follower.first()
        conduct = conduct_of(follower)
        await follower.start(conduct)
        orders.write(running(plan()), tmp_path)
        await comes(lambda: conduct.in_force)
        await follower.close()
        return conduct.in_force.trial.split.answered

    assert asyncio.run(run()) == 0.0


def test_a_folder_that_takes_no_report_is_told_once(tmp_path, caplog):
    orders.write(running(plan()), tmp_path)
    (tmp_path / "report-host-1.json").mkdir()

    async def run():
        follower = Follower(tmp_path, "host-1")
        await follower.first()
        conduct = conduct_of(follower)
        await follower.start(conduct)
        for _ in range(3):
            conduct.answered(conduct.in_force.trial, Arm.STABLE, 0.001, [0.5])
            await asyncio.sleep(0.3)
        await follower.close()
        return conduct.in_force.trial.split.answered

    assert asyncio.run(run()) == 0.25
    told = [one for one in caplog.records if "cannot be written" in one.message]
    assert len(told) == 1


def no_files_left(path, *args, **kwargs):
    raise OSError(errno.EMFILE, "Too many open files")


def test_an_order_that_could_not_be_read_once_is_read_at_the_next_look(
    tmp_path, monkeypatch, caplog
):
    file = OrderFile(tmp_path)
    orders.write(Order(model=MODEL, serves=CANDIDATE), tmp_path)
    file.look()
    orders.write(Order(model=MODEL, serves=STABLE), tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(pathlib.Path, "open", no_files_left)
        assert [file.look() for _ in range(3)] == [False] * 3
        assert "Too many open files" in file.problem
    assert len(caplog.records) == 1
    assert (file.look(), file.order) == (True, Order(model=MODEL, serves=STABLE))
    assert file.problem == ""


@pytest.mark.parametrize("damage", ["nobody can read it", "it is none"])
def test_an_order_that_cannot_be_read_at_the_start_is_not_taken_for_none(
    tmp_path, monkeypatch, damage
):
    monkeypatch.setattr(following, "FIRST_SEC", 0.3)
    path = tmp_path / FILE_NAME
    if damage == "it is none":
        path.write_text("{")
    else:
        path.mkdir()

    async def run():
        follower = Follower(tmp_path, "host-1")
        try:
            await follower.first()
        finally:
            await follower.close()

    with pytest.raises(ServingError, match=str(path)):
        asyncio.run(run())


def test_an_order_that_can_be_read_a_moment_later_is_the_first(tmp_path):
    path = tmp_path / FILE_NAME
    path.mkdir()

    async def run():
        follower = Follower(tmp_path, "host-1")
        first = asyncio.create_task(follower.first())
        await asyncio.sleep(0.2)
        assert not first.done()
        path.rmdir()
        orders.write(Order(model=MODEL, serves=STABLE), tmp_path)
        found = await first
        await follower.close()
        return found

    assert asyncio.run(run()) == Order(model=MODEL, serves=STABLE)


def test_a_guard_that_broke_under_another_name_stays_broken(tmp_path):
    orders.write(running(plan()), tmp_path)
    before = Report(
        server="pod-a-8500",
        model=MODEL,
        rollout_id="chance-12",
        broken="error_rate: all",
        broken_sec=5.0,
    )
    reports.write(before, tmp_path)

    async def run():
        follower = Follower(tmp_path, "host-1")
        await follower.first()
        conduct = conduct_of(follower)
        await follower.start(conduct)
        report = conduct.report()
        await follower.close()
        return conduct.in_force.trial.split.answered, report.broken, report.broken_sec

    assert asyncio.run(run()) == (0.0, "error_rate: all", 5.0)


def test_reports_of_other_rollouts_go_after_a_day(tmp_path):
    old = time.time() - 90_000
    for server, rollout_id, at in (
        ("gone-1", "chance-11", old),
        ("gone-2", "", old),
        ("silent-1", "chance-12", old),
        ("new-1", "chance-11", time.time()),
    ):
        reports.write(Report(server=server, model=MODEL, rollout_id=rollout_id), tmp_path)
        os.utime(reports.path_of(server, tmp_path), (at, at))
    orders.write(running(plan()), tmp_path)

    async def run():
        follower = Follower(tmp_path, "host-1")
        await follower.first()
        await follower.start(conduct_of(follower))
        await follower.close()

    asyncio.run(run())
    left = [report.server for report, _ in reports.read_all(tmp_path)]
    assert left == ["host-1", "new-1", "silent-1"]


def test_the_last_report_is_written_also_where_the_one_before_was_not(tmp_path, monkeypatch):
    monkeypatch.setattr(following, "ALIVE_SEC", 60.0)
    orders.write(running(plan()), tmp_path)
    path = reports.path_of("host-1", tmp_path)
    path.mkdir()

    async def run():
        follower = Follower(tmp_path, "host-1")
        await follower.first()
        await follower.start(conduct_of(follower))
        await comes(lambda: follower._complaint)
        path.rmdir()
        await follower.close()

    asyncio.run(run())
    assert written(tmp_path).rollout_id == "chance-12"
