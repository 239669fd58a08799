import pytest

from pipelines.errors import MetadataError
from pipelines.lineage.url import mask, parse


def test_sqlite_paths_are_relative_after_three_slashes_and_absolute_after_four() -> None:
    assert str(parse("sqlite:///a/b.sqlite").path) == "a/b.sqlite"
    assert str(parse("sqlite:////a/b.sqlite").path) == "/a/b.sqlite"


def test_server_parts_are_percent_decoded_and_ports_have_defaults() -> None:
    parts = parse("postgresql://me:p%40s%2Fs@db.example/ring%20way")
    assert (parts.user, parts.password, parts.database) == ("me", "p@s/s", "ring way")
    assert (parts.host, parts.port) == ("db.example", 5432)
    assert parse("mysql://me@h/d").port == 3306


def test_a_unix_socket_needs_no_host() -> None:
    assert parse("postgresql:///ring?host=/run/postgresql").socket == "/run/postgresql"
    assert parse("mysql://me@/ring?socket=/run/my.sock").socket == "/run/my.sock"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgres://u:secret@h/d", "Did you mean postgresql://?"),
        ("mongodb://u:secret@h/d", "not one of sqlite, mysql, postgresql"),
        ("metadata.sqlite", "not one of sqlite, mysql, postgresql"),
        ("sqlite://a.sqlite", "three slashes"),
        ("sqlite:///", "three slashes"),
        ("mysql://u:secret@h:port/d", "port is not a number"),
        ("mysql://u:secret@h:99999/d", "port is not a number"),
        ("mysql://u:secret@h", "expected one database name"),
        ("mysql://u:secret@h/a/b", "expected one database name"),
        ("mysql://u:secret@/d", "neither a host nor a Unix socket"),
        ("postgresql://u:secret@h/d?sslmod=require", "Did you mean 'sslmode'?"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused_without_its_password(url: str, expected: str) -> None:
    with pytest.raises(MetadataError) as caught:
        parse(url)
    assert expected in str(caught.value)
    assert "secret" not in str(caught.value)
    assert "RINGWAY_METADATA_URL" in caught.value.remedy


@pytest.mark.parametrize(
    "url",
    ["mysql://u:se:cr@et@h/d", "mysql://u:secret@h/d", "mysql://u@h/d?password=secret&x=1"],
)
def test_masking_hides_odd_passwords_too(url: str) -> None:
    masked = mask(url)
    assert "se:cr" not in masked
    assert "secret" not in masked
    assert "***" in masked


def test_the_password_stays_out_of_repr() -> None:
    assert "secret" not in repr(parse("mysql://u:secret@h/d"))
