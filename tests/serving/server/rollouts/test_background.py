"""Work that nobody waits for: bounded, later, and unable to hurt."""

from __future__ import annotations

import asyncio

from serving.server.rollouts.background import Background


def test_work_begins_after_the_turn_it_was_given_in():
    async def run():
        order = []

        async def work():
            order.append("work")

        background = Background()
        assert background.submit(work)
        asyncio.get_running_loop().call_soon(order.append, "answer is written")
        order.append("answer")
        await asyncio.sleep(0.01)
        await background.close()
        return order

    assert asyncio.run(run()) == ["answer", "answer is written", "work"]


def test_what_does_not_fit_is_refused_until_there_is_room():
    async def run():
        gate = asyncio.Event()
        background = Background(most=2)
        taken = [background.submit(gate.wait) for _ in range(3)]
        gate.set()
        await asyncio.sleep(0.01)
        taken.append(background.submit(gate.wait))
        await background.close()
        return taken

    assert asyncio.run(run()) == [True, True, False, True]


def test_work_that_fails_gives_its_place_back_and_is_logged(caplog):
    async def run():
        async def fail():
            raise KeyError("no")

        background = Background(most=1)
        for _ in range(3):
            assert background.submit(fail)
            await asyncio.sleep(0.01)
        await background.close()

    asyncio.run(run())
    assert len(caplog.records) == 3


def test_closing_ends_what_runs_and_takes_no_more():
    async def run():
        background = Background()
        forever = asyncio.Event()
        background.submit(forever.wait)
        await asyncio.sleep(0.01)
        background.submit(forever.wait)
        await background.close()
        await asyncio.sleep(0.01)
        return background.submit(forever.wait)

    assert asyncio.run(run()) is False
