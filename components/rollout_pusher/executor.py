"""Pushes a model as stock Pusher does, and says in its artifact how it is to reach users.

What servers do is not left to chance in between: before the version's folder appears, the order
that they follow names the version that serves now. Whoever is killed after that has pinned servers
to what they serve anyway. A rollout is not begun here: the artifact, once it is in ML Metadata,
asks for it.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tfx import types
from tfx.components.pusher import executor
from tfx.proto import pusher_pb2
from tfx.types import artifact_utils, standard_component_specs
from tfx.utils import proto_utils

from components.rollout_pusher import intent, keys, strategies
from components.rollout_pusher.intent import Intent
from serving import clock
from serving.rollout import order as orders
from serving.rollout.order import Order

# A server looks at its order four times a second. It has to have seen the first one before the
# newest version, which it would take without an order, is on disk.
_SEEN_AFTER_SEC = 1.0
_MODEL_FILE = "saved_model.pb"
_LOGGER = logging.getLogger(__name__)


class Executor(executor.Executor):
    """Runs `RolloutPusher`."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Pushes a blessed model, and asks for its rollout.

        Args:
            input_dict: As stock Pusher takes it.
            output_dict: `pushed_model`, one; gets the custom properties of `keys`.
            exec_properties: As the component takes them.

        Raises:
            RolloutError: The strategy is direct, but a rollout runs; or the order is damaged.
        """
        if not self.CheckBlessing(input_dict):
            super().Do(input_dict, output_dict, exec_properties)
            return
        model, folder = exec_properties[keys.MODEL_NAME], Path(exec_properties[keys.ROLLOUT_ROOT])
        settings = json.loads(exec_properties[keys.ROLLOUT])
        meant = intent.of_push(settings, orders.read(folder), versions(_base(exec_properties)))
        if meant.pins and meant.stable is not None:
            orders.write(Order(model=model, serves=meant.stable), folder)
            time.sleep(_SEEN_AFTER_SEC)
        super().Do(input_dict, output_dict, exec_properties)
        pushed = artifact_utils.get_single_instance(
            output_dict[standard_component_specs.PUSHED_MODEL_KEY]
        )
        version = int(pushed.get_string_custom_property(keys.PUSHED_VERSION))
        if meant.orders:
            orders.write(Order(model=model, serves=version), folder)
        _LOGGER.info("version %d: %s", version, meant.because)
        for key, text in _asked(settings, meant, model, version).items():
            pushed.set_string_custom_property(key, text)
        now_sec = clock.from_environment(os.environ)()
        pushed.set_float_custom_property(keys.PUSHED_AT, now_sec)


def versions(base: Path) -> frozenset[int]:
    """Returns the versions of a model that are whole."""
    if not base.is_dir():
        return frozenset()
    return frozenset(
        int(path.name)
        for path in base.iterdir()
        if path.name.isdecimal() and (path / _MODEL_FILE).is_file()
    )


def _asked(settings: Mapping[str, Any], meant: Intent, model: str, version: int) -> dict[str, str]:
    """Returns the properties that ask for a rollout, or say why none is asked for."""
    said = {keys.MODEL: model, keys.BECAUSE: meant.because, keys.STRATEGY: "direct"}
    if meant.stable is None:
        return said
    plan = strategies.plan(
        settings,
        # A pipeline's name may be as long as an id, and what tells ids apart is the version.
        rollout_id=f"{model[:100]}-{version}",
        model=model,
        stable=meant.stable,
        candidate=version,
    )
    text = json.dumps(json.loads(plan.to_json()))  # on one line, ASCII
    size = keys.MAX_TEXT_BYTES
    pieces = [text[start : start + size] for start in range(0, len(text), size)]
    named = {f"{keys.PLAN}_{n}" if n else keys.PLAN: piece for n, piece in enumerate(pieces)}
    return {**said, keys.STRATEGY: plan.strategy.value, **named}


def _base(exec_properties: Mapping[str, Any]) -> Path:
    destination = pusher_pb2.PushDestination()
    proto_utils.json_to_proto(
        exec_properties[standard_component_specs.PUSH_DESTINATION_KEY], destination
    )
    return Path(destination.filesystem.base_directory)
