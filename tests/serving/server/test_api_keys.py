"""Who is let in."""

from __future__ import annotations

import pytest

from serving.server.api_keys import ApiKeys
from serving.wire.errors import ServingError, StatusCode

FILE = "# keys of March\nfirst-key\n\n  second key  \n#not-a-key\nschlüssel\n"


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "keys"
    path.write_text(FILE, "utf-8")
    return path


@pytest.mark.parametrize(
    "header",
    [
        "Bearer first-key",
        "bearer first-key",
        "BEARER   first-key ",
        " Bearer second key",
        "Bearer schlüssel",
    ],
)
def test_a_key_of_the_file_is_let_in(path, header):
    ApiKeys(str(path)).authenticate(header)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (None, "No API key was sent."),
        ("", "No API key was sent."),
        ("first-key", "The authorization header is not understood."),
        ("Bearer", "The authorization header is not understood."),
        ("Bearer ", "The authorization header is not understood."),
        ("Basic first-key", "The authorization header is not understood."),
        ("Bearer first-ke", "The API key is not known."),
        ("Bearer first-key2", "The API key is not known."),
        ("Bearer FIRST-KEY", "The API key is not known."),
        ("Bearer #not-a-key", "The API key is not known."),
        ("Bearer # keys of March", "The API key is not known."),
        ("Bearer \ud800", "The API key is not known."),
    ],
)
def test_anything_else_is_refused(path, header, message):
    with pytest.raises(ServingError) as caught:
        ApiKeys(str(path)).authenticate(header)
    assert caught.value.code is StatusCode.UNAUTHENTICATED
    assert caught.value.message.startswith(message)
    assert "first-key" not in caught.value.message


def test_a_file_without_keys_or_none_at_all_is_refused(tmp_path):
    empty = tmp_path / "empty"
    empty.write_text("# nothing\n\n")
    with pytest.raises(ServingError, match="has no key"):
        ApiKeys(str(empty))
    with pytest.raises(ServingError, match="cannot be read"):
        ApiKeys(str(tmp_path / "missing"))


def test_a_changed_file_is_read_again(path):
    keys = ApiKeys(str(path))
    assert not keys.refresh()
    replacement = path.with_name("new")
    replacement.write_text("third\n")
    replacement.rename(path)
    assert keys.refresh()
    assert not keys.refresh()
    keys.authenticate("Bearer third")
    with pytest.raises(ServingError):
        keys.authenticate("Bearer first-key")


def test_a_file_that_goes_bad_leaves_the_old_keys(path, caplog):
    keys = ApiKeys(str(path))
    path.write_text("# all gone\n")
    assert not keys.refresh()
    assert not keys.refresh()
    path.unlink()
    assert not keys.refresh()
    keys.authenticate("Bearer first-key")
    assert caplog.text.count("has no key") == 1
    assert caplog.text.count("cannot be read") == 1
    path.write_text(FILE, "utf-8")
    assert keys.refresh()
