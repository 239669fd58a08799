from __future__ import annotations

import threading

import pytest

from serving.request_log.backlog import Backlog


def taken(backlog: Backlog, most_bytes: int = 1000) -> list[bytes]:
    return [b"".join(parts) for parts in backlog.take(most_bytes)]


def test_records_come_out_in_order():
    backlog = Backlog(10, 1000)
    for data in (b"1", b"2", b"3"):
        assert backlog.put((data,))
    assert len(backlog) == 3
    assert taken(backlog, 2) == [b"1", b"2"]
    assert taken(backlog) == [b"3"]
    assert taken(backlog) == []


def test_what_is_taken_is_bounded_but_a_large_one_comes_out_alone():
    backlog = Backlog(10, 1000)
    for size in (500, 1, 99, 1, 101, 0):
        backlog.put((bytes(size),))
    sizes = [[len(data) for data in taken(backlog, 100)] for _ in range(6)]
    assert sizes == [[500], [1, 99], [1], [101], [0], []]


@pytest.mark.parametrize(
    ("size", "fit"),
    [(0, 5), (1, 5), (20, 5), (21, 4), (50, 2), (100, 1), (101, 0)],
)
def test_it_is_bounded_by_records_and_by_bytes(size, fit):
    backlog = Backlog(max_records=5, max_bytes=100)
    assert [backlog.put((bytes(size),)) for _ in range(7)] == [True] * fit + [False] * (7 - fit)
    assert (backlog.offered, backlog.refused) == (7, 7 - fit)
    taken(backlog, 1)
    assert backlog.put((bytes(size),)) is (fit > 0)


def test_a_closed_one_takes_no_more_and_gives_what_it_has():
    backlog = Backlog(5, 100)
    backlog.put((b"1",))
    backlog.close()
    assert not backlog.put((b"2",))
    assert taken(backlog) == [b"1"]
    backlog.wait(None, 1000)  # returns, since nothing else will come
    assert backlog.closed


def test_an_emptied_one_is_waited_for_again():
    backlog = Backlog(5, 100)
    backlog.put((b"1",))
    taken(backlog)
    backlog.wait(0, 1000)  # would linger if it still looked filled


@pytest.mark.parametrize(("records", "size"), [(5, 1), (2, 25)])
def test_a_half_full_one_is_not_lingered_over(records, size):
    backlog = Backlog(10, 100)
    for _ in range(records):
        backlog.put((bytes(size),))
    backlog.wait(None, 1000)
    assert len(taken(backlog)) == records


def test_one_that_was_half_full_is_lingered_over_again():
    backlog = Backlog(4, 100)
    for _ in range(3):
        backlog.put((b"12345",))
    taken(backlog, 10)
    assert len(backlog) == 1
    waiting = threading.Thread(target=backlog.wait, args=(None, 1000))
    waiting.start()
    waiting.join(0.1)
    assert waiting.is_alive()
    backlog.close()
    waiting.join(60)
    assert not waiting.is_alive()


def test_many_threads_may_put():
    backlog = Backlog(1_000_000, 1_000_000)

    def put_many(name: int) -> None:
        for number in range(2000):
            backlog.put((b"%d:%d" % (name, number),))

    threads = [threading.Thread(target=put_many, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    found: list[bytes] = []
    while len(found) < 8000:
        backlog.wait(10, 0.001)
        found += taken(backlog)
    for thread in threads:
        thread.join()
    for name in range(4):
        own = [data for data in found if data.startswith(b"%d:" % name)]
        assert own == [b"%d:%d" % (name, number) for number in range(2000)]
    assert (backlog.offered, backlog.refused, len(backlog)) == (8000, 0, 0)
