"""Makes `.venv` ready for work: `python3 setup/bootstrap.py`, which `make` calls before anything.

It picks a stack (`setup/stack_choice.py`), makes the virtual environment, installs exactly what the
stack's lock lists and puts the workspace itself on the path. A stamp inside `.venv` records what
was installed; where it matches, set-up ends at once. The stamp is removed before the first
change and written after the last, so a set-up that was killed is seen and begun anew. Two set-ups
at once wait for each other.

Bytecode is written for what a run imports, a third of all files. Compiling the rest would take
three times as long, and leaving it to the first import costs every process 10 s wherever
PYTHONDONTWRITEBYTECODE is set.

Parses on Python 3.8 and needs nothing but the standard library.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Iterator, Mapping, NoReturn

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))  # called as a script, only `setup/` is there

from setup.stack_choice import Choice, Refusal, Stack, Version, choose_stack  # noqa: E402
from setup.uv_settings import uv_environment  # noqa: E402

VENV = ".venv"
DOOMED = ".venv.old"
STAMP = ".ringway-stack"
LOCK_FILE = ".venv.lock"
RUN_IMPORTS = (
    "pipelines.cli.watch",
    "pipelines.feedback.pipeline",
    "pipelines.flights.model",
    "pipelines.flights.tuning",
    "pipelines.skew.pipeline",
    "pipelines.standard",
    "pipelines.taxi.model",
    "pipelines.taxi.tuning",
    "pytest",
    "serving.backends.local.loader",
    "serving.client",
    "serving.server.program",
)
FAILED = 1
REFUSED = 2
INTERRUPTED = 130


class SetupError(Exception):
    """Set-up cannot go on; the message is one line that says what to do.

    Attributes:
        exit_code: What the process exits with.
    """

    def __init__(self, message: str, exit_code: int = FAILED) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def glibc_version() -> Version | None:
    """Returns the version of the GNU C library, or None where there is another C library."""
    try:
        name = os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (AttributeError, ValueError, OSError):  # not on musl, macOS or Windows
        name = ""
    found = re.match(r"glibc (\d+)\.(\d+)", name)
    return (int(found.group(1)), int(found.group(2))) if found else None


def choose_for_this_machine(environment: Mapping[str, str]) -> Choice:
    """Returns the stack for this machine and interpreter.

    Raises:
        SetupError: Nothing that we support fits, with exit code 2.
    """
    decision = choose_stack(
        libc=glibc_version(),
        python_version=(sys.version_info[0], sys.version_info[1]),
        system=platform.system(),
        machine=platform.machine() if sys.maxsize > 2**32 else "32 bits",
        implementation=sys.implementation.name,
        forced=environment.get("RINGWAY_STACK", ""),
    )
    if isinstance(decision, Refusal):
        raise SetupError(decision.message, REFUSED)
    return decision


def fingerprint(root: Path, stack: Stack) -> str:
    """Returns what the stamp must read for `.venv` to be up to date.

    It covers the stack and its lock, the package's own metadata, this program, the interpreter and
    the folder itself, since scripts in `.venv/bin` name it: a moved checkout is set up anew.
    """
    digest = hashlib.sha256()
    for path in (root / stack.lock, root / "pyproject.toml", Path(__file__)):
        digest.update(path.read_bytes())
    digest.update(f"{root}\n{sys.version}\n".encode())
    return f"{stack.name} {digest.hexdigest()}\n"


def read_stamp(venv: Path) -> str:
    """Returns the stamp, or nothing where no set-up was finished."""
    stamp = venv / STAMP
    return stamp.read_text() if stamp.exists() else ""


def is_ready(venv: Path, wanted: str) -> bool:
    """Tells whether the virtual environment was finished and holds what is wanted."""
    programs = (venv / "bin" / "python", venv / "bin" / "ringway")
    return all(program.exists() for program in programs) and read_stamp(venv) == wanted


@contextlib.contextmanager
def exclusive(root: Path) -> Iterator[None]:
    """Holds the set-up lock; waits, and says so, while another set-up holds it."""
    import fcntl  # not on Windows, which is refused before this

    with (root / LOCK_FILE).open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another set-up is at work in this folder; waiting for it")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def install(root: Path, choice: Choice, wanted: str) -> None:
    """Brings `.venv` to what is wanted.

    Raises:
        SetupError: A step failed. No stamp is left, so the next set-up begins anew.
    """
    venv = root / VENV
    python = str(venv / "bin" / "python")
    if read_stamp(venv).startswith(choice.stack.name) and version_of(python) == sys.version:
        (venv / STAMP).unlink()
        doing = f"bringing {VENV} to {choice.stack.lock}"
    else:
        doing = f"installing {choice.stack.lock}: a minute or more, 3 GB"
        # An unfinished installation may hold packages with their metadata but not all their files,
        # which an installer takes for complete: nothing of it is kept.
        remove(venv)
        make_venv(venv)
    lock = root / choice.stack.lock
    install_uv(python, lock)
    uv = [str(venv / "bin" / "uv"), "--quiet", "pip"]
    environment = uv_environment(python, os.environ)
    # The lock also pins the build tools of those few packages that come as source alone.
    sync = ["sync", "--python", python, str(lock), "--build-constraint", str(lock)]
    run([*uv, *sync], environment, doing)
    # A plain path entry: the finder of other editable modes costs time at each start of Python.
    plain = ["--config-settings", "editable_mode=compat", "--editable", str(root)]
    workspace = ["install", "--python", python, "--no-deps", "--no-build-isolation", *plain]
    run([*uv, *workspace], environment, "installing the workspace")
    write_bytecode(python)
    (venv / STAMP).write_text(wanted)


def write_bytecode(python: str) -> None:
    """Imports what a run imports, so that its bytecode lies on the disk.

    Only speed is at stake, so a module that does not load is left for its user to find.
    """
    say("compiling what a run imports")
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    imports = "; ".join(f"import {module}" for module in RUN_IMPORTS)
    subprocess.run(
        [python, "-W", "ignore", "-c", imports],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )


def version_of(python: str) -> str:
    """Returns `sys.version` of an interpreter, or nothing when it does not start."""
    if not Path(python).exists():
        return ""
    told = subprocess.run(
        [python, "-c", "import sys; sys.stdout.write(sys.version)"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=False,
    )
    return told.stdout if told.returncode == 0 else ""


def remove(venv: Path) -> None:
    """Removes a virtual environment; under its own name it is never seen half gone."""
    doomed = venv.with_name(DOOMED)
    if doomed.exists():
        shutil.rmtree(doomed)
    if venv.is_symlink():
        venv.unlink()
    elif venv.exists():
        venv.rename(doomed)
        shutil.rmtree(doomed)


def make_venv(venv: Path) -> None:
    """Makes a virtual environment with pip in it.

    Raises:
        SetupError: This Python cannot make one; names the Debian package that is missing.
    """
    try:
        import ensurepip  # noqa: F401
    except ImportError:
        version = f"{sys.version_info[0]}.{sys.version_info[1]}"
        raise SetupError(
            f"{sys.executable} lacks ensurepip, so it cannot make a virtual environment. "
            f"On Debian and Ubuntu: apt-get install python{version}-venv.",
            REFUSED,
        ) from None
    # In an activated `.venv`, sys.executable is the one that was just removed.
    python = getattr(sys, "_base_executable", sys.executable)
    run([python, "-m", "venv", str(venv)], os.environ, f"making {VENV}")


def install_uv(python: str, lock: Path) -> None:
    """Installs the uv that the lock pins, after comparing it with the hashes there.

    Raises:
        SetupError: The lock pins none, or the installation failed.
    """
    pinned = re.search(r"^uv==\S+(?: \\\n +--hash=\S+)*", lock.read_text(), re.MULTILINE)
    if pinned is None:
        raise SetupError(f"{lock} pins no uv; expected a line `uv==VERSION`. Try: make lock.")
    requirement = Path(python).parent.parent / "uv.txt"
    requirement.write_text(pinned.group(0) + "\n")
    quiet = ["--quiet", "--disable-pip-version-check", "--no-input"]
    install = [python, "-m", "pip", "install", *quiet, "--requirement", str(requirement)]
    run(install, os.environ, f"installing {pinned.group(0).split()[0]}")


def run(command: list[str], environment: Mapping[str, str], doing: str) -> None:
    """Runs one step; what it prints goes to our error stream.

    Raises:
        SetupError: The step failed.
    """
    say(doing)
    done = subprocess.run(command, env=dict(environment), stdout=sys.stderr.fileno(), check=False)
    if done.returncode != 0:
        raise SetupError(
            f"failed at {doing!r} with exit status {done.returncode}; the reason stands above. "
            "The same command begins anew."
        )


def say(message: str) -> None:
    """Tells the user what is going on."""
    print(f"set-up: {message}", file=sys.stderr, flush=True)


def set_up(root: Path) -> None:
    """Makes `.venv` in `root` ready; returns at once where it is.

    Raises:
        SetupError: The machine is not supported, or a step failed.
    """
    choice = choose_for_this_machine(os.environ)
    venv, wanted = root / VENV, fingerprint(root, choice.stack)
    if is_ready(venv, wanted):
        return
    with exclusive(root):
        if is_ready(venv, wanted):
            return
        began = time.monotonic()
        python = f"Python {sys.version.split()[0]}"
        say(f"stack {choice.stack.name} on {python}: {choice.reason}")
        install(root, choice, wanted)
        say(f"done in {time.monotonic() - began:.0f} s")


def main() -> NoReturn:
    """Sets up the workspace that this file lies in; an error becomes one line and an exit code."""
    try:
        set_up(REPOSITORY)
    except SetupError as error:
        say(str(error))
        sys.exit(error.exit_code)
    except OSError as error:
        say(f"{error}. May we write here, and is there room for 3 GB?")
        sys.exit(FAILED)
    except KeyboardInterrupt:
        say("interrupted; the same command begins anew.")
        sys.exit(INTERRUPTED)
    sys.exit(0)


if __name__ == "__main__":
    main()
