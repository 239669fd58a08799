from __future__ import annotations

from pathlib import Path

import pytest
import transformed_rows
from tensorflow_metadata.proto.v0 import schema_pb2

from pipelines.flights import source
from pipelines.flights.config import CONFIG


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("filterwarnings", transformed_rows.IGNORED_WARNING)


@pytest.fixture(scope="session")
def schema() -> schema_pb2.Schema:
    return transformed_rows.read_schema(Path(CONFIG.schema_path))


@pytest.fixture(scope="session")
def spans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All weeks of the data."""
    folder = tmp_path_factory.mktemp("flights")
    source.write_spans(folder)
    return folder
