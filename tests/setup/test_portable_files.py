"""Nothing in the repository names the machine that it was written on, or a registry's host."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
# Each in two parts, so that this file does not match itself.
MACHINE_PATHS = re.compile(r"(?<![\w.$})>*-])/(?:wo" r"rk|ro" r"ot|ho" r"me)(?=/)")
REGISTRY_HOSTS = re.compile(
    r"py"
    r"pi\.org|python"
    r"hosted\.org|deb\.deb"
    r"ian\.org|npm"
    r"js\.(?:org|com)"
    r"|crates"
    r"\.io|proxy\.go"
    r"lang\.org|repo1?\.mav"
    r"en\.",
)


def text_files() -> list[Path]:
    listing = ["git", "-c", "safe.directory=*", "ls-files", "-co", "--exclude-standard", "-z"]
    told = subprocess.run(listing, cwd=REPOSITORY, check=True, capture_output=True, text=True)
    paths = [REPOSITORY / name for name in told.stdout.split("\0") if name]
    return [path for path in paths if path.is_file() and b"\0" not in path.read_bytes()[:8000]]


def hits(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{path.relative_to(REPOSITORY)}:{number}: {line.strip()}"
        for path in text_files()
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), start=1)
        if pattern.search(line)
    ]


def test_no_file_names_a_path_of_one_machine() -> None:
    assert hits(MACHINE_PATHS) == []


def test_no_file_names_a_registry_host() -> None:
    assert hits(REGISTRY_HOSTS) == []
