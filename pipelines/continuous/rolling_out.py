"""The loop's view of rollouts: lets them go on, and says how they stand.

How a rollout goes on is for `pipelines.rollout.conduct`.
"""

from __future__ import annotations

from collections.abc import Callable

from ml_metadata.metadata_store.metadata_store import MetadataStore

from pipelines.config import PipelineConfig
from pipelines.continuous.edges import RolledBack, Rollouts
from pipelines.rollout import conduct, events, live, records, starting
from pipelines.rollout.starting import Model
from pipelines.workspace import Workspace
from serving.rollout import order as orders
from serving.rollout.errors import RolloutError


class RollingOut:
    """The rollouts of one model.

    Args:
        config: Of its pipeline.
        workspace: With its log, labels and versions.
        clock: The time in seconds since the epoch.
        token: Makes a text that is new with every call.
    """

    def __init__(
        self,
        config: PipelineConfig,
        workspace: Workspace,
        *,
        clock: Callable[[], float],
        token: Callable[[], str],
    ) -> None:
        self._config = config
        self._workspace = workspace
        self._clock = clock
        self._token = token
        self._metrics = live.metrics(config, workspace, clock)
        self._model = Model(
            name=config.name,
            versions=workspace.model_root(config.name),
            folder=workspace.rollout_root(config.name),
        )

    def conduct(self, store: MetadataStore) -> Rollouts:
        """Lets rollouts go on.

        Raises:
            MetadataError: ML Metadata cannot be used.
            OSError: The folder that servers look into takes no order.
        """
        conducted = conduct.Conductor(
            store,
            self._config.name,
            self._model.folder,
            metrics=self._metrics,
            clock=self._clock,
            token=self._token,
        ).tick()
        return Rollouts(
            running="; ".join(conducted.rollouts),
            serving=self._serving(),
            happened=tuple(map(str, conducted.events)),
            rolled_back=tuple(
                RolledBack(
                    rollout_id=event.rollout_id,
                    version=str(event.candidate),
                    reason=event.because,
                    at_sec=event.at_sec,
                )
                for event in conducted.past
                if event.kind == events.ROLLED_BACK
            ),
        )

    def deployed(self, store: MetadataStore, decision_id: str) -> int | None:
        """Returns the older version whose rollout a decision asked for, if it did."""
        for rollout in records.read(store, self._config.name).rollouts:
            if rollout.origin == _origin(decision_id):
                return rollout.plan.candidate_version
        return None

    def deploy(self, store: MetadataStore, version: int, decision_id: str) -> None:
        """Asks for the rollout of an older version.

        Raises:
            UsageError: The version is gone or serves already, or another rollout runs.
            MetadataError: ML Metadata cannot be used.
        """
        starting.start(
            store,
            self._model,
            version,
            self._config.rollout,
            origin=_origin(decision_id),
            clock=self._clock,
            token=self._token,
        )

    def _serving(self) -> str:
        """Returns the version that answers, as servers are told or else choose by themselves."""
        try:
            order = orders.read(self._model.folder)
        except RolloutError:
            order = None
        if order is not None:
            return str(order.serves)
        versions = self._model.on_disk
        return str(max(versions)) if versions else ""


def _origin(decision_id: str) -> str:
    return f"reused by decision {decision_id}"
