"""Plain data as an argument of a task's command line.

JSON while that is short, compressed otherwise, or where Argo, Kubeflow or Kubernetes would take a
part of it for something to fill in.
"""

from __future__ import annotations

import base64
import json
import re
import zlib
from typing import Any

from pipelines.errors import RingwayError

# Linux takes 128 KiB per argument (MAX_ARG_STRLEN). All of a task's arguments travel together in
# one parameter of Argo's, and those of all tasks in one object of etcd's 1.5 MiB.
MAX_ARGUMENT_BYTES = 96 * 1024
_PLAIN_BYTES = 8 * 1024
_COMPRESSED = "zlib:"
_TEMPLATE = re.compile(r"\{\{|\$\(|\$\$")


def pack(document: Any, node_id: str) -> str:
    """Returns plain data as an argument of a node's task.

    Raises:
        RingwayError: It is too long for an argument.
    """
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    if len(text) > _PLAIN_BYTES or _TEMPLATE.search(text):
        text = _COMPRESSED + base64.b64encode(zlib.compress(text.encode(), 9)).decode()
    if len(text) > MAX_ARGUMENT_BYTES:
        raise RingwayError(
            f"Node {node_id}: its definition takes {len(text):,} bytes as an argument, expected at "
            f"most {MAX_ARGUMENT_BYTES:,}.",
            remedy="Put what is long among its parameters into a file, and name the file.",
        )
    return text


def unpack(text: str) -> Any:
    """Returns the data that `pack` wrote.

    Raises:
        RingwayError: The text is none.
    """
    try:
        if text.startswith(_COMPRESSED):
            text = zlib.decompress(base64.b64decode(text.removeprefix(_COMPRESSED))).decode()
        return json.loads(text)
    except (ValueError, zlib.error) as error:
        raise unreadable(error) from error


def unreadable(error: Exception) -> RingwayError:
    """Returns the error of a definition that cannot be read."""
    return RingwayError(
        f"The task's definition cannot be read: {error}.",
        remedy="Compile and run with the same version of the repository and the same stack.",
    )
