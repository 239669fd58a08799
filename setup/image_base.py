"""Makes a base image where there is no registry: `python3 setup/image_base.py NAME`.

A Debian 13 made by debootstrap, as root on Debian, with what the Dockerfile asks of its base. It is
kept as an archive below `${RINGWAY_CACHE:-~/.cache/ringway}`, so that it is made once. It has no
place where images are usually got: an official Python is smaller, and mended by others.

Parses on Python 3.8 and needs nothing but the standard library.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Mapping, NoReturn

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))  # called as a script, only `setup/` is there

from setup.bootstrap import REFUSED, SetupError, run, say  # noqa: E402
from setup.locks import IMAGE_STACK  # noqa: E402
from setup.stack_root import host_mirror, refuse_unless_able, run_debootstrap  # noqa: E402

PACKAGES = ("ca-certificates", "python3", "python3-venv")
# What apt and debootstrap leave, devices, and texts that no program reads.
LEFT_OUT = (
    "./debootstrap",
    "./dev/*",
    "./proc/*",
    "./sys/*",
    "./usr/share/doc/*",
    "./usr/share/info/*",
    "./usr/share/locale/*",
    "./usr/share/man/*",
    "./var/cache/apt/*",
    "./var/lib/apt/lists/*",
    "./var/log/*",
)
CONTAINERFILE = 'FROM scratch\nADD base.tar /\nCMD ["python3"]\n'


def main() -> NoReturn:
    """Makes the base image under the name that is the one argument."""
    try:
        if len(sys.argv) != 2:
            raise SetupError("needs one name for the image, such as localhost/base:13.", REFUSED)
        build(sys.argv[1], cache_folder(os.environ))
    except SetupError as error:
        say(str(error))
        sys.exit(error.exit_code)
    sys.exit(0)


def cache_folder(environment: Mapping[str, str]) -> Path:
    """Returns the folder in which archives are kept."""
    return Path(environment.get("RINGWAY_CACHE") or Path.home() / ".cache" / "ringway")


def build(name: str, cache: Path) -> None:
    """Makes the base image.

    Raises:
        SetupError: This machine cannot, or a step failed.
    """
    if shutil.which("buildah") is None:
        raise SetupError(
            "a base is made into an image by buildah: apt-get install buildah.", REFUSED
        )
    archive = kept_archive(cache)
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        os.link(archive, Path(folder) / "base.tar")
        (Path(folder) / "Containerfile").write_text(CONTAINERFILE)
        options = ["--isolation=chroot", "--format=docker", f"--tag={name}"]
        run(["buildah", "bud", "--quiet", *options, folder], os.environ, f"making {name}")


def kept_archive(cache: Path) -> Path:
    """Returns the archive of the root file system, made now if it is not in the cache.

    Raises:
        SetupError: It cannot be made here, or debootstrap failed.
    """
    refuse_unless_able()
    wanted = hashlib.sha256(" ".join((*PACKAGES, *LEFT_OUT)).encode()).hexdigest()[:8]
    archive = cache / f"image-base-{IMAGE_STACK.debian}-{wanted}.tar"
    if not archive.exists():
        say(f"making Debian {IMAGE_STACK.debian} for images: a minute")
        cache.mkdir(parents=True, exist_ok=True)
        make_archive(archive)
    return archive


def make_archive(archive: Path) -> None:
    """Makes the archive, under a temporary name until it is complete."""
    root = archive.with_name(f"{archive.name}.{os.getpid()}")
    unfinished = root.with_name(f"{root.name}.tar")
    command = ["debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}"]
    try:
        run_debootstrap([*command, IMAGE_STACK.debian, str(root), *host_mirror()], root)
        left_out = [f"--exclude={pattern}" for pattern in LEFT_OUT]
        pack = ["tar", "-C", str(root), "--numeric-owner", "--sort=name", *left_out]
        run([*pack, "-cf", str(unfinished), "."], os.environ, "packing it")
        unfinished.rename(archive)
    finally:
        if unfinished.exists():
            unfinished.unlink()
        shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    main()
