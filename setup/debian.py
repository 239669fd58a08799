"""What is read from a Debian host so that a root file system can be made as the host was.

Pure functions over the text of files; running debootstrap is left to `setup/stack_root.py`.
Parses on Python 3.8 and needs nothing but the standard library.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Iterable, Iterator, Mapping

# Besides what minbase brings: what set-up and the tests call.
PACKAGES = (
    "ca-certificates",
    "curl",
    "default-jre-headless",
    "git",
    "kubernetes-client",
    "make",
    "mariadb-client-core",
    "mariadb-server-core",
    "nghttp2-client",
    "openssl",
    "postgresql",
    "python3",
    "python3-venv",
)
# Variables of the caller that say how to reach a package index, by name or by prefix.
PASSED_ON = ("CI", "TERM", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
PASSED_ON_PREFIXES = ("PIP_", "UV_INDEX", "UV_DEFAULT_INDEX", "UV_FIND_LINKS", "UV_HTTP")
PROXIES = ("http_proxy", "https_proxy", "no_proxy", "all_proxy")


def distribution(os_release: str) -> str:
    """Returns the `ID` of an `/etc/os-release`, such as `debian`; empty when it has none."""
    found = re.search(r"^ID=\"?([a-z0-9._-]+)\"?$", os_release, re.MULTILINE)
    return found.group(1) if found else ""


def mirrors(sources: Iterable[str]) -> list[str]:
    """Returns the archives that apt is set to use, in order, without those of security updates.

    Args:
        sources: Texts of files in either of apt's formats, one line or deb822.
    """
    lines = [line.strip() for text in sources for line in text.splitlines()]
    found = [uri for line in lines for uri in _archives(line)]
    return list(dict.fromkeys(uri for uri in found if "security" not in uri))


def _archives(line: str) -> Iterator[str]:
    one_line = re.match(r"deb\s+(?:\[[^\]]*\]\s+)?(\S+://\S+)", line)
    if one_line:
        yield one_line.group(1).rstrip("/")
    if line.lower().startswith("uris:"):
        yield from (uri.rstrip("/") for uri in line.split()[1:])


def debian_mirror(sources: Mapping[str, str]) -> str:
    """Returns the first archive of Debian itself, or nothing for debootstrap's own default.

    Args:
        sources: Text of apt's source files by name; third parties have files of their own.
    """
    ordered = [sources[name] for name in sorted(sources)]
    named = [uri for uri in mirrors(ordered) if re.search(r"debian/?$", uri)]
    return named[0] if named else ""


def passed_on(environment: Mapping[str, str]) -> dict[str, str]:
    """Returns the variables that hold inside the root as well."""
    return {
        name: value
        for name, value in environment.items()
        if name in PASSED_ON or name.startswith(PASSED_ON_PREFIXES) or name.lower() in PROXIES
    }


def folders_named(environment: Mapping[str, str]) -> list[Path]:
    """Returns existing local folders that variables name as places of packages."""
    named = f"{environment.get('PIP_FIND_LINKS', '')} {environment.get('UV_FIND_LINKS', '')}"
    paths = [Path(part) for part in re.split(r"[\s,]+", named) if part.startswith("/")]
    return [path for path in dict.fromkeys(paths) if path.is_dir()]


def files_named(environment: Mapping[str, str]) -> list[Path]:
    """Returns existing local files that variables name: certificates and settings."""
    names = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT", "PIP_CONFIG_FILE")
    paths = [Path(environment[name]) for name in names if environment.get(name, "").startswith("/")]
    return [path for path in dict.fromkeys(paths) if path.is_file()]
