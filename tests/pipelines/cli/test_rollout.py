"""`ringway rollout` as its user meets it: a real store, versions on disk, a scripted server."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from rollout_pushes import push
from rollout_server import ScriptedServer

from pipelines.cli.rollout import command
from pipelines.errors import MetadataError, UsageError
from pipelines.lineage.store import open_store
from pipelines.workspace import Workspace
from serving.rollout import order


class Place:
    """A workspace with two versions of taxi."""

    def __init__(self, root: Path) -> None:
        self.workspace = Workspace.from_environment({"RINGWAY_HOME": str(root)})
        for version in (1, 2):
            self.version(version)
        self.folder = self.workspace.rollout_root("taxi")
        self.server = ScriptedServer(self.folder, time.time, latest=1)

    def version(self, number: int) -> None:
        folder = self.workspace.model_root("taxi") / str(number)
        folder.mkdir(parents=True)
        (folder / "saved_model.pb").write_text("a model")

    def run(self, *arguments: str) -> Result:
        runner = CliRunner()
        result = runner.invoke(command, arguments, env={"RINGWAY_HOME": str(self.workspace.root)})
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.run("status", "taxi", "--format", "json").output)
        return found

    def start(self, *options: str) -> Result:
        return self.run("start", "taxi", "--version", "2", *options)

    @property
    def serves(self) -> int:
        placed = order.read(self.folder)
        assert placed is not None
        return placed.serves


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture
def served(place: Place) -> Iterator[Place]:
    """A workspace whose server follows its orders by itself."""
    done = threading.Event()

    def follow() -> None:
        while not done.is_set():
            place.server.serve(100)
            time.sleep(0.05)

    thread = threading.Thread(target=follow)
    thread.start()
    try:
        yield place
    finally:
        done.set()
        thread.join()


CANARY = ("--strategy", "canary", "--steps", "0.05,1", "--min-requests", "100")


def test_a_canary_by_hand_is_watched_and_raised(place: Place) -> None:
    said = place.start(*CANARY, "--guard", "error_rate", "--guard", "p99_latency max_ratio=3")
    assert said.exit_code == 0
    assert "rollout taxi-2-1: opened: canary of version 2 against 1" in said.output
    assert "`ringway watch` or `ringway rollout conduct` goes on" in said.output
    place.server.look()
    assert "raised to 5 %" in place.run("conduct", "taxi", "--once").output
    place.server.serve(40)
    found = place.status()
    rollout = found["rollout"]
    assert (found["serves"], rollout["step"], rollout["share"]) == (1, 0, 0.05)
    assert rollout["arms"]["candidate"] == {"requests": 40, "errors": 0, "metrics": {}}
    assert [(one["guard"], one["status"]) for one in rollout["guards"]] == [
        ("error_rate", "NOT_ENOUGH"),
        ("p99_latency", "NOT_ENOUGH"),
    ]
    assert rollout["next"] == "wait"
    assert "40 of 100 requests of the candidate" in rollout["because"]
    assert found["servers"][0]["available"] == [1, 2]
    text = place.run("status", "taxi").output
    for part in ("share 5.00%", "not enough", "40 of 100 requests", "host-8500: versions 1, 2"):
        assert part in text


def test_pause_resume_and_promote(place: Place) -> None:
    place.start(*CANARY)
    place.server.look()
    place.run("conduct", "taxi", "--once")
    place.server.serve(200)
    assert "paused" in place.run("pause", "taxi").output
    assert "the operator wants: pause" in place.run("status", "taxi").output
    assert "raised to 100 %" in place.run("resume", "taxi").output
    place.server.look()
    assert "promoted: the operator promotes it" in place.run("promote", "taxi").output
    assert place.serves == 2
    assert "last: taxi-2-1, promoted" in place.run("status", "taxi").output


def test_abort_needs_nobody_else(place: Place) -> None:
    place.start(*CANARY)
    said = place.run("abort", "taxi")
    assert (said.exit_code, place.serves) == (0, 1)
    assert "rolled back: the operator aborts it" in said.output
    events = json.loads(place.run("history", "taxi", "--format", "json").output)
    assert [one["kind"] for one in events] == ["opened", "rolled_back"]
    assert "taxi-2-1: opened" in place.run("history", "taxi").output


def test_what_a_push_asks_for_can_be_aborted_before_anybody_opened_it(place: Place) -> None:
    store = open_store(place.workspace.metadata_url)
    push(store, 2, stable=1, model="taxi")
    assert "rolled back: the operator aborts it" in place.run("abort", "taxi").output


def test_conducted_until_its_end(served: Place) -> None:
    assert served.start(*CANARY, "--wait").exit_code == 0
    assert served.serves == 2
    events = json.loads(served.run("history", "taxi", "--format", "json").output)
    assert [one["kind"] for one in events] == ["opened", "raised", "raised", "promoted"]


def test_a_rollback_while_waiting_is_told_by_the_exit_code(served: Place) -> None:
    served.server.failure = "a tensor is missing"
    said = served.start(*CANARY, "--wait")
    assert said.exit_code == 4
    assert "cannot be loaded: host-8500: a tensor is missing" in said.output


def test_blue_green_and_the_way_back(served: Place) -> None:
    served.start("--strategy", "blue_green", "--min-requests", "100", "--wait")
    assert served.serves == 2
    said = served.run("abort", "taxi", "--wait")
    assert "an operator goes back from taxi-2-1" in said.output
    assert served.serves == 1
    with pytest.raises(UsageError, match="the last one was no blue-green"):
        served.run("abort", "taxi")


def test_there_is_no_way_back_to_a_version_that_is_gone(served: Place) -> None:
    served.start("--strategy", "blue_green", "--min-requests", "100", "--wait")
    (served.workspace.model_root("taxi") / "1" / "saved_model.pb").unlink()
    with pytest.raises(UsageError, match="whose version before is on disk"):
        served.run("abort", "taxi")


def test_what_cannot_be_is_refused(place: Place) -> None:
    with pytest.raises(MetadataError, match="no metadata store"):
        place.run("status", "taxi")
    with pytest.raises(UsageError, match=r"version 7 of taxi is not in .*one of: 1, 2"):
        place.run("start", "taxi", "--version", "7")
    with pytest.raises(UsageError, match="no pipeline 'cab'"):
        place.run("status", "cab")
    with pytest.raises(UsageError, match="no rollout of taxi runs"):
        place.run("promote", "taxi")
    with pytest.raises(UsageError, match="expected shares with commas"):
        place.start("--strategy", "canary", "--steps", "5%")
    with pytest.raises(UsageError, match="rollout: guard 'speed'"):
        place.start("--strategy", "canary", "--guard", "speed")
    place.start(*CANARY)
    with pytest.raises(UsageError, match="a rollout runs: taxi-2-1"):
        place.run("start", "taxi", "--version", "1")
    place.run("abort", "taxi")
    with pytest.raises(UsageError, match="version 1 of taxi serves already"):
        place.run("start", "taxi", "--version", "1")
    assert "taxi-2-2: opened" in place.start(*CANARY).output


def test_with_one_version_there_is_nothing_to_roll_out_against(tmp_path: Path) -> None:
    place = Place(tmp_path)
    (place.workspace.model_root("taxi") / "1" / "saved_model.pb").unlink()
    with pytest.raises(UsageError, match="nothing to roll out against"):
        place.start()
