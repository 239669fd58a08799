"""A server on a simulated clock: records, shards and rollbacks have its time."""

from __future__ import annotations

import os
import subprocess

from model_server import COMMAND, REPOSITORY, until
from rollout_orders import CANDIDATE, STABLE, answer, plan, running

from serving import clock
from serving.request_log.reader import LogReader

JANUARY = 1_357_000_000.0  # 2013
DAY = 86_400.0


def test_what_is_recorded_has_the_simulated_time_and_a_jump_finishes_the_shard(place):
    file = place.root / "clock"
    clock.set_to(file, JANUARY)
    place.push(STABLE, CANDIDATE)
    place.order(running(plan(), step=1))
    with place.serving(environment={clock.VARIABLE: str(file)}) as server:
        assert answer(server) == (CANDIDATE, 0.5)
        report = place.reports(lambda report: report.snapshot.candidate.requests == 1)
        assert report.first_candidate_sec == JANUARY
        clock.set_to(file, JANUARY + DAY)
        first = until(lambda: list(LogReader(place.root / "log", until=JANUARY + 1)))
        assert [record.log_metadata.timestamp_secs for record in first] == [JANUARY]
        answer(server)
        file.unlink()  # a simulation ends before its server does
        answer(server)
        assert server.stop() == 0
    times = [record.log_metadata.timestamp_secs for record in LogReader(place.root / "log")]
    assert times == [JANUARY, JANUARY + DAY, JANUARY + DAY]


def test_a_clock_that_cannot_be_read_is_refused_at_the_start(place):
    done = subprocess.run(
        [*COMMAND, f"--model_base_path={place.base}"],
        cwd=REPOSITORY,
        env={**os.environ, clock.VARIABLE: str(place.root / "none")},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 255
    assert "RINGWAY_CLOCK names no clock" in done.stdout
