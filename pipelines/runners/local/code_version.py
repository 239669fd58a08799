"""What code a node's result depends on, as a map from module name to content hash.

Stock TFX hashes one file, `module_file`. Here a node names its functions by import path, and the
version covers the module of every such function and all workspace modules that it imports, directly
or through others. Regular files that a parameter names (a schema, say) are covered by their content
too. The modules are read and parsed, never imported, so this works before TensorFlow is loaded.

What is left out: packages from outside the workspace. Their versions are those of the stack, which
is an entry of the map under the name `tfx`.
"""

from __future__ import annotations

import ast
import hashlib
import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pipelines.workspace import REPOSITORY

_IMPORT_PATH = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")


def source_roots(search_path: Iterable[str], installed: Iterable[str]) -> list[Path]:
    """Returns the folders of a search path that hold source code rather than installed packages.

    Args:
        search_path: As `sys.path`.
        installed: Where the interpreter and its packages lie, as `sys.prefix` and
            `sys.base_prefix`.
    """
    prefixes = [Path(prefix).resolve() for prefix in installed]
    folders = [Path(entry).resolve() for entry in search_path]
    return [
        folder
        for folder in dict.fromkeys(folders)
        if folder.is_dir() and not any(folder.is_relative_to(prefix) for prefix in prefixes)
    ]


class CodeVersions:
    """Hashes the modules under some folders; every file is read at most once.

    Attributes:
        roots: Folders in which import paths are looked up, as on `sys.path`.
    """

    def __init__(self, roots: Iterable[Path]) -> None:
        self.roots = tuple(roots)
        self._hashes: dict[Path, str] = {}
        self._imports: dict[Path, tuple[str, ...]] = {}

    def of_values(self, values: Iterable[Any]) -> dict[str, str]:
        """Returns the versions of all modules and files that any of the values names.

        Args:
            values: Parameters of a node. Strings that hold JSON are looked into.

        Returns:
            Module name or file path to the first 12 hex digits of its sha256, sorted by name.
        """
        versions: dict[str, str] = {}
        for text in strings_in(values):
            if _IMPORT_PATH.fullmatch(text):
                versions.update(self.of_import_path(text))
            elif "/" in text and "\n" not in text and len(text) < 4096 and Path(text).is_file():
                versions[text] = self._hash(Path(text))
        return dict(sorted(versions.items()))

    def of_import_path(self, import_path: str) -> dict[str, str]:
        """Returns the versions of a module, or of a function's module, and of what it imports.

        An import path that lies outside of the roots gives an empty map.
        """
        parts = import_path.split(".")
        prefixes = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
        start = next((name for name in prefixes if self._file(name)), None)
        versions: dict[str, str] = {}
        pending = [start] if start else []
        while pending:
            name = pending.pop()
            file = self._file(name)
            if file is None or name in versions:
                continue
            versions[name] = self._hash(file)
            pending.extend(self._imported_by(name, file))
        return dict(sorted(versions.items()))

    def _file(self, module: str) -> Path | None:
        relative = Path(*module.split("."))
        for root in self.roots:
            for candidate in (root / relative.with_suffix(".py"), root / relative / "__init__.py"):
                if candidate.is_file():
                    return candidate
        return None

    def _hash(self, file: Path) -> str:
        if file not in self._hashes:
            self._hashes[file] = hashlib.sha256(file.read_bytes()).hexdigest()[:12]
        return self._hashes[file]

    def _imported_by(self, module: str, file: Path) -> tuple[str, ...]:
        if file not in self._imports:
            package = module if file.name == "__init__.py" else module.rpartition(".")[0]
            tree = ast.parse(file.read_bytes(), filename=str(file))
            self._imports[file] = tuple(_imported_names(tree, package))
        return self._imports[file]


def code_of_this_process() -> CodeVersions:
    """Returns what hashes the code that this process would import, the workspace's first."""
    return CodeVersions([REPOSITORY, *source_roots(sys.path, (sys.prefix, sys.base_prefix))])


def _imported_names(tree: ast.Module, package: str) -> Iterator[str]:
    # `from a import b` may name a module a.b or something inside a: both are offered, and those
    # that are no file drop out when they are looked up.
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*parents, *([node.module] if node.module else [])])
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def strings_in(values: Iterable[Any]) -> Iterator[str]:
    """Yields every string inside the values; JSON objects and arrays in strings are opened."""
    for value in values:
        if isinstance(value, str):
            if value[:1] in ("{", "["):
                try:
                    yield from strings_in([json.loads(value)])
                except json.JSONDecodeError:
                    yield value
            else:
                yield value
        elif isinstance(value, Mapping):
            yield from strings_in(value.values())
        elif isinstance(value, list | tuple):
            yield from strings_in(value)
