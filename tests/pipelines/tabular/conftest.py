"""One small Transform shared by the tests of what tabular pipelines share: made-up taxi trips."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import taxi_rows
import transformed_rows

from pipelines.taxi.preprocessing import preprocessing_fn


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("filterwarnings", transformed_rows.IGNORED_WARNING)


@pytest.fixture(scope="session")
def trips(tmp_path_factory: pytest.TempPathFactory) -> transformed_rows.Transformed:
    """Three hundred made-up trips, transformed."""
    return transformed_rows.transform(
        taxi_rows.many_rows(300),
        transformed_rows.read_schema(taxi_rows.SCHEMA),
        preprocessing_fn,
        tmp_path_factory.mktemp("transform"),
    )


@pytest.fixture
def fn_args(trips: transformed_rows.Transformed, tmp_path: Path) -> Any:
    """Returns what Trainer and Tuner hand to their functions, over the made-up trips."""
    return transformed_rows.make_fn_args(trips, tmp_path)
