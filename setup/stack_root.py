"""Runs the tests on either stack: `python3 setup/stack_root.py tfx-1.21`, or `make test-stack`.

Where the stack is the one that this machine gets anyway, the tests simply run here. Else, as root
on Debian, they run in the root file system of the Debian release that has the stack's C library:

1. debootstrap makes it once, below `${RINGWAY_CACHE:-~/.cache/ringway}`, under a temporary name and
   renamed when complete.
2. The work tree is copied in: what git tracks, and what it neither tracks nor ignores.
3. `make test` runs in it, in mount and process namespaces of its own. So nothing stays mounted and
   nothing goes on running, however this program ends.

`.venv` and uv's cache stay in the root, and make the second time quick. Parses on Python 3.8 and
needs nothing but the standard library.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Iterator, Mapping, NoReturn

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))  # called as a script, only `setup/` is there

from setup.bootstrap import REFUSED, SetupError, choose_for_this_machine, say  # noqa: E402
from setup.debian import (  # noqa: E402
    PACKAGES,
    debian_mirror,
    distribution,
    files_named,
    folders_named,
    passed_on,
)
from setup.stack_choice import STACK_NAMES, STACKS, Stack  # noqa: E402

WORK = "srv/ringway"
KEPT = {".venv"}
ANOTHER_STACK = "tests of a stack that is not this machine's run in a Debian made by debootstrap"
# Runs inside the new namespaces, with which the mounts vanish. Arguments: the root, the folder in
# it, a command.
ENTER = """
set -eu
root=$1 work=$2; shift 2
# A mount point, as / is: without one, no program inside gets mounts of its own.
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t sysfs -o ro sysfs "$root/sys" 2>/dev/null || mount --rbind /sys "$root/sys"
for folder in ${RINGWAY_BIND-}; do
  mkdir -p "$root$folder"
  mount --bind -o ro "$folder" "$root$folder"
done
unset RINGWAY_BIND
exec chroot "$root" /bin/sh -c 'cd "$1" && shift && exec "$@"' sh "$work" "$@"
"""


def main() -> NoReturn:
    """Runs the tests on the stack named by the first argument, and exits as they do."""
    try:
        sys.exit(run_tests(sys.argv[1:]))
    except SetupError as error:
        say(str(error))
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        say("interrupted")
        sys.exit(130)


def run_tests(arguments: list[str]) -> int:
    """Runs `make test` on the stack that the first argument names, and returns its exit code.

    Raises:
        SetupError: No such stack, or this machine cannot make a root file system for it.
    """
    if not arguments or arguments[0] not in STACK_NAMES:
        received = arguments[0] if arguments else "none"
        names = " and ".join(STACK_NAMES)
        raise SetupError(f"the stacks are {names}; received {received}.", REFUSED)
    stack = STACKS[STACK_NAMES.index(arguments[0])]
    extra = [f"ARGS={shlex.join(arguments[1:])}"] if arguments[1:] else []
    if not os.environ.get("RINGWAY_STACK") and is_ours(stack):
        say(f"{stack.name} is this machine's own stack: make test")
        return subprocess.run(["make", "test", *extra], cwd=REPOSITORY, check=False).returncode
    root = prepared_root(stack)
    copy_work_tree(root)
    copy_settings(root)
    return enter(root, ["make", "test", *extra])


def is_ours(stack: Stack) -> bool:
    """Tells whether set-up picks this stack on this machine."""
    try:
        return choose_for_this_machine(os.environ).stack == stack
    except SetupError:
        return False


def refuse_unless_able() -> None:
    """Checks what making a root file system needs.

    Raises:
        SetupError: Says in one line what is missing.
    """
    release = Path("/etc/os-release")
    if not release.exists() or distribution(release.read_text()) != "debian":
        raise SetupError(f"{ANOTHER_STACK}, which needs Debian.", REFUSED)
    if os.geteuid() != 0:
        raise SetupError(f"{ANOTHER_STACK}, which needs root.", REFUSED)
    for program, package in (("debootstrap", "debootstrap"), ("unshare", "util-linux")):
        if shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") is None:
            raise SetupError(
                f"{ANOTHER_STACK}, which needs {program}: apt-get install {package}.", REFUSED
            )


def prepared_root(stack: Stack) -> Path:
    """Returns the root file system for a stack, made now if it is not in the cache.

    Raises:
        SetupError: It cannot be made here, or debootstrap failed.
    """
    refuse_unless_able()
    cache = Path(os.environ.get("RINGWAY_CACHE") or Path.home() / ".cache" / "ringway")
    # Another list of packages is another root.
    wanted = hashlib.sha256(" ".join(PACKAGES).encode()).hexdigest()[:8]
    root = cache / f"{stack.debian}-{wanted}"
    if root.exists():
        say(f"root file system: {root}")
        return root
    say(f"making Debian {stack.debian} in {root}: a minute or two")
    cache.mkdir(parents=True, exist_ok=True)
    unfinished = root.with_name(f"{root.name}.{os.getpid()}")
    command = ["debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}"]
    with removed_on_failure(unfinished):
        run_debootstrap([*command, stack.debian, str(unfinished), *host_mirror()], unfinished)
        unfinished.rename(root)
    return root


@contextlib.contextmanager
def removed_on_failure(folder: Path) -> Iterator[None]:
    """Removes a folder if the block does not come to its end."""
    try:
        yield
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def run_debootstrap(command: list[str], target: Path) -> None:
    """Runs debootstrap; what it prints is shown if it fails.

    It mounts /proc in its target, so it gets a mount namespace that vanishes with it.

    Raises:
        SetupError: It failed.
    """
    environment = {**os.environ, **apt_proxy(), "DEBIAN_FRONTEND": "noninteractive"}
    environment["PATH"] = f"{environment.get('PATH', '')}:/usr/sbin:/sbin"
    private = ["unshare", "--mount", "--propagation", "private"]
    done = subprocess.run(
        [*private, *command],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        log = target / "debootstrap" / "debootstrap.log"
        details = log.read_text(errors="replace") if log.exists() else ""
        print((done.stdout + details)[-6000:], file=sys.stderr)
        raise SetupError(f"debootstrap failed with exit status {done.returncode}; see above.")


def host_mirror() -> list[str]:
    """Returns the archive that this host uses, as debootstrap's argument."""
    apt = Path("/etc/apt")
    files = [apt / "sources.list", *(apt / "sources.list.d").glob("*.list")]
    files += (apt / "sources.list.d").glob("*.sources")
    mirror = debian_mirror({file.name: file.read_text() for file in files if file.exists()})
    return [mirror] if mirror else []


def apt_proxy() -> dict[str, str]:
    """Returns the proxy that apt is set to use, in the form in which debootstrap takes it."""
    told = subprocess.run(
        ["apt-config", "shell", "PROXY", "Acquire::http::Proxy"],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    assigned = shlex.split(told.stdout)
    return {"http_proxy": assigned[0].partition("=")[2]} if assigned else {}


def copy_work_tree(root: Path) -> None:
    """Copies what git tracks or does not ignore; what an earlier copy left behind is removed."""
    target = root / WORK
    target.mkdir(parents=True, exist_ok=True)
    for entry in target.iterdir():
        if entry.name not in KEPT:
            shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
    for name in work_tree_files():
        source, copy = REPOSITORY / name, target / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, copy, follow_symlinks=False)
    # Inside, too, what belongs to the work tree is asked of git.
    run_git(target, "init", "--quiet")
    run_git(target, "add", "--all")


def work_tree_files() -> list[str]:
    """Returns the paths of the work tree's files, relative to the repository."""
    options = ("--cached", "--others", "--exclude-standard", "-z")
    names = run_git(REPOSITORY, "ls-files", *options).split("\0")
    return [name for name in names if name and os.path.lexists(REPOSITORY / name)]


def run_git(folder: Path, *arguments: str) -> str:
    """Runs git in a folder and returns what it prints.

    Raises:
        SetupError: git is missing, or it failed.
    """
    git = ["git", "-c", f"safe.directory={folder}", "-C", str(folder)]
    try:
        done = subprocess.run([*git, *arguments], stdout=subprocess.PIPE, text=True, check=False)
    except FileNotFoundError as error:
        raise SetupError("git is missing: apt-get install git.", REFUSED) from error
    if done.returncode != 0:
        raise SetupError(f"git {arguments[0]} failed in {folder}; see above.")
    return done.stdout


def copy_settings(root: Path) -> None:
    """Copies what it takes to reach a package index: names, certificates, pip's and uv's settings.

    Files of the home folder keep their place, since root's home is the same inside.
    """
    home = Path.home()
    files = [Path("/etc/resolv.conf"), Path("/etc/hosts"), Path("/etc/pip.conf")]
    files += [Path("/etc/ssl/certs/ca-certificates.crt"), Path("/etc/uv/uv.toml")]
    files += [home / ".config/pip/pip.conf", home / ".pip/pip.conf", home / ".config/uv/uv.toml"]
    files += [home / ".netrc", *Path("/etc/apt/apt.conf.d").glob("*proxy*")]
    for source in [*files, *files_named(os.environ)]:
        if source.is_file():
            copy = root / source.relative_to("/")
            copy.parent.mkdir(parents=True, exist_ok=True)
            if copy.is_symlink():
                copy.unlink()
            shutil.copy2(source, copy)


def enter(root: Path, command: list[str]) -> int:
    """Runs a command in the root, below the copied work tree, and returns its exit code."""
    private = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation", "private"]
    inside = ["sh", "-c", ENTER, "sh", str(root), f"/{WORK}", *command]
    return subprocess.run(
        [*private, *inside], env=inner_environment(os.environ), check=False
    ).returncode


def inner_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Returns the environment inside: a plain one, how to reach a package index, Beam's jars."""
    cache = Path(environment.get("RINGWAY_CACHE") or Path.home() / ".cache" / "ringway")
    jars = cache / "jars"
    folders = [*folders_named(environment), *([jars] if jars.is_dir() else [])]
    return {
        **passed_on(environment),
        "HOME": str(Path.home()),
        "LANG": "C.UTF-8",
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "RINGWAY_BIND": " ".join(str(folder) for folder in folders),
        "RINGWAY_CACHE": str(cache),
    }


if __name__ == "__main__":
    main()
