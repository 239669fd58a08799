"""The two locks: complete, and true to what stands in for packages without wheels."""

from __future__ import annotations

import re
from pathlib import Path

import farmhash
import pytest

from setup.stack_choice import STACKS, Stack

REPOSITORY = Path(__file__).resolve().parents[2]

stacks = pytest.mark.parametrize("stack", STACKS, ids=lambda stack: stack.name)


def requirements(stack: Stack) -> list[str]:
    text = (REPOSITORY / stack.lock).read_text().replace("\\\n", " ")
    return [line for line in text.splitlines() if re.match(r"[a-z0-9]", line)]


@stacks
def test_a_lock_says_how_it_is_made(stack: Stack) -> None:
    assert (REPOSITORY / stack.lock).read_text().splitlines()[1].strip() == "#    make lock"


@stacks
def test_a_lock_pins_everything_with_hashes(stack: Stack) -> None:
    assert all(re.match(r"[a-z0-9._-]+==\S+", line) for line in requirements(stack))
    assert all("--hash=sha256:" in line for line in requirements(stack))


@stacks
def test_a_lock_holds_its_tfx_release_and_what_set_up_needs(stack: Stack) -> None:
    pins = dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", "\n".join(requirements(stack)), re.MULTILINE))
    assert f"tfx-{pins['tfx']}".startswith(f"{stack.name}.")
    assert {"uv", "setuptools", "pytest", "ruff", "mypy", "import-linter"} <= set(pins)


def test_both_locks_pin_the_same_uv() -> None:
    pins = {line.split()[0] for stack in STACKS for line in requirements(stack) if "uv==" in line}
    assert len(pins) == 1


@pytest.mark.parametrize(
    ("text", "signed"),
    [
        ("1footrue", -1541654101129638711),
        ("2applefalse", 2794438866806483259),
        ("3true", -4880158226897771312),
    ],
)
def test_the_newer_farmhash_gives_the_documented_fingerprints(text: str, signed: int) -> None:
    # The example of FARM_FINGERPRINT in BigQuery's documentation of hash functions.
    assert farmhash.fingerprint64(text) == signed % 2**64


def test_the_stand_in_for_crcmod_gives_the_values_of_the_standard() -> None:
    crcmod = pytest.importorskip("crcmod.predefined", reason="tfx-1.21's Beam needs no crcmod")
    crc_32c = crcmod.mkPredefinedCrcFun("crc-32c")
    # The examples of RFC 3720, B.4, whose bytes stand in reverse order there.
    assert crc_32c(bytes(32)) == 0x8A9136AA
    assert crc_32c(b"\xff" * 32) == 0x62A8AB43
    assert crc_32c(bytes(range(32))) == 0x46DD794E
