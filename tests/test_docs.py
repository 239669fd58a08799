"""What the documents say is there is there: commands, options, targets, files."""

import re
import subprocess
import sys

import pytest

from pipelines.cli.main import VERBS
from pipelines.workspace import REPOSITORY

DOCUMENTS = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"]


def text_of(document: str) -> str:
    return (REPOSITORY / document).read_text(encoding="utf-8")


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_verb_named_exists(document: str) -> None:
    named = set(re.findall(r"`ringway ([a-z]+)", text_of(document)))
    assert named <= set(VERBS)


def test_every_verb_and_its_help_stand_in_the_readme() -> None:
    assert set(VERBS) <= set(re.findall(r"`ringway ([a-z]+)", text_of("README.md")))


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_make_target_named_exists(document: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", text_of("Makefile"), re.MULTILINE))
    named = set(re.findall(r"(?:`|^)make ([a-z-]+)", text_of(document), re.MULTILINE))
    assert named <= targets


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_file_named_exists(document: str) -> None:
    folders = "pipelines|schemas|setup|benchmarks|tests|requirements|serving"
    named = set(re.findall(rf"`((?:{folders})/[\w./-]*)`", text_of(document)))
    missing = [path for path in named if not (REPOSITORY / path).exists()]
    assert missing == []


def test_every_option_of_run_named_in_the_readme_exists() -> None:
    row = next(line for line in text_of("README.md").splitlines() if "`ringway run taxi` |" in line)
    done = subprocess.run(
        [sys.executable, "-m", "pipelines.cli.main", "run", "--help"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    options = re.findall(r"`(--[a-z]+)", row)
    assert len(options) > 5
    assert [option for option in options if option not in done.stdout] == []


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_every_verb_has_help_with_examples(verb: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pipelines.cli.main", verb, "--help"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Examples" in done.stdout
    assert f"ringway {verb}" in done.stdout
