"""What goes into the images' Python environments."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from setup.bootstrap import SetupError
from setup.image_environment import COMPILE, ENVIRONMENTS, make, refuse_other_pythons
from setup.locks import IMAGES

REPOSITORY = Path(__file__).resolve().parents[2]


def test_every_image_has_an_environment() -> None:
    assert tuple(ENVIRONMENTS) == IMAGES


@pytest.mark.parametrize("image", IMAGES)
def test_the_modules_that_are_compiled_exist(image: str) -> None:
    missing = [
        name for name in ENVIRONMENTS[image].imports if importlib.util.find_spec(name) is None
    ]
    assert missing == []


@pytest.mark.parametrize("arguments", [[], ["front", "/x"], ["serving"]])
def test_other_arguments_are_refused(arguments: list[str]) -> None:
    with pytest.raises(SetupError, match="needs an image, pipeline and serving, and a folder"):
        make(arguments, {})


def test_a_base_with_another_python_is_refused() -> None:
    with pytest.raises(SetupError, match=r"locked for Python 3\.13, but the base has 3\.12"):
        refuse_other_pythons((3, 12))
    refuse_other_pythons((3, 13))


def test_bytecode_holds_whatever_becomes_of_the_files_times(tmp_path: Path) -> None:
    (tmp_path / "told.py").write_text("print('told')\n")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    compiling = [sys.executable, "-c", COMPILE, str(tmp_path), "told"]
    subprocess.run(compiling, env=environment, check=True, cwd=tmp_path, capture_output=True)
    (bytecode,) = (tmp_path / "__pycache__").glob("told.*.pyc")
    # Bit 0: by hash; bit 1, unset: never compared with the source (PEP 552).
    assert int.from_bytes(bytecode.read_bytes()[4:8], "little") == 0b01
    os.utime(tmp_path / "told.py", (1, 1))
    verbose = [sys.executable, "-v", "-c", "import told"]
    told = subprocess.run(verbose, env=environment, check=True, capture_output=True, text=True)
    assert re.search(r"code object from .*told\.\w+-\d+\.pyc", told.stderr)
