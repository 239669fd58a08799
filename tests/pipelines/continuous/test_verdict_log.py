"""Verdicts of windows in ML Metadata: once for each kind and window."""

from __future__ import annotations

from pathlib import Path

import pytest
from ml_metadata.metadata_store.metadata_store import MetadataStore

from pipelines.continuous import verdict_log
from pipelines.continuous.snapshot import PerformanceVerdict, SkewVerdict
from pipelines.lineage.store import open_store

WINDOW = "2013-03-04..2013-03-05"
SKEW = SkewVerdict(
    kind="skew", window=WINDOW, ended_sec=200.0, status="ALARM", cause="temp", model_version="3"
)
DEGRADED = PerformanceVerdict(
    window=WINDOW,
    ended_sec=200.0,
    status="DEGRADED",
    metric="auc",
    interval=(0.61, 0.64),
    bound=0.66,
    model_version="3",
)


@pytest.fixture
def store(tmp_path: Path) -> MetadataStore:
    return open_store(f"sqlite:///{tmp_path / 'metadata.sqlite'}")


def test_verdicts_come_back_as_they_were_kept(store: MetadataStore) -> None:
    drift = SkewVerdict(kind="drift", window=WINDOW, ended_sec=200.0, status="OK")
    unknown = PerformanceVerdict(window="earlier", ended_sec=100.0, status="NOT_COMPARED")
    for verdict in (SKEW, DEGRADED, drift, unknown):
        assert verdict_log.keep(store, "flights", verdict, report="/r", token=verdict.window)

    assert verdict_log.read(store, "flights") == (unknown, drift, DEGRADED, SKEW)
    assert verdict_log.read(store, "taxi") == ()


def test_a_window_is_kept_once(store: MetadataStore) -> None:
    other = SkewVerdict(kind="skew", window=WINDOW, ended_sec=200.0, status="OK")

    assert verdict_log.keep(store, "flights", SKEW, report="", token="one")
    assert not verdict_log.keep(store, "flights", other, report="", token="two")

    assert verdict_log.read(store, "flights") == (SKEW,)
