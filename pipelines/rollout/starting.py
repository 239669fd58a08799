"""Rollouts that an operator asks for: of any version on disk, and back to the one before.

A version that was pushed by hand is rolled out like one that the pipeline pushed. What happens next
is left to `conduct`.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Collection
from pathlib import Path

from ml_metadata.metadata_store.metadata_store import MetadataStore

from pipelines.config_parts import RolloutConfig
from pipelines.errors import UsageError
from pipelines.rollout import conduct, plans, projection, pushes, records
from pipelines.rollout.records import Recorded, Rollout
from serving.rollout import order as orders
from serving.rollout.plan import Strategy
from serving.rollout.state import Outcome

_MODEL_FILE = "saved_model.pb"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Model:
    """Where a model's versions and its rollouts are.

    Attributes:
        name: Of the pipeline and its model.
        versions: Folder of its versions.
        folder: Where servers find their order.
    """

    name: str
    versions: Path
    folder: Path

    @property
    def on_disk(self) -> frozenset[int]:
        """Its versions that are whole."""
        if not self.versions.is_dir():
            return frozenset()
        return frozenset(
            int(path.name)
            for path in self.versions.iterdir()
            if path.name.isdecimal() and (path / _MODEL_FILE).is_file()
        )


def start(
    store: MetadataStore,
    model: Model,
    version: int,
    config: RolloutConfig,
    *,
    origin: str,
    clock: Callable[[], float],
    token: Callable[[], str],
) -> Rollout:
    """Opens a rollout of a version against the one that serves.

    Args:
        store: ML Metadata.
        model: Of which.
        version: Which is tried.
        config: How.
        origin: Who asks, in words.
        clock: The time that all agree on, seconds since 1970.
        token: Makes a text that is new with every call.

    Raises:
        UsageError: The version is not there or serves already, another rollout runs, or the
            configuration cannot be meant.
        MetadataError: ML Metadata does not take it.
    """
    on_disk = model.on_disk
    if version not in on_disk:
        raise UsageError(
            f"version {version} of {model.name} is not in {model.versions}; expected one of: "
            f"{', '.join(map(str, sorted(on_disk))) or '(none)'}"
        )
    with conduct.turn(model.folder, model.name):
        recorded = records.read(store, model.name)
        if recorded.running is not None:
            raise UsageError(
                f"a rollout runs: {conduct.in_words(recorded.running)}",
                remedy=f"Wait for its end, or: ringway rollout abort {model.name}",
            )
        stable = serving(store, model, recorded, on_disk - {version})
        if stable == version:
            raise UsageError(f"version {version} of {model.name} serves already")
        plan = plans.plan_of(
            config,
            rollout_id=_free_id(model.name, version, recorded),
            model=model.name,
            stable=stable,
            candidate=version,
        )
        records.open_rollout(store, model.name, plan, origin=origin, now_sec=clock(), token=token())
    return Rollout(plan=plan, opened_sec=clock(), origin=origin)


def serving(store: MetadataStore, model: Model, recorded: Recorded, others: Collection[int]) -> int:
    """Returns which version serves while no rollout runs.

    It is what is recorded, else what the order says, else the newest of the others on disk.

    Raises:
        UsageError: There is none.
    """
    known = projection.serving(recorded, pushes.read(store, model.name))
    if known is not None:
        return known
    order = orders.read(model.folder)
    if order is not None:
        return order.serves
    if not others:
        raise UsageError(
            f"no other version of {model.name} is in {model.versions}: there is nothing to roll "
            "out against; a server takes the only version as it is"
        )
    return max(others)


def way_back(recorded: Recorded, on_disk: Collection[int]) -> int | None:
    """Returns which version served before a blue-green rollout that has just been promoted.

    None where the last rollout was another, or that version is gone.
    """
    last = recorded.last
    if last is None or last.plan.strategy is not Strategy.BLUE_GREEN:
        return None
    if last.state.outcome is not Outcome.PROMOTED:
        return None
    return last.plan.stable_version if last.plan.stable_version in on_disk else None


def _free_id(name: str, version: int, recorded: Recorded) -> str:
    """Returns an id that no rollout has; a pipeline's push of the version takes the bare one."""
    ids = (f"{name[:100]}-{version}-{n}" for n in itertools.count(1))
    return next(one for one in ids if recorded.named(one) is None)
