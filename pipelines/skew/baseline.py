"""What the versions that answered were trained on, as ML Metadata tells. Pure over `History`.

A version is known where a Pusher of the pipeline pushed it; from there lineage leads to the model,
and to the examples, statistics and schema of its training.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from pipelines.errors import UsageError
from pipelines.lineage import model_lineage
from pipelines.lineage.data_uses import MODEL, TRAINING
from pipelines.lineage.records import ArtifactRecord, History


@dataclasses.dataclass(frozen=True, kw_only=True)
class Baseline:
    """What a version was trained on.

    Attributes:
        version: As it was pushed, and answers.
        model: The model itself.
        examples: What it was trained on, before any transformation.
        statistics: Of those examples; None where nobody made them.
        schema: That its training used; None where it used none.
    """

    version: str
    model: ArtifactRecord
    examples: ArtifactRecord
    statistics: ArtifactRecord | None
    schema: ArtifactRecord | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Choice:
    """Which version's training data to compare with.

    Attributes:
        baseline: Of the version that was chosen; None where none could be.
        reason: Why none could be; empty otherwise.
        notes: What has to be known about the other versions.
    """

    baseline: Baseline | None = None
    reason: str = ""
    notes: tuple[str, ...] = ()


def choose(history: History | None, rows: Mapping[str, int], wanted: str | None) -> Choice:
    """Chooses the version that answered most rows, of those that the pipeline has pushed.

    Args:
        history: Of the pipeline that trains the model; None where it never ran.
        rows: Rows by the version that answered, "" where that is not known.
        wanted: The version to compare with, whatever answered; None to choose one.

    Raises:
        UsageError: The wanted version was never pushed.
    """
    pushed = pushed_models(history) if history else {}
    if wanted is not None and wanted not in pushed:
        valid = ", ".join(sorted(pushed)) or "(none)"
        raise UsageError(
            f"--model-version {wanted}: no such version was pushed; expected one of: {valid}"
        )
    if not pushed:
        return Choice(reason="no model was pushed, so there is no training data to compare with")
    known = {version: count for version, count in rows.items() if version in pushed}
    if wanted is None and not known:
        return Choice(
            reason=f"ML Metadata knows none of the versions that answered ({_counted(rows)}), so "
            "what they were trained on is not known"
        )
    version = wanted or max(known, key=lambda version: (known[version], version))
    notes = _notes(version, rows, pushed)
    assert history is not None
    found = _baseline(history, version, pushed[version])
    if isinstance(found, str):
        return Choice(reason=found, notes=notes)
    return Choice(baseline=found, notes=notes)


def pushed_models(history: History) -> dict[str, ArtifactRecord]:
    """Returns every model that a pipeline pushed, by version."""
    return {
        push.version: model
        for model in history.of_type(MODEL)
        for push in model_lineage.pushes_of(history, model)
        if push.version
    }


def _notes(version: str, rows: Mapping[str, int], pushed: Mapping[str, object]) -> tuple[str, ...]:
    others = {other: count for other, count in rows.items() if other != version}
    notes = []
    if others:
        notes.append(
            f"compared with the training data of version {version} ({rows.get(version, 0):,} "
            f"rows); other versions answered too: {_counted(others)}"
        )
    unknown = {other: count for other, count in others.items() if other not in pushed}
    if unknown:
        notes.append(f"not pushed by this pipeline: {_counted(unknown)}")
    return tuple(notes)


def _counted(rows: Mapping[str, int]) -> str:
    ordered = sorted(rows.items(), key=lambda item: (-item[1], item[0]))
    named = [f"{version or 'without a version'}: {count:,} rows" for version, count in ordered]
    return ", ".join(named) or "none"


def _baseline(history: History, version: str, model: ArtifactRecord) -> Baseline | str:
    """Returns the baseline, or why there is none."""
    lineage = model_lineage.lineage_of(history, model)
    trained_on = [use.examples for use in lineage.data if use.purpose == TRAINING]
    if not trained_on:
        return f"ML Metadata does not tell what version {version} was trained on"
    examples = trained_on[-1]  # the newest
    of_examples = [
        artifact
        for artifact in lineage.statistics
        if (maker := history.maker(artifact.id)) is not None
        and any(link.artifact_id == examples.id for link in maker.inputs)
    ]
    return Baseline(
        version=version,
        model=model,
        examples=examples,
        statistics=of_examples[-1] if of_examples else None,
        schema=lineage.schema,
    )
