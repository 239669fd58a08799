from __future__ import annotations

from typing import Any

import pytest

from setup.stack_choice import STACK_NAMES, Choice, Refusal, Stack, choose_stack

DEBIAN_12: dict[str, Any] = {
    "libc": (2, 36),
    "python_version": (3, 11),
    "system": "Linux",
    "machine": "x86_64",
}


@pytest.mark.parametrize(
    ("machine", "stack"),
    [
        ({}, "tfx-1.16"),
        ({"libc": (2, 28)}, "tfx-1.16"),
        ({"libc": (2, 38)}, "tfx-1.16"),
        ({"libc": (2, 39)}, "tfx-1.21"),
        ({"libc": (2, 41), "python_version": (3, 12)}, "tfx-1.21"),
        ({"libc": (2, 41), "python_version": (3, 13)}, "tfx-1.21"),
        ({"libc": (3, 0), "python_version": (3, 13)}, "tfx-1.21"),
        ({"libc": (2, 41), "forced": "tfx-1.16"}, "tfx-1.16"),
        ({"forced": "tfx-1.16"}, "tfx-1.16"),
    ],
)
def test_picks_the_newest_stack_whose_wheels_load(machine: dict[str, Any], stack: str) -> None:
    decision = choose_stack(**{**DEBIAN_12, **machine})
    assert isinstance(decision, Choice)
    assert decision.stack.name == stack
    assert decision.reason


@pytest.mark.parametrize(
    ("machine", "words"),
    [
        ({"system": "Darwin", "machine": "arm64"}, ["Linux on x86_64", "Darwin on arm64"]),
        ({"system": "Windows", "machine": "AMD64"}, ["Linux on x86_64", "Windows"]),
        ({"machine": "aarch64"}, ["Linux on x86_64", "aarch64"]),
        ({"implementation": "pypy"}, ["CPython", "pypy"]),
        ({"libc": None}, ["GNU C library 2.28 or later"]),
        ({"libc": (2, 17)}, ["tfx-1.16 needs glibc 2.28", "this system has 2.17"]),
        ({"python_version": (3, 10)}, ["Python 3.11;", "this interpreter is 3.10"]),
        ({"python_version": (3, 12)}, ["tfx-1.16", "Python 3.11;", "3.12"]),
        ({"libc": (2, 41), "python_version": (3, 14)}, ["Python 3.11 to 3.13", "3.14"]),
        ({"forced": "tfx-1.21"}, ["tfx-1.21 needs glibc 2.39", "2.36"]),
        (
            {"forced": "tfx-1.16", "libc": (2, 41), "python_version": (3, 13)},
            ["tfx-1.16", "Python 3.11;", "3.13", "make PYTHON=python3.11"],
        ),
        ({"forced": "tfx-1.22"}, ["tfx-1.21 and tfx-1.16", "RINGWAY_STACK", "'tfx-1.22'"]),
    ],
)
def test_refuses_in_one_line_that_says_what_is_supported(
    machine: dict[str, Any], words: list[str]
) -> None:
    decision = choose_stack(**{**DEBIAN_12, **machine})
    assert isinstance(decision, Refusal)
    assert "\n" not in decision.message
    for word in words:
        assert word in decision.message


def test_the_reason_compares_the_c_library_with_what_the_newer_stack_needs() -> None:
    older = choose_stack(**DEBIAN_12)
    newer = choose_stack(**{**DEBIAN_12, "libc": (2, 41)})
    assert isinstance(older, Choice)
    assert isinstance(newer, Choice)
    assert older.reason == "glibc 2.36 is older than the 2.39 that tfx-1.21 needs"
    assert newer.reason == "glibc 2.41 is 2.39 or later"


def test_a_stack_names_its_lock() -> None:
    stack = Stack("tfx-9.9", (2, 99), (3, 11), (3, 12), "sid")
    assert stack.lock == "requirements/tfx-9.9.txt"
    assert STACK_NAMES == ("tfx-1.21", "tfx-1.16")
