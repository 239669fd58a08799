"""How a build of an image reaches a package index: as this machine does, through secrets.

Settings, certificates and credentials are shown to a build and kept by no layer. What is decided
here is what they say; who builds, and how secrets are passed, is left to `setup/images.py`.

Parses on Python 3.8 and needs nothing but the standard library.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Mapping

from setup.debian import files_named, passed_on

SECRETS = "/run/secrets"
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
FIND_LINKS = ("PIP_FIND_LINKS", "UV_FIND_LINKS")
# Variables that name a file of certificates.
CERTIFICATE_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT")
# Where a build may be shown folders of this machine: in every Debian already, so that no empty
# folder is left behind in an image.
CACHE = "/mnt"
PACKAGES = "/media"


def write_secrets(
    folder: Path, environment: Mapping[str, str], mounts: Mapping[str, Path]
) -> dict[str, Path]:
    """Writes what the build needs to reach a package index, and returns the files by name.

    Args:
        folder: Where to write.
        environment: What this was started with.
        mounts: Folders of this machine that the build sees, by their place inside.
    """
    secrets = {}
    certificates = certificates_of(environment)
    if certificates is not None:
        secrets["certificates"] = certificates
    netrc = Path(environment.get("NETRC") or Path.home() / ".netrc")
    if netrc.is_file():
        secrets["netrc"] = netrc
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=False,
    )
    variables = index_settings(listed.stdout, environment, set(secrets), mounts)
    secrets["settings"] = folder / "settings"
    secrets["settings"].write_text(exports(variables))
    return secrets


def certificates_of(environment: Mapping[str, str]) -> Path | None:
    """Returns the file of certificates that this machine trusts, if there is one."""
    named = {name: environment.get(name, "") for name in CERTIFICATE_VARIABLES}
    found = [*files_named(named), Path(CERTIFICATES)]
    return next((path for path in found if path.is_file()), None)


def index_settings(
    pip_listing: str,
    environment: Mapping[str, str],
    secrets: set[str],
    mounts: Mapping[str, Path],
) -> dict[str, str]:
    """Returns the variables by which pip and uv reach a package index inside of a build.

    Args:
        pip_listing: What `pip config list` prints on this machine.
        environment: What this was started with; it wins.
        secrets: Names of the secrets, which lie in one folder inside.
        mounts: Folders of this machine that the build sees, by their place inside.
    """
    listed = re.findall(r"^(?:global|install)\.([a-z-]+)='(.*)'$", pip_listing, re.MULTILINE)
    variables = {
        "PIP_" + key.upper().replace("-", "_"): " ".join(text.replace("\\n", " ").split())
        for key, text in listed
    }
    variables.update(passed_on(environment))
    for name in ("SSL_CERT_DIR", "PIP_CONFIG_FILE", "UV_CACHE_DIR", "TERM"):
        variables.pop(name, None)
    if "certificates" in secrets:
        variables.update(dict.fromkeys(CERTIFICATE_VARIABLES, f"{SECRETS}/certificates"))
    if "netrc" in secrets:
        variables["NETRC"] = f"{SECRETS}/netrc"
    for name in FIND_LINKS:
        places = find_links(variables.pop(name, ""), mounts)
        variables.update({name: places} if places else {})
    if CACHE in mounts:
        variables["UV_CACHE_DIR"] = CACHE
    return variables


def find_links(text: str, mounts: Mapping[str, Path]) -> str:
    """Returns places of packages as a build sees them; without folders that it does not see."""
    inside = {str(folder): place for place, folder in mounts.items()}
    places = re.split(r"[\s,]+", text.strip())
    return " ".join(
        inside.get(place, place) for place in places if "://" in place or place in inside
    )


def exports(variables: Mapping[str, str]) -> str:
    """Returns variables as a shell script."""
    lines = [f"export {name}={shlex.quote(text)}" for name, text in sorted(variables.items())]
    return "\n".join([*lines, ""])
