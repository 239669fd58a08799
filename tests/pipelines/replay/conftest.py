"""Fixtures: the weeks of the year, written once for all tests here."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.flights import source
from pipelines.replay import departures


@pytest.fixture(scope="session")
def weeks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weeks of which one departure in twenty is kept."""
    folder = tmp_path_factory.mktemp("weeks")
    source.write_spans(folder / "all")
    departures.thinned(folder / "all", folder / "thin", 20)
    return folder / "thin"
