"""The executor on real folders: what is pushed, ordered and asked for."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.proto import pusher_pb2
from tfx.types import channel, standard_artifacts
from tfx.utils import proto_utils

from components.rollout_pusher import RolloutPusher, executor
from components.rollout_pusher.executor import Executor
from serving import clock
from serving.rollout import order
from serving.rollout.errors import RolloutError
from serving.rollout.order import Order
from serving.rollout.plan import Plan

CANARY = {"strategy": "canary", "guards": ["error_rate", "p99_latency", "prediction_drift"]}


class Place:
    """Folders of a pusher."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.versions = root / "models" / "flights"
        self.folder = root / "rollouts" / "flights"

    def version(self, number: int) -> None:
        (self.versions / str(number)).mkdir(parents=True)
        (self.versions / str(number) / "saved_model.pb").write_text("a model")

    def push(self, settings: dict[str, Any], *, blessed: int = 1) -> Any:
        """Returns the artifact of a push."""
        model = standard_artifacts.Model()
        model.uri = str(self.root / "model")
        served = Path(model.uri) / "Format-Serving"
        served.mkdir(parents=True, exist_ok=True)
        (served / "saved_model.pb").write_text("a new model")
        blessing = standard_artifacts.ModelBlessing()
        blessing.set_int_custom_property("blessed", blessed)
        pushed = standard_artifacts.PushedModel()
        pushed.uri = str(self.root / "pushed")
        destination = pusher_pb2.PushDestination()
        destination.filesystem.base_directory = str(self.versions)
        Executor(BaseExecutor.Context(tmp_dir=str(self.root / "tmp"), unique_id="1")).Do(
            {"model": [model], "model_blessing": [blessing]},
            {"pushed_model": [pushed]},
            {
                "push_destination": proto_utils.proto_to_json(destination),
                "custom_config": "null",
                "rollout": json.dumps(settings),
                "model_name": "flights",
                "rollout_root": str(self.folder),
            },
        )
        return pushed


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    time_file = tmp_path / "clock"
    clock.set_to(time_file, 1_362_400_000.0)
    monkeypatch.setenv(clock.VARIABLE, str(time_file))
    monkeypatch.setattr(executor, "_SEEN_AFTER_SEC", 0.05)
    return Place(tmp_path)


def plan_of(pushed: Any) -> Plan:
    pieces = (f"ringway_rollout_{n}" if n else "ringway_rollout" for n in range(9))
    return Plan.from_json("".join(pushed.get_string_custom_property(piece) for piece in pieces))


def version_of(pushed: Any) -> int:
    return int(pushed.get_string_custom_property("pushed_version"))


def test_the_first_version_serves_at_once_and_says_so(place: Place) -> None:
    pushed = place.push(CANARY)
    assert (place.versions / str(version_of(pushed)) / "saved_model.pb").exists()
    assert order.read(place.folder) is None
    assert pushed.get_string_custom_property("ringway_rollout_strategy") == "direct"
    assert "first version" in pushed.get_string_custom_property("ringway_rollout_because")
    assert not pushed.get_string_custom_property("ringway_rollout")


def test_the_second_asks_for_its_rollout(place: Place) -> None:
    place.version(7)
    pushed = place.push(CANARY)
    plan = plan_of(pushed)
    assert (plan.stable_version, plan.candidate_version) == (7, version_of(pushed))
    assert plan.id == f"flights-{version_of(pushed)}"
    assert len(plan.guards) == 3
    assert order.read(place.folder) == Order(model="flights", serves=7)
    assert pushed.get_string_custom_property("ringway_model") == "flights"
    assert pushed.get_float_custom_property("ringway_pushed_at") == 1_362_400_000.0


def test_a_long_plan_is_split_into_what_ml_metadata_takes(place: Place) -> None:
    place.version(7)
    guards = [f"prediction_drift max_shift=0.{digits:09d}" for digits in range(1, 80)]
    pushed = place.push({"strategy": "canary", "guards": guards})
    assert len(pushed.get_string_custom_property("ringway_rollout")) == 2_000
    assert len(plan_of(pushed).guards) == 79


@pytest.fixture
def watched(place: Place) -> Iterator[list[tuple[bool, bool]]]:
    """Looks at the folders all the time: whether the order was there, and then a new version."""
    seen: list[tuple[bool, bool]] = []
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            # In this order: what is not there yet cannot have been there before.
            fresh = len(executor.versions(place.versions)) > 1
            seen.append((order.read(place.folder) is not None, fresh))
            time.sleep(0.001)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        done.set()
        thread.join()


def test_the_order_is_there_before_the_version_is(
    place: Place, watched: list[tuple[bool, bool]]
) -> None:
    place.version(7)
    place.push(CANARY)
    time.sleep(0.05)
    assert (True, False) in watched
    assert (True, True) in watched
    assert (False, True) not in watched


def test_direct_is_stock_pusher_where_no_order_is(place: Place) -> None:
    place.version(7)
    pushed = place.push({"strategy": "direct"})
    assert order.read(place.folder) is None
    assert pushed.get_int_custom_property("pushed") == 1


def test_direct_moves_the_order_after_the_push(place: Place) -> None:
    place.version(7)
    order.write(Order(model="flights", serves=7), place.folder)
    pushed = place.push({"strategy": "direct"})
    assert order.read(place.folder) == Order(model="flights", serves=version_of(pushed))


def test_a_damaged_order_stops_the_push(place: Place) -> None:
    place.folder.mkdir(parents=True)
    (place.folder / order.FILE_NAME).write_text("{")
    with pytest.raises(RolloutError, match="expected JSON"):
        place.push(CANARY)
    assert not place.versions.exists()


def test_what_is_not_blessed_is_not_pushed(place: Place) -> None:
    place.version(7)
    pushed = place.push(CANARY, blessed=0)
    assert pushed.get_int_custom_property("pushed") == 0
    assert executor.versions(place.versions) == {7}
    assert order.read(place.folder) is None


def test_the_component_refuses_what_cannot_be_meant() -> None:
    destination = pusher_pb2.PushDestination()
    destination.filesystem.base_directory = "/models"
    given: dict[str, Any] = {
        "model": channel.Channel(type=standard_artifacts.Model),
        "push_destination": destination,
        "model_name": "flights",
        "rollout_root": "/rollouts",
    }
    made = RolloutPusher(**given, rollout=CANARY)
    assert json.loads(made.exec_properties["rollout"]) == CANARY
    with pytest.raises(RolloutError, match="expected one of error_rate"):
        RolloutPusher(**given, rollout={"strategy": "canary", "guards": ["none"]})
    with pytest.raises(ValueError, match="expected a model"):
        RolloutPusher(**{**given, "model": None}, rollout=CANARY)
    with pytest.raises(ValueError, match="expected a folder"):
        RolloutPusher(**{**given, "push_destination": pusher_pb2.PushDestination()}, rollout=CANARY)
