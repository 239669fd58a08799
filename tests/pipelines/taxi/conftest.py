from __future__ import annotations

from collections.abc import Callable

import pytest
import taxi_rows
import transformed_rows
from tensorflow_metadata.proto.v0 import schema_pb2
from transformed_rows import Row, Transformed

from pipelines.taxi.preprocessing import preprocessing_fn


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("filterwarnings", transformed_rows.IGNORED_WARNING)


@pytest.fixture(scope="session")
def schema() -> schema_pb2.Schema:
    return transformed_rows.read_schema(taxi_rows.SCHEMA)


@pytest.fixture(scope="session")
def transform(
    schema: schema_pb2.Schema, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[list[Row]], Transformed]:
    """Runs the real analysis and transformation over rows, on Beam."""

    def run(rows: list[Row]) -> Transformed:
        folder = tmp_path_factory.mktemp("transform")
        return transformed_rows.transform(rows, schema, preprocessing_fn, folder)

    return run
