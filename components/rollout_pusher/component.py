"""`RolloutPusher`: stock Pusher, and a version reaches its users by a strategy."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tfx.dsl.components.base import executor_spec
from tfx.dsl.components.base.base_component import BaseComponent
from tfx.proto import pusher_pb2
from tfx.types import channel, standard_artifacts
from tfx.types.component_spec import ComponentSpec, ExecutionParameter
from tfx.types.standard_component_specs import PusherSpec

from components.rollout_pusher import executor, keys, strategies


class RolloutPusherSpec(ComponentSpec):
    """What goes into a `RolloutPusher`, and what comes out: stock Pusher's, and parameters."""

    PARAMETERS = {  # noqa: RUF012  (TFX reads class attributes)
        **PusherSpec.PARAMETERS,
        keys.ROLLOUT: ExecutionParameter(type=str),
        keys.MODEL_NAME: ExecutionParameter(type=str),
        keys.ROLLOUT_ROOT: ExecutionParameter(type=str),
    }
    INPUTS = PusherSpec.INPUTS
    OUTPUTS = PusherSpec.OUTPUTS


class RolloutPusher(BaseComponent):
    """Pushes a blessed version and asks for its rollout, or lets it serve at once.

    The output `pushed_model` is a `PushedModel` as stock Pusher writes it. Its further custom
    properties are those of `components.rollout_pusher.keys`.
    """

    SPEC_CLASS = RolloutPusherSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        *,
        push_destination: pusher_pb2.PushDestination,
        model_name: str,
        rollout_root: str,
        rollout: Mapping[str, Any],
        model: channel.BaseChannel | None = None,
        model_blessing: channel.BaseChannel | None = None,
        infra_blessing: channel.BaseChannel | None = None,
    ) -> None:
        """Describes the node.

        Args:
            push_destination: A folder of this machine's file system.
            model_name: The name that the model is served under.
            rollout_root: Folder of the order that servers follow.
            rollout: As `strategies.plan` takes it.
            model: As stock Pusher takes it.
            model_blessing: Likewise.
            infra_blessing: Likewise.

        Raises:
            ValueError: The rollout cannot be meant, or there is nothing to push.
        """
        if model is None and infra_blessing is None:
            raise ValueError("expected a model, or an infra_blessing that holds one")
        if not push_destination.HasField("filesystem"):
            raise ValueError("push_destination: expected a folder of the file system")
        strategies.plan(rollout, rollout_id="checked", model="checked", stable=1, candidate=2)
        super().__init__(
            spec=RolloutPusherSpec(
                model=model,
                model_blessing=model_blessing,
                infra_blessing=infra_blessing,
                push_destination=push_destination,
                custom_config="null",
                pushed_model=channel.Channel(type=standard_artifacts.PushedModel),
                **{
                    keys.ROLLOUT: json.dumps(rollout, sort_keys=True),
                    keys.MODEL_NAME: model_name,
                    keys.ROLLOUT_ROOT: rollout_root,
                },
            )
        )
