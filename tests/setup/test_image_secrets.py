"""How a build reaches a package index: all that this machine knows, and none of its paths."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from setup.image_secrets import certificates_of, exports, index_settings, write_secrets

LISTING = """global.cert='/etc/ssl/certs/ca-certificates.crt'
global.index-url='https://mirror.example/simple'
global.extra-index-url='https://a.example/simple\\nhttps://b.example/simple'
:env:.timeout='60'
"""


def test_pips_settings_become_variables() -> None:
    variables = index_settings(LISTING, {}, set(), {})
    assert variables["PIP_INDEX_URL"] == "https://mirror.example/simple"
    assert variables["PIP_EXTRA_INDEX_URL"] == "https://a.example/simple https://b.example/simple"


def test_the_environment_wins_and_paths_of_this_machine_stay_out() -> None:
    environment = {
        "PIP_INDEX_URL": "https://own.example/simple",
        "SSL_CERT_DIR": "/etc/ssl/certs",
        "PIP_CONFIG_FILE": "/etc/pip.conf",
        "UV_CACHE_DIR": "/x/uv",
        "PATH": "/usr/bin",
    }
    variables = index_settings(LISTING, environment, {"certificates", "netrc"}, {})
    assert variables["PIP_INDEX_URL"] == "https://own.example/simple"
    assert not {"SSL_CERT_DIR", "PIP_CONFIG_FILE", "UV_CACHE_DIR", "PATH"} & set(variables)
    assert variables["PIP_CERT"] == variables["SSL_CERT_FILE"] == "/run/secrets/certificates"
    assert variables["NETRC"] == "/run/secrets/netrc"


def test_folders_are_named_as_the_build_sees_them_or_not_at_all() -> None:
    environment = {"PIP_FIND_LINKS": "/wheels /other https://c.example", "UV_FIND_LINKS": "/other"}
    mounts = {"/media": Path("/wheels"), "/mnt": Path("/cache")}
    variables = index_settings("", environment, set(), mounts)
    assert variables == {"PIP_FIND_LINKS": "/media https://c.example", "UV_CACHE_DIR": "/mnt"}
    assert index_settings("", environment, set(), {}) == {"PIP_FIND_LINKS": "https://c.example"}


def test_the_script_gives_a_shell_the_variables_as_they_are() -> None:
    script = exports({"PIP_INDEX_URL": "https://u:p$1'@mirror.example/simple"})
    told = subprocess.run(
        ["sh", "-euc", f'{script}\nprintf %s "$PIP_INDEX_URL"'],
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout == "https://u:p$1'@mirror.example/simple"


def test_certificates_that_variables_name_come_first(tmp_path: Path) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.touch()
    assert certificates_of({"REQUESTS_CA_BUNDLE": str(bundle)}) == bundle


def test_credentials_are_a_secret_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine mirror.example login u password p\n")
    secrets = write_secrets(tmp_path, {"NETRC": str(netrc)}, {})
    assert secrets["netrc"] == netrc
    settings = secrets["settings"].read_text()
    assert "export NETRC=/run/secrets/netrc\n" in settings
    assert "password" not in settings
