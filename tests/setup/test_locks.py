"""The locks: complete, and true to what stands in for packages without wheels."""

from __future__ import annotations

import re
from pathlib import Path

import farmhash
import pytest

from setup.locks import IMAGE_STACK, IMAGES, image_arguments
from setup.stack_choice import STACKS, Stack

REPOSITORY = Path(__file__).resolve().parents[2]

stacks = pytest.mark.parametrize("stack", STACKS, ids=lambda stack: stack.name)
images = pytest.mark.parametrize("image", IMAGES)
# Without kernels for a GPU it is the same release under another name.
OTHER_NAMES = {"tensorflow-cpu": "tensorflow"}


def requirements(stack: Stack) -> list[str]:
    return locked(REPOSITORY / stack.lock)


def locked(lock: Path) -> list[str]:
    text = lock.read_text().replace("\\\n", " ")
    return [line for line in text.splitlines() if re.match(r"[a-z0-9]", line)]


def pins(lines: list[str]) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", "\n".join(lines), re.MULTILINE))


def named(name: str) -> set[str]:
    """Names in a file of requirements, up to what only development needs."""
    text = (REPOSITORY / "requirements" / f"{name}.in").read_text().partition("# Development.")[0]
    return set(re.findall(r"^([a-z0-9][a-z0-9-]+(?:\[[a-z0-9]+\])?)", text, re.MULTILINE))


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


@images
def test_an_image_installs_releases_that_the_tests_ran_with(image: str) -> None:
    of_stack = pins(requirements(IMAGE_STACK))
    of_image = pins(locked(REPOSITORY / "requirements" / f"{image}.txt"))
    assert of_image
    strange = {
        name: version
        for name, version in of_image.items()
        if of_stack.get(OTHER_NAMES.get(name, name)) != version
    }
    assert strange == {}


@images
def test_an_image_lock_pins_everything_with_hashes(image: str) -> None:
    lines = locked(REPOSITORY / "requirements" / f"{image}.txt")
    assert all(re.match(r"[a-z0-9._-]+==\S+", line) for line in lines)
    assert all("--hash=sha256:" in line for line in lines)


def test_the_pipeline_image_has_all_that_development_does_not_add() -> None:
    # uv's own pins stay with the stack, which images are built by.
    assert named("pipeline") == named("base") | named(IMAGE_STACK.name)


def test_the_serving_image_has_neither_tfx_nor_beam() -> None:
    held = set(pins(locked(REPOSITORY / "requirements" / "serving.txt")))
    assert "tensorflow-cpu" in held
    assert not {"tfx", "apache-beam", "ml-metadata", "tensorflow-serving-api", "kfp"} & held


def test_an_upgrade_leaves_the_images_to_their_stack() -> None:
    arguments = image_arguments("serving", ["--upgrade", "--upgrade-package=rich", "--verbose"])
    assert "--verbose" in arguments
    assert not [argument for argument in arguments if argument.startswith("--upgrade")]
