"""Fixtures that several parts share: one run of the taxi pipeline for the whole session."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent


@dataclasses.dataclass(frozen=True)
class Ringway:
    """The `ringway` command on a workspace of its own.

    Attributes:
        home: The workspace's folder.
    """

    home: Path

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs the command and returns its exit code and output."""
        environment = {**os.environ, "RINGWAY_HOME": str(self.home)}
        environment.pop("RINGWAY_METADATA_URL", None)
        return subprocess.run(
            [sys.executable, "-m", "pipelines.cli.main", *arguments],
            cwd=REPOSITORY,
            env=environment,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )

    def run(self, *arguments: str) -> dict[str, Any]:
        """Runs the taxi pipeline and returns what `--format json` says."""
        done = self("run", "taxi", "--format", "json", *arguments)
        assert done.stdout.startswith("{"), done.stderr
        report: dict[str, Any] = json.loads(done.stdout)
        assert report["exit_code"] == done.returncode
        return report


@pytest.fixture(scope="session")
def make_ringway(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Ringway]:
    """Makes the command on a new, empty workspace."""
    return lambda: Ringway(tmp_path_factory.mktemp("workspace"))


@pytest.fixture(scope="session")
def taxi(make_ringway: Callable[[], Ringway]) -> tuple[Ringway, dict[str, Any]]:
    """A workspace in which the taxi pipeline has run once, and how that run ended."""
    ringway = make_ringway()
    return ringway, ringway.run()
