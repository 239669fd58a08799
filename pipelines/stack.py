"""Which of the two supported stacks is installed, and every difference between them.

A stack is a pair of TFX and TensorFlow releases with a lock of its own under `requirements/`.
Choosing and installing a stack is left to `setup/`; nothing else in the workspace compares
versions.
"""

from __future__ import annotations

import importlib.metadata

from pipelines.errors import RingwayError


def name() -> str:
    """Returns the installed stack, such as `tfx-1.16`.

    Raises:
        RingwayError: TFX is not installed.
    """
    return "tfx-" + ".".join(tfx_version().split(".")[:2])


def tfx_version() -> str:
    """Returns the installed TFX release, such as `1.16.0`.

    Raises:
        RingwayError: TFX is not installed.
    """
    try:
        return importlib.metadata.version("tfx")
    except importlib.metadata.PackageNotFoundError as error:
        raise RingwayError(
            "TFX is not installed in this Python environment.",
            remedy="Run `make run` or `make test`: both set up .venv first.",
        ) from error
