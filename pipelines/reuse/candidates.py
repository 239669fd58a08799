"""Which older versions may go back into service. Pure functions over what ML Metadata holds.

A version may, if a run pushed it, it was blessed, it still lies on disk, it does not serve already,
no rollout of it was rolled back, and it is not the model of another version, pushed again. Whether
it does better than the version that serves is left to `components.version_selector`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Mapping

from pipelines.lineage.data_uses import PUSHED_MODEL, made_from
from pipelines.lineage.model_lineage import BLESSED, lineage_of, pushes_of
from pipelines.lineage.records import ArtifactRecord, History

# Each costs the loading of a model, and makes all intervals wider. The newest are taken: a year of
# a model a fortnight.
MOST = 26


@dataclasses.dataclass(frozen=True, kw_only=True)
class Candidates:
    """The versions of a model, by what may become of them.

    Attributes:
        asked: Versions that are to be evaluated, the oldest first.
        passed_over: Why others are not, by version.
        pushed: The artifact of type `PushedModel` of every version that a run pushed.
    """

    asked: tuple[int, ...] = ()
    passed_over: Mapping[int, str] = dataclasses.field(default_factory=dict)
    pushed: Mapping[int, ArtifactRecord] = dataclasses.field(default_factory=dict)


def candidates(
    history: History,
    *,
    serving: int,
    rolled_back: Collection[int],
    on_disk: Callable[[int], bool],
    most: int = MOST,
) -> Candidates:
    """Returns which versions are to be evaluated.

    Args:
        history: Of the pipeline that trains.
        serving: The version that serves.
        rolled_back: Versions of which a rollout ended in a rollback.
        on_disk: Whether a version can still be served.
        most: How many at most; the newest are taken.
    """
    pushed = _pushed(history)
    refusals: dict[int, str] = {}
    asked: list[int] = []
    known = {pushed[serving].model_id: serving} if serving in pushed else {}
    for version in sorted(pushed.keys() - {serving}, reverse=True):
        one = pushed[version]
        checks = (
            (not one.blessed, "was never blessed"),
            (version in rolled_back, "was rolled back"),
            (not on_disk(version), "is no longer on disk"),
            (one.model_id in known, f"is the model of version {known.get(one.model_id)}"),
            (len(asked) >= most, f"is older than the {most} newest"),
        )
        why = next((why for fails, why in checks if fails), "")
        if why:
            refusals[version] = why
        else:
            asked.append(version)
            known[one.model_id] = version
    return Candidates(
        asked=tuple(reversed(asked)),
        passed_over=dict(sorted(refusals.items())),
        pushed={version: one.artifact for version, one in sorted(pushed.items())},
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Pushed:
    artifact: ArtifactRecord
    model_id: int
    blessed: bool


def _pushed(history: History) -> dict[int, _Pushed]:
    """Returns each pushed version, with whether its model was ever blessed."""
    found = {}
    for model in history.of_type("Model"):
        if not pushes_of(history, model):
            continue
        blessed = any(one.state == BLESSED for one in lineage_of(history, model).evaluations)
        for pusher in made_from(history, model, (PUSHED_MODEL,)):
            for artifact in history.linked(pusher.outputs, type_name=PUSHED_MODEL):
                version = str(artifact.properties.get("pushed_version") or "")
                if version.isdecimal():
                    found[int(version)] = _Pushed(
                        artifact=artifact, model_id=model.id, blessed=blessed
                    )
    return found
