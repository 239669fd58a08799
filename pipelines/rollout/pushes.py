"""What the pusher left in ML Metadata: versions that serve at once, and rollouts it asks for.

Opening what is asked for is left to `conduct`.
"""

from __future__ import annotations

import dataclasses
import logging

from ml_metadata.metadata_store.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2 as proto

from components.rollout_pusher import keys
from serving.rollout.errors import RolloutError
from serving.rollout.plan import Plan

_PUSHED_MODEL = "PushedModel"
_LOGGER = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Push:
    """A version that was pushed.

    Attributes:
        id: Of its artifact; ids count up.
        version: The version.
        plan: The rollout that is asked for; None where the version serves at once.
        recorded_ms: When it came to ML Metadata, on that machine's clock.
    """

    id: int
    version: int
    plan: Plan | None
    recorded_ms: int


def read(store: MetadataStore, model: str) -> tuple[Push, ...]:
    """Returns what was pushed of a model by `RolloutPusher`, the oldest first."""
    artifacts = sorted(store.get_artifacts_by_type(_PUSHED_MODEL), key=lambda one: one.id)
    found = (_push(one) for one in artifacts if _text(one, keys.MODEL) == model)
    return tuple(push for push in found if push is not None)


def _push(artifact: proto.Artifact) -> Push | None:
    version, document = _text(artifact, keys.PUSHED_VERSION), _joined(artifact)
    if not version.isdecimal():
        return None
    try:
        plan = Plan.from_json(document) if document else None
    except RolloutError as error:
        # Of another release, say. It must not keep the others from being rolled out.
        _LOGGER.warning("the rollout that push %d asks for is passed over: %s", artifact.id, error)
        return None
    return Push(
        id=artifact.id,
        version=int(version),
        plan=plan,
        recorded_ms=artifact.create_time_since_epoch,
    )


def _joined(artifact: proto.Artifact) -> str:
    pieces = [_text(artifact, keys.PLAN)]
    while piece := _text(artifact, f"{keys.PLAN}_{len(pieces)}"):
        pieces.append(piece)
    return "".join(pieces)


def _text(artifact: proto.Artifact, key: str) -> str:
    properties = artifact.custom_properties
    # Asking for an absent one would make it.
    return str(properties[key].string_value) if key in properties else ""
