"""What the built package holds is what the folders hold."""

from __future__ import annotations

import fnmatch
import subprocess
import tomllib
from pathlib import Path, PurePosixPath

from setuptools import find_packages

REPOSITORY = Path(__file__).resolve().parents[2]
PYPROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
TOOLS = PYPROJECT["tool"]
NO_PART_OF_THE_PACKAGE = {"benchmarks", "notebooks", "setup", "tests"}
NO_DATA = {".md"}


def work_tree_files() -> list[PurePosixPath]:
    listing = ["git", "-c", "safe.directory=*", "ls-files", "-co", "--exclude-standard", "-z"]
    told = subprocess.run(listing, cwd=REPOSITORY, check=True, capture_output=True, text=True)
    names = [name for name in told.stdout.split("\0") if name]
    return [PurePosixPath(name) for name in names if (REPOSITORY / name).exists()]


def packaged() -> set[str]:
    return set(find_packages(str(REPOSITORY), **without_namespaces()))


def without_namespaces() -> dict[str, list[str]]:
    return {"include": TOOLS["setuptools"]["packages"]["find"]["include"]}


def test_packages_are_the_folders_that_hold_modules() -> None:
    modules = [path for path in work_tree_files() if path.suffix == ".py" and len(path.parts) > 1]
    folders = {".".join(path.parent.parts) for path in modules}
    expected = {name for name in folders if name.split(".")[0] not in NO_PART_OF_THE_PACKAGE}
    assert packaged() == expected


def test_import_rules_cover_every_top_level_package() -> None:
    top_level = {name.split(".")[0] for name in packaged()}
    assert set(TOOLS["importlinter"]["root_packages"]) == top_level
    layers = TOOLS["importlinter"]["contracts"][0]["layers"]
    assert set(layers) == top_level


def test_data_files_are_packaged() -> None:
    patterns = [pattern.removeprefix("**/") for pattern in TOOLS["setuptools"]["package-data"]["*"]]
    top_level = {name.split(".")[0] for name in packaged()}
    data = [
        path
        for path in work_tree_files()
        if path.parts[0] in top_level and path.suffix not in {".py", *NO_DATA}
    ]
    left_out = [
        str(path) for path in data if not any(fnmatch.fnmatch(path.name, p) for p in patterns)
    ]
    assert left_out == []


def test_the_command_names_an_existing_module() -> None:
    module, _, _ = PYPROJECT["project"]["scripts"]["ringway"].partition(":")
    assert (REPOSITORY / (module.replace(".", "/") + ".py")).exists()
