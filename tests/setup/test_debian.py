from __future__ import annotations

from pathlib import Path

import pytest

from setup.debian import debian_mirror, distribution, files_named, folders_named, passed_on

DEB822 = """
Types: deb
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
"""


@pytest.mark.parametrize(
    ("os_release", "name"),
    [('ID=debian\nVERSION_ID="12"\n', "debian"), ('NAME="x"\nID="rhel"\n', "rhel"), ("", "")],
)
def test_reads_the_distribution(os_release: str, name: str) -> None:
    assert distribution(os_release) == name


@pytest.mark.parametrize(
    ("sources", "mirror"),
    [
        ({"debian.sources": DEB822}, "http://mirror.example/debian"),
        ({"sources.list": "deb [arch=amd64] https://m.example/debian/ bookworm main"}, None),
        ({"sources.list": "# deb http://old.example/debian bookworm main"}, ""),
        (
            {"a.list": "deb https://node.example/nodistro x main", "debian.sources": DEB822},
            "http://mirror.example/debian",
        ),
        ({}, ""),
    ],
)
def test_uses_the_archive_that_the_host_uses(sources: dict[str, str], mirror: str | None) -> None:
    expected = "https://m.example/debian" if mirror is None else mirror
    assert debian_mirror(sources) == expected


def test_passes_on_how_to_reach_an_index_and_no_more() -> None:
    environment = {
        "PIP_INDEX_URL": "https://mirror.example/simple",
        "HTTPS_PROXY": "http://proxy.example:3128",
        "UV_INDEX": "https://other.example/simple",
        "CI": "true",
        "PATH": "/usr/bin",
        "UV_CACHE_DIR": "/cache",
        "RINGWAY_STACK": "tfx-1.16",
        "VIRTUAL_ENV": "/venv",
    }
    assert set(passed_on(environment)) == {"PIP_INDEX_URL", "HTTPS_PROXY", "UV_INDEX", "CI"}


def test_finds_the_folders_and_files_that_variables_name(tmp_path: Path) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.touch()
    links = f"{tmp_path} {tmp_path}/missing https://c.example"
    environment = {"PIP_FIND_LINKS": links, "PIP_CERT": str(bundle), "SSL_CERT_FILE": str(bundle)}
    assert folders_named(environment) == [tmp_path]
    assert files_named(environment) == [bundle]
