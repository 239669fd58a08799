"""What holds for the outputs of every notebook."""

from __future__ import annotations

import base64
import re

from notebook_runs import Executed

_PNG = b"\x89PNG\r\n\x1a\n"
_LOADS = re.compile(
    r"""(?:src|href|xlink:href)\s*=\s*["']?\s*(?:https?:)?//|@import|url\(\s*["']?http"""
)


# What TensorFlow's C++ may say, on some machines, before it knows which level was asked for.
_NATIVE = re.compile(
    r"WARNING: All log messages before absl|[IWEF]\d{4} |\d{4}-\d\d-\d\d .*: [IWEF] "
)


def assert_quiet(executed: Executed) -> None:
    """Asserts that no warning or trace of Python, nor anything else, is on standard error."""
    lines = [line for line in executed.stderr().splitlines() if line.strip()]
    assert [line for line in lines if not _NATIVE.match(line)] == []


def assert_offline(executed: Executed) -> None:
    """Asserts that no output loads anything from the network, and none is a script."""
    for output in executed.outputs():
        data = output.get("data", {})
        assert "application/javascript" not in data
        page = data.get("text/html", "") + data.get("image/svg+xml", "")
        assert not _LOADS.search(page), page[:500]
        assert "<script" not in page, page[:500]


def assert_picture(executed: Executed, cell_id: str) -> None:
    """Asserts that a cell shows one picture, of some size."""
    [picture] = executed.data("image/png", cell_id)
    content = base64.b64decode(picture)
    assert content.startswith(_PNG)
    assert len(content) > 5000
