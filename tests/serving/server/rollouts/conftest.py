"""Versions of one model, exported once, and a fresh place for each test."""

from __future__ import annotations

import pytest
from rollout_orders import Place, export


@pytest.fixture(scope="session")
def exports(tmp_path_factory):
    return export(tmp_path_factory.mktemp("exports"))


@pytest.fixture
def place(exports, tmp_path):
    return Place(tmp_path, exports)
