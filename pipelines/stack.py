"""Which of the two supported stacks is installed, and every difference between them.

A stack is a pair of TFX and TensorFlow releases with a lock of its own under `requirements/`.
Choosing and installing a stack is left to `setup/`; nothing else in the workspace compares
versions.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Sequence

from pipelines.errors import RingwayError

# Beam's own release, and of Flink the newest that it supports.
_BEAM_RELEASES = {"tfx-1.16": "2.61.0", "tfx-1.21": "2.77.0"}
FLINK_RELEASES = {"tfx-1.16": "1.19", "tfx-1.21": "2.2"}
NAMES = tuple(FLINK_RELEASES)
# Spark reaches into the JDK, which Java 17 forbids unless told. Later releases of Beam say so
# themselves.
_SPARK_OPENS = tuple(
    f"--add-opens=java.base/{package}=ALL-UNNAMED"
    for package in ("sun.nio.ch", "java.nio", "java.util", "java.lang.invoke")
)


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


def job_server(engine: str) -> str:
    """Returns the Maven coordinates of Beam's job server for `flink` or `spark`.

    Raises:
        RingwayError: TFX is not installed.
    """
    stack = name()
    release = FLINK_RELEASES[stack] if engine == "flink" else "3"
    artifact = f"beam-runners-{engine}-{release}-job-server"
    return f"org.apache.beam:{artifact}:{_BEAM_RELEASES[stack]}"


def job_server_flags(engine: str) -> Sequence[str]:
    """Returns what the Java of a job server has to be started with.

    Raises:
        RingwayError: TFX is not installed.
    """
    return _SPARK_OPENS if engine == "spark" and name() == "tfx-1.16" else ()


def dataflow_flags() -> Sequence[str]:
    """Returns what Dataflow's runner has to be told besides a profile.

    Later releases of Beam would send along what the running program defines, which is nothing that
    workers need.

    Raises:
        RingwayError: TFX is not installed.
    """
    return ("--no_save_main_session",) if name() == "tfx-1.21" else ()
