"""Writes pushes to ML Metadata as `RolloutPusher` leaves them."""

from __future__ import annotations

import json
from typing import Any

from ml_metadata.metadata_store.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2 as proto

from components.rollout_pusher import strategies


def push(
    store: MetadataStore,
    version: int,
    *,
    stable: int | None = 1,
    model: str = "flights",
    **settings: Any,
) -> int:
    """Records a push; asks for a rollout unless `stable` is None. Returns the artifact's id."""
    type_id = store.put_artifact_type(proto.ArtifactType(name="PushedModel"), can_add_fields=True)
    artifact = proto.Artifact(type_id=type_id, uri=f"/pushed/{version}")
    texts = {"ringway_model": model, "pushed_version": str(version)}
    if stable is not None:
        plan = strategies.plan(
            {"strategy": "canary", "steps": (0.05, 1.0), "min_requests": 100, **settings},
            rollout_id=f"{model}-{version}",
            model=model,
            stable=stable,
            candidate=version,
        )
        text = json.dumps(json.loads(plan.to_json()))
        for number, start in enumerate(range(0, len(text), 200)):
            key = f"ringway_rollout_{number}" if number else "ringway_rollout"
            texts[key] = text[start : start + 200]
    for key, value in texts.items():
        artifact.custom_properties[key].string_value = value
    artifact.custom_properties["pushed"].int_value = 1
    [artifact_id] = store.put_artifacts([artifact])
    return int(artifact_id)
