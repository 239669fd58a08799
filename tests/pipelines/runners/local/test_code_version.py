import json
from pathlib import Path

import pytest

from pipelines.runners.local.code_version import CodeVersions, strings_in


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    package = tmp_path / "shop"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "model.py").write_text(
        "import json\nfrom shop import features\nfrom . import layers\nfrom .deep import inner\n"
        "def run_fn(args): ...\n"
    )
    (package / "features.py").write_text("NAMES = ['a']\n")
    (package / "layers.py").write_text("import shop.model\n")  # a cycle
    (package / "deep").mkdir()
    (package / "deep" / "__init__.py").write_text("inner = 1\n")
    (package / "unrelated.py").write_text("x = 1\n")
    return tmp_path


def test_covers_the_module_and_what_it_imports(workspace: Path) -> None:
    versions = CodeVersions([workspace]).of_import_path("shop.model.run_fn")
    assert set(versions) == {"shop", "shop.model", "shop.features", "shop.layers", "shop.deep"}


@pytest.mark.parametrize("changed", ["features.py", "layers.py", "deep/__init__.py", "model.py"])
def test_changes_with_any_covered_file_and_names_it(workspace: Path, changed: str) -> None:
    before = CodeVersions([workspace]).of_import_path("shop.model.run_fn")
    with (workspace / "shop" / changed).open("a") as file:
        file.write("# changed\n")
    after = CodeVersions([workspace]).of_import_path("shop.model.run_fn")
    different = {name for name in before if before[name] != after[name]}
    expected = "shop." + changed.removesuffix(".py").removesuffix("/__init__")
    assert different == {expected}


def test_an_unrelated_file_changes_nothing(workspace: Path) -> None:
    before = CodeVersions([workspace]).of_import_path("shop.model.run_fn")
    (workspace / "shop" / "unrelated.py").write_text("x = 2\n")
    assert CodeVersions([workspace]).of_import_path("shop.model.run_fn") == before


def test_a_path_outside_of_the_workspace_has_no_versions(workspace: Path) -> None:
    assert CodeVersions([workspace]).of_import_path("json.decoder.JSONDecoder") == {}


def test_finds_import_paths_and_files_in_parameters(workspace: Path) -> None:
    schema = workspace / "schema.pbtxt"
    schema.write_text("feature { name: 'a' }")
    parameters = [json.dumps({"fn": ["shop.features.NAMES"]}), str(schema), "just text", 3]
    versions = CodeVersions([workspace]).of_values(parameters)
    assert set(versions) == {"shop.features", str(schema)}
    assert all(len(version) == 12 for version in versions.values())


def test_opens_nested_values() -> None:
    assert list(strings_in([{"a": ["x", '{"b": "y"}']}, "{broken", 7])) == ["x", "y", "{broken"]
