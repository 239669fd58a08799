"""Requests to a real server that is killed while they are under way."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from pipelines.errors import RingwayError
from pipelines.replay import logged, processes
from pipelines.replay.days import Day
from pipelines.replay.departures import Departures
from pipelines.replay.processes import Process
from pipelines.replay.traffic import Traffic
from pipelines.workspace import Workspace
from serving import clock

MODEL = "flights"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a model that answers 0.25 to every example."""
    folder = tmp_path_factory.mktemp("home")

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def serve(examples: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"outputs": tf.fill([tf.size(examples), 1], 0.25)}

    module = tf.Module()
    module.serve = serve
    tf.saved_model.save(module, str(folder / "models" / MODEL / "7"), signatures=serve)
    clock.set_to(folder / "clock", Day(28).begins_sec)
    return folder


def _server(home: Path) -> tuple[Process, int]:
    port = processes.free_port()
    environment = processes.environment(home, home / "clock")
    arguments = ("serve", MODEL, "--port", str(port), "--rest-port", "0")
    return Process("server", arguments, environment, home / "server.log"), port


def test_all_departures_are_answered_and_logged_though_the_server_is_killed(
    home: Path, weeks: Path
) -> None:
    departures = Departures.read(weeks, [5])
    server, port = _server(home)
    log = Workspace.from_environment({"RINGWAY_HOME": str(home)}).request_log_root(MODEL)
    traffic = Traffic(MODEL, departures, server, port, log)
    everything = np.arange(len(departures))
    try:
        traffic.start()
        traffic.ask(everything, kill_after_sec=[0.02])
        traffic.ask_again(Day(28), Day(34))
    finally:
        server.stop()
    assert (server.kills, len(server.gone_at)) == (1, 1)
    assert set(traffic.answers.version) == {7}
    assert set(traffic.answers.prediction) == {0.25}
    assert logged.request_ids(log, Day(28).begins_sec) == set(departures.ids)


def test_a_process_that_has_ended_is_started_again(home: Path) -> None:
    server, _ = _server(home)
    try:
        assert server.ensure()
        assert not server.ensure()
        first = server.pid
        server.kill()
        assert server.alive
        assert server.pid != first
        assert (server.starts, server.kills, len(server.gone_at)) == (2, 1, 1)
    finally:
        server.stop()
    assert not server.alive


def test_a_command_that_fails_tells_where_its_words_are(tmp_path: Path) -> None:
    environment = processes.environment(tmp_path, tmp_path / "clock")
    with pytest.raises(RingwayError, match="exit code 2") as caught:
        processes.ringway(("run", "flihgts"), environment, tmp_path / "log")
    assert str(tmp_path / "log") in caught.value.remedy
    assert "flihgts" in (tmp_path / "log").read_text()
