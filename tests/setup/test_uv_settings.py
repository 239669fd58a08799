from __future__ import annotations

from pathlib import Path

from setup.uv_settings import variables_from_pip


def test_an_index_and_certificates_set_for_pip_hold_for_uv() -> None:
    listing = "global.cert='/etc/ca.pem'\nglobal.index-url='https://mirror.example/simple'\n"
    assert variables_from_pip(listing) == {
        "SSL_CERT_FILE": "/etc/ca.pem",
        "UV_DEFAULT_INDEX": "https://mirror.example/simple",
    }


def test_a_later_setting_wins() -> None:
    listing = "global.cert='/etc/ca.pem'\n:env:.cert='/other.pem'\n"
    assert variables_from_pip(listing) == {"SSL_CERT_FILE": "/other.pem"}


def test_several_indexes_are_searched_alike() -> None:
    listing = r"global.extra-index-url='https://a.example/simple\nhttps://b.example/simple'"
    assert variables_from_pip(listing) == {
        "UV_INDEX": "https://a.example/simple https://b.example/simple",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
    }


def test_only_link_folders_that_exist_are_passed_on(tmp_path: Path) -> None:
    listing = f":env:.find-links='{tmp_path} {tmp_path}/missing https://c.example/wheels'"
    assert variables_from_pip(listing) == {"UV_FIND_LINKS": f"{tmp_path},https://c.example/wheels"}


def test_other_settings_and_other_commands_are_left_out() -> None:
    assert variables_from_pip("global.timeout='9'\ndownload.cert='/x'\n") == {}
