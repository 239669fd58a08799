"""Models that several tests of this folder load."""

from __future__ import annotations

import pytest
from local_servables import Models


@pytest.fixture(scope="session")
def load(tmp_path_factory):
    return Models(tmp_path_factory.mktemp("models"))
