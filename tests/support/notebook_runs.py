"""Executes notebooks as a reader would, in a kernel of this interpreter, and reads what they show.

Nothing of Jupyter is installed or looked up elsewhere: the kernel's description, its connection
file and all settings lie in a folder of the caller's.
"""

from __future__ import annotations

import dataclasses
import html.parser
import json
import os
import re
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient

REPOSITORY = Path(__file__).resolve().parents[2]
FOLDER = REPOSITORY / "notebooks"
_KERNEL = "ringway-test"
_CELL_TIMEOUT_SEC = 280


@dataclasses.dataclass(frozen=True)
class Table:
    """A table of a page.

    Attributes:
        header: The cells of the last heading row.
        rows: The cells of the others, those of the index first.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def row(self, key: str) -> dict[str, str]:
        """Returns the one row whose first cell is this, by heading."""
        [found] = [row for row in self.rows if row[0] == key]
        # pandas may write the index's name in the last heading row or in a row of its own.
        return dict(zip(self.header[-len(found) :], found, strict=True))

    def column(self, heading: str) -> list[str]:
        """Returns a column."""
        place = len(self.header) - self.header.index(heading)
        return [row[-place] for row in self.rows]


class _Tables(html.parser.HTMLParser):
    """Collects the rows of every table; `th` in the body is an index cell."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: list[list[tuple[bool, list[str]]]] = []
        self._cell: list[str] | None = None
        self._in_head = False

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag == "table":
            self.tables.append([])
        elif tag in {"thead", "tbody"}:
            self._in_head = tag == "thead"
        elif tag == "tr":
            self.tables[-1].append((self._in_head, []))
        elif tag in {"td", "th"}:
            self._cell = []

    def handle_data(self, data: str) -> None:
        if self._cell is not None:
            self._cell.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag in {"td", "th"} and self._cell is not None:
            self.tables[-1][-1][1].append("".join(self._cell).strip())
            self._cell = None


class Executed:
    """An executed notebook; cells are named by their ids.

    Attributes:
        notebook: With its outputs.
    """

    def __init__(self, notebook: Any) -> None:
        self.notebook = notebook

    def outputs(self, cell_id: str | None = None) -> list[Any]:
        """Returns the outputs of a cell, or of all."""
        cells = [cell for cell in self.notebook.cells if cell.cell_type == "code"]
        if cell_id is not None:
            cells = [cell for cell in cells if cell.id == cell_id]
            assert len(cells) == 1, f"there is no cell {cell_id!r}"
        return [output for cell in cells for output in cell.outputs]

    def data(self, kind: str, cell_id: str | None = None) -> list[str]:
        """Returns what is shown in one form, such as `text/html`."""
        shown = [output.get("data", {}) for output in self.outputs(cell_id)]
        return [data[kind] for data in shown if kind in data]

    def text(self, cell_id: str) -> str:
        """Returns what a cell prints, and the plain text of what it shows."""
        return "".join(
            output.text if output.output_type == "stream" else output.data.get("text/plain", "")
            for output in self.outputs(cell_id)
        )

    def tables(self, cell_id: str) -> list[Table]:
        """Returns the tables that a cell shows."""
        parser = _Tables()
        for page in self.data("text/html", cell_id):
            parser.feed(page)
        return [_table(rows) for rows in parser.tables]

    def table(self, cell_id: str) -> Table:
        """Returns the only table that a cell shows."""
        [table] = self.tables(cell_id)
        return table

    def stderr(self) -> str:
        """Returns what all cells wrote to standard error."""
        return "".join(output.text for output in self.outputs() if output.get("name") == "stderr")


def execute(name: str, scratch: Path, environment: Mapping[str, str]) -> Executed:
    """Executes a notebook of the repository from its first cell to its last.

    Args:
        name: Of the file.
        scratch: Folder for what Jupyter needs and the notebook makes.
        environment: Variables of the kernel beside this process's.

    Raises:
        nbclient.exceptions.CellExecutionError: A cell raised.
    """
    notebook = read(name)
    kernel = scratch / "kernels" / _KERNEL
    kernel.mkdir(parents=True, exist_ok=True)
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {"argv": argv, "display_name": "Python", "language": "python"}
    (kernel / "kernel.json").write_text(json.dumps(spec))
    folders = ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")
    settings = {name: str(scratch / name.lower()) for name in (*folders, "MPLCONFIGDIR")}
    # Sockets in a folder with a short name: a path to one has no more than 107 bytes.
    with tempfile.TemporaryDirectory(prefix="kernel-") as sockets:
        manager = AsyncKernelManager(
            kernel_name=_KERNEL,
            kernel_spec_manager=KernelSpecManager(
                kernel_dirs=[str(kernel.parent)], ensure_native_kernel=False
            ),
            connection_file=str(scratch / "connection.json"),
            transport="ipc",
            ip=f"{sockets}/socket",
        )
        client = NotebookClient(
            notebook,
            km=manager,
            timeout=_CELL_TIMEOUT_SEC,
            resources={"metadata": {"path": str(REPOSITORY)}},
        )
        client.execute(cleanup_kc=True, env={**os.environ, **settings, **environment})
    return Executed(notebook)


def read(name: str) -> Any:
    """Reads a notebook of the repository."""
    return nbformat.read(FOLDER / name, as_version=4)


def number(text: str) -> float:
    """Returns the first number in a text; a comma parts thousands, a percent sign hundredths."""
    found = re.search(r"-?\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?(\s*%)?", text)
    assert found, text
    value = float(found.group().rstrip("% ").replace(",", ""))
    return value / 100 if found.group(1) else value


def _table(rows: list[tuple[bool, list[str]]]) -> Table:
    heads = [cells for is_head, cells in rows if is_head]
    header = heads[-1] if heads else []
    if len(heads) == 2 and not any(header[1:]):  # the index's name stands in a row of its own
        header = [header[0], *heads[0][1:]]
    return Table(tuple(header), tuple(tuple(cells) for is_head, cells in rows if not is_head))
