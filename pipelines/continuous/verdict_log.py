"""Keeps what was judged of each window in ML Metadata: once for each kind of verdict and window.

A window that stands there is not judged again, whatever is killed in between: judging twice before
that writes the same.
"""

from __future__ import annotations

from ml_metadata.metadata_store.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2 as proto

from pipelines.continuous import keys, unique_contexts
from pipelines.continuous.snapshot import PerformanceVerdict, SkewVerdict, Verdict
from pipelines.continuous.unique_contexts import number, text

PERFORMANCE = "performance"


def kind_of(verdict: Verdict) -> str:
    """Returns the name of a verdict's kind: `skew`, `drift` or `performance`."""
    return verdict.kind if isinstance(verdict, SkewVerdict) else PERFORMANCE


def keep(store: MetadataStore, pipeline: str, verdict: Verdict, *, report: str, token: str) -> bool:
    """Keeps a verdict; returns whether it was new.

    Args:
        store: ML Metadata.
        pipeline: Name of the pipeline.
        verdict: Of one window.
        report: Where people find more; a path, or empty.
        token: New with every call, such as a UUID.

    Raises:
        MetadataError: ML Metadata does not take it.
    """
    kind = kind_of(verdict)
    values: dict[str, unique_contexts.Value] = {
        keys.PIPELINE: pipeline,
        keys.KIND: kind,
        keys.WINDOW: verdict.window,
        keys.ENDED: float(verdict.ended_sec),
        keys.STATE: verdict.status,
        keys.VERSION: verdict.model_version,
        keys.REPORT: report,
    }
    if isinstance(verdict, SkewVerdict):
        values[keys.TEXT] = unique_contexts.cut(verdict.cause)
    else:
        values[keys.METRIC] = unique_contexts.cut(verdict.metric)
        values |= _numbers(verdict)
    name = f"{pipeline}/{kind}/{verdict.window}"
    return unique_contexts.create(store, keys.VERDICT_TYPE, name, values, token=token)


def count_failure(
    store: MetadataStore, pipeline: str, kind: str, window: str, *, why: str, token: str
) -> int:
    """Keeps that a check could not be made; returns how often that has happened to the window.

    Raises:
        MetadataError: ML Metadata does not take it.
    """
    prefix = f"{pipeline}/{kind}/{window}/"
    contexts = unique_contexts.of_pipeline(store, keys.ATTEMPT_TYPE, pipeline)
    number_ = sum(context.name.startswith(prefix) for context in contexts) + 1
    values: dict[str, unique_contexts.Value] = {
        keys.PIPELINE: pipeline,
        keys.ERROR: unique_contexts.cut(why),
    }
    unique_contexts.create(store, keys.ATTEMPT_TYPE, f"{prefix}{number_}", values, token=token)
    return number_


def read(store: MetadataStore, pipeline: str) -> tuple[Verdict, ...]:
    """Returns all verdicts of a pipeline, by the end of their window."""
    contexts = unique_contexts.of_pipeline(store, keys.VERDICT_TYPE, pipeline)
    return tuple(sorted(map(_verdict, contexts), key=lambda one: (one.ended_sec, kind_of(one))))


def _numbers(verdict: PerformanceVerdict) -> dict[str, unique_contexts.Value]:
    values: dict[str, unique_contexts.Value] = {}
    if verdict.interval is not None:
        values[keys.LOW], values[keys.HIGH] = map(float, verdict.interval)
    if verdict.bound is not None:
        values[keys.BOUND] = float(verdict.bound)
    return values


def _verdict(context: proto.Context) -> Verdict:
    kind = text(context, keys.KIND)
    shared = {
        "window": text(context, keys.WINDOW),
        "ended_sec": number(context, keys.ENDED) or 0.0,
        "status": text(context, keys.STATE),
        "model_version": text(context, keys.VERSION),
    }
    if kind != PERFORMANCE:
        return SkewVerdict(kind=kind, cause=text(context, keys.TEXT), **shared)  # type: ignore[arg-type]
    low, high = number(context, keys.LOW), number(context, keys.HIGH)
    return PerformanceVerdict(
        metric=text(context, keys.METRIC),
        interval=None if low is None or high is None else (low, high),
        bound=number(context, keys.BOUND),
        **shared,  # type: ignore[arg-type]
    )
