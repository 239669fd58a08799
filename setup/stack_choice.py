"""Which of the two stacks a machine gets: a pure decision, without installing anything.

Like everything under `setup/` this parses on Python 3.8 and imports the standard library alone,
so that an interpreter which is too old is refused in one line instead of by a SyntaxError.
Reading the machine and acting on the answer is left to `setup/bootstrap.py`.
"""

from __future__ import annotations

from typing import NamedTuple, Tuple

Version = Tuple[int, int]


class Stack(NamedTuple):
    """One set of releases that belong together.

    Attributes:
        name: `tfx-1.16` or `tfx-1.21`; names the lock under `requirements/`.
        glibc: Oldest C library, inclusive, for which all its wheels are built.
        oldest_python: First Python that it runs on.
        newest_python: Last Python that it runs on, inclusive.
        debian: The Debian release whose root file system its tests can run in.
    """

    name: str
    glibc: Version
    oldest_python: Version
    newest_python: Version
    debian: str

    @property
    def lock(self) -> str:
        """Returns the lock's path below the repository."""
        return f"requirements/{self.name}.txt"

    @property
    def pythons(self) -> str:
        """Returns the supported Pythons as a phrase."""
        oldest, newest = show(self.oldest_python), show(self.newest_python)
        return f"Python {oldest}" if oldest == newest else f"Python {oldest} to {newest}"


class Choice(NamedTuple):
    """The stack for this machine, and why it is the one."""

    stack: Stack
    reason: str


class Refusal(NamedTuple):
    """Why this machine gets no stack, and what is supported, in one line."""

    message: str


# Newest first. The bounds are the platform tags of the wheels: ml-metadata 1.21.0 is tagged
# manylinux_2_39, and the strictest wheels of the older lock are tagged manylinux_2_28.
STACKS = (
    Stack("tfx-1.21", (2, 39), (3, 11), (3, 13), "trixie"),
    Stack("tfx-1.16", (2, 28), (3, 11), (3, 11), "bookworm"),
)
STACK_NAMES = tuple(stack.name for stack in STACKS)


def show(version: Version) -> str:
    """Returns a version as people write it."""
    return ".".join(str(part) for part in version)


def choose_stack(
    *,
    libc: Version | None,
    python_version: Version,
    system: str,
    machine: str,
    implementation: str = "cpython",
    forced: str = "",
) -> Choice | Refusal:
    """Decides which stack a machine gets.

    Args:
        libc: Version of the GNU C library, or None where it is another one (musl) or unknown.
        python_version: Major and minor version of the interpreter.
        system: As `platform.system()` tells it.
        machine: As `platform.machine()` tells it.
        implementation: As `sys.implementation.name` tells it.
        forced: Name of the stack that the user insists on; empty for the newest that fits.

    Returns:
        A choice, or a refusal of one line that says what is supported.
    """
    if system != "Linux" or machine not in ("x86_64", "AMD64"):
        return Refusal(f"Linux on x86_64 is supported; this is {system} on {machine}.")
    if implementation != "cpython":
        return Refusal(f"CPython is supported; this interpreter is {implementation}.")
    if libc is None:
        oldest = show(STACKS[-1].glibc)
        return Refusal(f"the GNU C library {oldest} or later is supported; this system has none.")
    if forced and forced not in STACK_NAMES:
        names = " and ".join(STACK_NAMES)
        return Refusal(f"the stacks are {names}; RINGWAY_STACK names {forced!r}.")
    return _choose_by_versions(libc, python_version, forced)


def _choose_by_versions(libc: Version, python_version: Version, forced: str) -> Choice | Refusal:
    candidates = [stack for stack in STACKS if not forced or stack.name == forced]
    loadable = [stack for stack in candidates if libc >= stack.glibc]
    if not loadable:
        wanted = candidates[-1]
        return Refusal(
            f"{wanted.name} needs glibc {show(wanted.glibc)} or later; "
            f"this system has {show(libc)}."
        )
    stack = loadable[0]
    if not stack.oldest_python <= python_version <= stack.newest_python:
        return Refusal(
            f"{stack.name} with glibc {show(libc)} runs on {stack.pythons}; "
            f"this interpreter is {show(python_version)}. "
            f"Name another one: make PYTHON=python{show(stack.oldest_python)}."
        )
    if forced:
        return Choice(stack, "RINGWAY_STACK asks for it")
    return Choice(stack, _reason(stack, libc))


def _reason(stack: Stack, libc: Version) -> str:
    newer = STACKS[0]
    if stack == newer:
        return f"glibc {show(libc)} is {show(newer.glibc)} or later"
    return f"glibc {show(libc)} is older than the {show(newer.glibc)} that {newer.name} needs"
