"""Makes the Python environment of an image: `python3 setup/image_environment.py serving /opt/venv`.

The Dockerfile calls it where the image is built. Unlike `setup/bootstrap.py` it installs what one
image needs and no more, and leaves nothing to be written later, as the image's files belong to root
and may lie on a read-only file system: bytecode of all that is imported is made now, and holds
whatever becomes of the files' times.

Parses on Python 3.8 and needs nothing but the standard library.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Mapping, NamedTuple, NoReturn

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))  # called as a script, only `setup/` is there

from setup.bootstrap import (  # noqa: E402
    REFUSED,
    RUN_IMPORTS,
    SetupError,
    install_uv,
    make_venv,
    run,
    say,
)
from setup.locks import IMAGE_STACK  # noqa: E402
from setup.stack_choice import show  # noqa: E402
from setup.uv_settings import uv_environment  # noqa: E402


class Environment(NamedTuple):
    """What an image installs.

    Attributes:
        imports: Modules whose bytecode, and that of all that they import, is made.
        keeps_pip: Whether pip stays: TFX calls it for the module files of pipelines.
    """

    imports: tuple[str, ...]
    keeps_pip: bool


ENVIRONMENTS = {
    "pipeline": Environment(
        (
            *(module for module in RUN_IMPORTS if module != "pytest"),
            "apache_beam.runners.worker.sdk_worker_main",
            "apache_beam.runners.worker.worker_pool_main",
            "pipelines.runners.beam.boot",
            "pipelines.runners.kubeflow.task",
            "tfx.v1",
        ),
        keeps_pip=True,
    ),
    "serving": Environment(
        (
            "pipelines.cli.serve",
            "pipelines.flights.config",
            "pipelines.taxi.config",
            "serving.backends.local.loader",
            "serving.backends.remote.plane",
            "serving.client",
            "serving.server.program",
        ),
        keeps_pip=False,
    ),
}
# Headers of TensorFlow: nothing is compiled in an image.
UNUSED = ("tensorflow/include",)
# Runs in the new environment, and has the bytecode that imports just wrote hold by its source's
# hash, unchecked (PEP 552), in place of its source's time: builders change times, to make layers
# alike, and nobody edits sources in an image. Arguments: folders, with `:` between, and modules.
COMPILE = """
import importlib, importlib.util, pathlib, py_compile, sys
for name in sys.argv[2:]:
    importlib.import_module(name)
sources = {getattr(module, "__file__", None) or "" for module in list(sys.modules.values())}
ours = tuple(folder + "/" for folder in sys.argv[1].split(":"))
wanted = [path for path in sources if path.endswith(".py") and path.startswith(ours)]
for path in wanted:
    bytecode = pathlib.Path(importlib.util.cache_from_source(path))
    if not bytecode.exists():
        py_compile.compile(path, doraise=True)
    parts = bytecode.read_bytes()
    source_hash = importlib.util.source_hash(pathlib.Path(path).read_bytes())
    bytecode.write_bytes(parts[:4] + (1).to_bytes(4, "little") + source_hash + parts[16:])
print(f"set-up: bytecode of {len(wanted)} modules")
"""


def main() -> NoReturn:
    """Makes the environment that the first argument names, in the folder that the second does."""
    try:
        make(sys.argv[1:], os.environ)
    except SetupError as error:
        say(str(error))
        sys.exit(error.exit_code)
    sys.exit(0)


def make(arguments: list[str], environment: Mapping[str, str]) -> None:
    """Makes the environment of an image.

    Raises:
        SetupError: There is no such image, this is another Python, or a step failed.
    """
    if len(arguments) != 2 or arguments[0] not in ENVIRONMENTS:
        names = " and ".join(ENVIRONMENTS)
        received = " ".join(arguments) or "none"
        raise SetupError(f"needs an image, {names}, and a folder; received {received}.", REFUSED)
    refuse_other_pythons((sys.version_info[0], sys.version_info[1]))
    name, venv = arguments[0], Path(arguments[1])
    with tempfile.TemporaryDirectory() as folder:
        install(name, venv, Path(folder) / "installer", environment)
    compile_imports(name, venv)


def refuse_other_pythons(version: tuple[int, int]) -> None:
    """Checks that the base image has the Python for which the images' locks are made.

    Raises:
        SetupError: It has another.
    """
    if version != IMAGE_STACK.newest_python:
        raise SetupError(
            f"images are locked for Python {show(IMAGE_STACK.newest_python)}, but the base has "
            f"{show(version)}. Name another base: make images BASE=IMAGE.",
            REFUSED,
        )


def install(name: str, venv: Path, installer: Path, environment: Mapping[str, str]) -> None:
    """Installs what the image's lock lists, and the workspace as a path entry."""
    make_venv(installer)
    installer_python = str(installer / "bin" / "python")
    install_uv(installer_python, REPOSITORY / IMAGE_STACK.lock)
    settings = uv_environment(installer_python, environment)
    plain = [] if ENVIRONMENTS[name].keeps_pip else ["--without-pip"]
    run([sys.executable, "-m", "venv", *plain, str(venv)], environment, f"making {venv}")
    lock = REPOSITORY / "requirements" / f"{name}.txt"
    uv = [str(installer / "bin" / "uv"), "--quiet", "pip"]
    python = ["--python", str(venv / "bin" / "python")]
    # The stack's lock pins the build tools of those few packages that come as source alone.
    build = ["--build-constraint", str(REPOSITORY / IMAGE_STACK.lock)]
    run([*uv, "sync", *python, *build, str(lock)], settings, f"installing {lock.name}")
    ours = ["install", *python, "--no-deps", "--no-build-isolation"]
    entry = ["--config-settings", "editable_mode=compat", "--editable", str(REPOSITORY)]
    run([*uv, *ours, *entry], settings, "installing the workspace")
    (venv / ".lock").unlink()  # uv's, and writable for everybody
    for packages in venv.glob("lib/python*/site-packages"):
        for folder in UNUSED:
            shutil.rmtree(packages / folder, ignore_errors=True)


def compile_imports(name: str, venv: Path) -> None:
    """Makes the bytecode of what is imported.

    Raises:
        SetupError: A module that the image has to have does not load.
    """
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    arguments = [f"{REPOSITORY}:{venv}", *ENVIRONMENTS[name].imports]
    command = [str(venv / "bin" / "python"), "-W", "ignore", "-c", COMPILE, *arguments]
    run(command, environment, "compiling what is imported")


if __name__ == "__main__":
    main()
