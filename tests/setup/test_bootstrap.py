"""Set-up as a process, against an index that is a folder holding one wheel: a stand-in for uv.

Everything else is real: interpreter, virtual environment, pip, lock file, signals. The stand-in
notes each call in a file and, when told to install the workspace, makes its command.
"""

from __future__ import annotations

import ast
import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
STAND_IN = """#!python
import os, pathlib, signal, sys
environment = pathlib.Path(sys.executable).parent
with open(os.environ["CALLS"], "a") as calls:
    calls.write(" ".join(sys.argv[1:4]) + "\\n")
if "KILL" in os.environ:
    os.kill(os.getppid(), signal.SIGKILL)
if "--editable" in sys.argv:
    (environment / "ringway").touch()
"""


def make_wheel(folder: Path) -> str:
    """Writes a wheel of `uv` 0.0.1, and returns the line that pins it."""
    wheel = folder / "uv-0.0.1-py3-none-any.whl"
    info = "uv-0.0.1.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        script = zipfile.ZipInfo("uv-0.0.1.data/scripts/uv")
        script.external_attr = 0o100755 << 16  # a file that may be executed
        archive.writestr(script, STAND_IN)
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: uv\nVersion: 0.0.1\n")
        tag = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        archive.writestr(f"{info}/WHEEL", tag)
        archive.writestr(f"{info}/RECORD", "")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    return f"uv==0.0.1 \\\n    --hash=sha256:{digest}\n"


class Checkout:
    """A copy of what set-up needs, and the index that it installs from."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "checkout"
        self.calls_file = folder / "calls"
        self.index = folder / "index"
        shutil.copytree(
            REPOSITORY / "setup",
            self.root / "setup",
            ignore=shutil.ignore_patterns("__pycache__"),
        )
        shutil.copy(REPOSITORY / "pyproject.toml", self.root)
        (self.root / "requirements").mkdir()
        self.index.mkdir()
        self.pin = make_wheel(self.index)
        self.write_locks()

    def write_locks(self, comment: str = "") -> None:
        for stack in ("tfx-1.16", "tfx-1.21"):
            lock = self.root / "requirements" / f"{stack}.txt"
            lock.write_text(f"{comment}{self.pin}")

    def start(self, **variables: str) -> subprocess.Popen[str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith("PIP_")}
        environment = {
            **kept,
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(self.index),
            "CALLS": str(self.calls_file),
            **variables,
        }
        command = [sys.executable, str(self.root / "setup" / "bootstrap.py")]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe, text=True)

    def set_up(self, **variables: str) -> tuple[int, str]:
        """Returns the exit code and what was printed to the error stream."""
        process = self.start(**variables)
        _, errors = process.communicate(timeout=120)
        return process.returncode, errors

    def calls(self) -> list[str]:
        return self.calls_file.read_text().splitlines() if self.calls_file.exists() else []

    @property
    def venv(self) -> Path:
        return self.root / ".venv"


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_a_refusal_is_one_line_with_exit_code_2_and_nothing_is_made(checkout: Checkout) -> None:
    code, errors = checkout.set_up(RINGWAY_STACK="tfx-0.1")
    assert code == 2
    assert (
        errors == "set-up: the stacks are tfx-1.21 and tfx-1.16; RINGWAY_STACK names 'tfx-0.1'.\n"
    )
    assert not checkout.venv.exists()
    assert checkout.calls() == []


def test_set_up_once_installs_again_does_nothing_and_follows_a_changed_lock(
    checkout: Checkout,
) -> None:
    code, errors = checkout.set_up()
    assert code == 0, errors
    assert "set-up: stack tfx-1." in errors
    assert checkout.calls() == ["--quiet pip sync", "--quiet pip install"]

    assert checkout.set_up() == (0, "")
    assert len(checkout.calls()) == 2

    kept = checkout.venv / "kept"
    kept.touch()
    checkout.write_locks(comment="# newer\n")
    code, errors = checkout.set_up()
    assert code == 0, errors
    assert len(checkout.calls()) == 4
    assert kept.exists()


def test_a_killed_set_up_is_begun_anew(checkout: Checkout) -> None:
    code, _ = checkout.set_up(KILL="now")
    assert code == -9
    half_made = checkout.venv / "half-made"
    half_made.touch()

    code, errors = checkout.set_up()
    assert code == 0, errors
    assert not half_made.exists()
    assert (checkout.venv / "bin" / "ringway").exists()
    assert checkout.set_up() == (0, "")


def test_of_two_set_ups_at_once_one_works_and_the_other_waits(checkout: Checkout) -> None:
    both = [checkout.start(), checkout.start()]
    errors = [process.communicate(timeout=120)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], errors
    assert checkout.calls() == ["--quiet pip sync", "--quiet pip install"]


def test_a_lock_with_other_bytes_than_its_hash_is_refused(checkout: Checkout) -> None:
    checkout.pin = checkout.pin[:-9] + "00000000\n"
    checkout.write_locks()
    code, errors = checkout.set_up()
    assert code == 1
    assert "failed at 'installing uv==0.0.1'" in errors
    assert not (checkout.venv / ".ringway-stack").exists()


@pytest.mark.parametrize("path", sorted((REPOSITORY / "setup").glob("*.py")), ids=lambda p: p.name)
def test_set_up_parses_on_python_3_8(path: Path) -> None:
    # Else an old interpreter would answer with a SyntaxError instead of our one line.
    ast.parse(path.read_text(), feature_version=(3, 8))
