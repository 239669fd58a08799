"""A timer that is moved without being touched: against a clock and a loop moved by hand."""

from typing import Any

from serving.server.rest.alarm import Alarm


class HandMovedLoop:
    """What an alarm asks of a loop, with time that passes only when told."""

    def __init__(self):
        self.now = 0.0
        self.timers = []
        self.made = 0

    def time(self):
        return self.now

    def call_later(self, seconds, work):
        self.made += 1
        timer = Timer(self.now + seconds, work)
        self.timers.append(timer)
        return timer

    def pass_to(self, when):
        while due := [timer for timer in self.timers if not timer.over and timer.when <= when]:
            first = min(due, key=lambda timer: timer.when)
            self.now = first.when
            first.over = True
            first.work()
        self.now = when


class Timer:
    def __init__(self, when, work):
        self.when, self.work, self.over = when, work, False

    def cancel(self):
        self.over = True


def made():
    loop: Any = HandMovedLoop()
    done: list[Any] = []
    return loop, Alarm(loop), lambda name: lambda: done.append((name, loop.now)), done


def test_it_does_what_was_set_last_when_that_is_due():
    loop, alarm, note, done = made()
    alarm.set(10, note("first"))
    loop.pass_to(4)
    alarm.set(10, note("second"))
    loop.pass_to(13.9)
    assert done == []
    loop.pass_to(100)
    assert done == [("second", 14)]


def test_what_is_due_earlier_is_done_earlier():
    loop, alarm, note, done = made()
    alarm.set(10, note("late"))
    alarm.set(0.5, note("soon"))
    loop.pass_to(100)
    assert done == [("soon", 0.5)]


def test_many_short_waits_take_few_timers():
    loop, alarm, note, done = made()
    for step in range(1_000):
        loop.pass_to(step / 100)
        alarm.set(30, note("call"))
        alarm.set(75, note("idle"))
    assert loop.made == 1
    loop.pass_to(1_000)
    assert done == [("idle", 9.99 + 75)]


def test_off_means_off_until_it_is_set_again():
    loop, alarm, note, done = made()
    alarm.set(1, note("never"))
    alarm.off()
    loop.pass_to(10)
    alarm.set(1, note("again"))
    loop.pass_to(20)
    assert done == [("again", 11)]


def test_a_stopped_alarm_leaves_nothing_in_the_loop():
    loop, alarm, note, done = made()
    alarm.set(1, note("never"))
    alarm.stop()
    assert all(timer.over for timer in loop.timers)
    loop.pass_to(10)
    assert done == []
