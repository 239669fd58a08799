"""A verb whose packages are not installed, as in the image of the server, says so in two lines."""

from __future__ import annotations

import subprocess
import sys

HIDDEN = """
import sys
sys.modules[sys.argv.pop(1)] = None
from pipelines.cli.main import main
main()
"""


def ringway(hidden: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "ignore", "-c", HIDDEN, hidden, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_verb_names_the_package_that_it_lacks() -> None:
    told = ringway("ml_metadata", "runs", "taxi")
    assert (told.returncode, told.stdout) == (1, "")
    assert "`ringway runs` needs ml_metadata, which is not installed here." in told.stderr
    assert "image ringway-pipeline" in told.stderr
    assert "Traceback" not in told.stderr


def test_a_verb_that_does_without_it_works() -> None:
    assert ringway("ml_metadata", "serve", "--help").returncode == 0


def test_a_module_of_ours_that_is_missing_is_a_fault() -> None:
    told = ringway("pipelines.lineage.render", "runs", "taxi")
    assert told.returncode != 0
    assert "not installed here" not in told.stderr
