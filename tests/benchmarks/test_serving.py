"""`benchmarks/serving.py` as a command: one short measurement, and what it says when it cannot."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.workspace import REPOSITORY

ROWS = ["grpc-64", "grpc-1", "rest-32", "examples-32", "version-swap", "request-log"]

needs_h2load = pytest.mark.skipif(shutil.which("h2load") is None, reason="h2load is not installed")


def benchmark(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(REPOSITORY / "benchmarks" / "serving.py"), *arguments],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def test_help_names_every_row() -> None:
    done = benchmark("--help")
    assert done.returncode == 0, done.stderr
    assert [row for row in ROWS if row not in done.stdout] == []


@needs_h2load
def test_a_folder_without_versions_is_refused(tmp_path: Path) -> None:
    done = benchmark(f"--model={tmp_path}")
    assert done.returncode == 1
    assert f"{tmp_path} is expected to have a folder per version" in done.stderr


@needs_h2load
def test_one_row_gives_a_report(tmp_path: Path) -> None:
    made = "import sys, pathlib, benchmark_models as b; b.fares(pathlib.Path(sys.argv[1]))"
    subprocess.run(
        [sys.executable, "-c", made, str(tmp_path / "7")],
        env={"PYTHONPATH": str(REPOSITORY / "tests" / "support")},
        capture_output=True,
        check=True,
    )
    done = benchmark(
        *("--only=examples-32", "--rounds=1", "--seconds=1", "--format=json"),
        f"--model={tmp_path}",
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["machine"]["date"].endswith("UTC")
    (row,) = report["rows"]
    assert row["name"] == "examples-32"
    assert len(row["values"]) == len(row["others"]) == 1
    assert row["ratio"] == row["lowest_ratio"] == row["highest_ratio"]
    assert row["ratio"] == pytest.approx(row["median"] / row["median_of_others"])
    assert row["met"] is (row["ratio"] >= 0.6)
    assert row["requests"] > 0
