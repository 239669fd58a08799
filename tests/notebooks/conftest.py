"""Each notebook is executed once in a session, all in one workspace of their own.

The third goes on from the model that the second pushed.
"""

from __future__ import annotations

from pathlib import Path

import notebook_runs
import pytest
from notebook_runs import Executed


@pytest.fixture(scope="session")
def notebook_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("notebook-workspace")


@pytest.fixture(scope="session")
def explored(notebook_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Executed:
    return _execute("01_explore_and_curate.ipynb", notebook_home, tmp_path_factory)


@pytest.fixture(scope="session")
def stepped(notebook_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Executed:
    return _execute("02_run_step_by_step.ipynb", notebook_home, tmp_path_factory)


@pytest.fixture(scope="session")
def hunted(
    stepped: Executed, notebook_home: Path, tmp_path_factory: pytest.TempPathFactory
) -> Executed:
    assert stepped.outputs()
    return _execute("03_hunt_skew_and_drift.ipynb", notebook_home, tmp_path_factory)


def _execute(name: str, home: Path, factory: pytest.TempPathFactory) -> Executed:
    return notebook_runs.execute(name, factory.mktemp("jupyter"), {"RINGWAY_HOME": str(home)})
