"""What holds for every notebook as it is committed, without executing it."""

from __future__ import annotations

import ast
import re

import nbformat
import notebook_runs
import pytest

NAMES = sorted(path.name for path in notebook_runs.FOLDER.glob("*.ipynb"))

DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


def code_cells(name: str) -> list:
    return [cell for cell in notebook_runs.read(name).cells if cell.cell_type == "code"]


def code_of(name: str) -> str:
    """Returns a notebook's Python, without the commands of IPython."""
    lines = "\n".join(cell.source for cell in code_cells(name)).splitlines()
    return "\n".join(line for line in lines if not line.startswith(("%", "!")))


def test_notebooks_are_numbered_from_one() -> None:
    assert [int(name[:2]) for name in NAMES] == list(range(1, len(NAMES) + 1)) == [1, 2, 3]


@pytest.mark.parametrize("name", NAMES)
def test_has_the_format_that_it_says(name: str) -> None:
    nbformat.validate(notebook_runs.read(name))


@pytest.mark.parametrize("name", NAMES)
def test_is_committed_without_outputs(name: str) -> None:
    for cell in code_cells(name):
        assert cell.outputs == [], cell.id
        assert cell.execution_count is None, cell.id


@pytest.mark.parametrize("name", NAMES)
def test_defines_nothing(name: str) -> None:
    found = [node for node in ast.walk(ast.parse(code_of(name))) if isinstance(node, DEFINITIONS)]
    assert not found, [ast.unparse(node) for node in found]


@pytest.mark.parametrize("name", NAMES)
def test_imports_stand_in_the_first_cell(name: str) -> None:
    first, *others = code_cells(name)
    assert "import" in first.source
    for cell in others:
        assert not re.search(r"^\s*(import|from)\s", cell.source, re.MULTILINE), cell.id


@pytest.mark.parametrize("name", NAMES)
def test_no_line_of_code_is_wider_than_the_code_elsewhere(name: str) -> None:
    for cell in code_cells(name):
        assert all(len(line) <= 100 for line in cell.source.splitlines()), cell.id


@pytest.mark.parametrize("name", NAMES)
def test_links_lead_to_files(name: str) -> None:
    text = "\n".join(
        cell.source for cell in notebook_runs.read(name).cells if cell.cell_type == "markdown"
    )
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        assert (notebook_runs.FOLDER / target).is_file(), target
