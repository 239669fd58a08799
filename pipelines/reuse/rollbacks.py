"""Which versions a rollout has sent back, as ML Metadata holds it."""

from __future__ import annotations

from ml_metadata.metadata_store.metadata_store import MetadataStore

from pipelines.rollout import keys, records


def versions(store: MetadataStore, pipeline: str) -> frozenset[int]:
    """Returns the candidates of all rollouts of a pipeline's models that were rolled back.

    Raises:
        RolloutError: ML Metadata holds a rollout that cannot be read.
    """
    return frozenset(
        rollout.plan.candidate_version
        for rollout in records.read(store, pipeline).rollouts
        if any(action.kind == keys.ROLL_BACK for action in rollout.actions)
    )
