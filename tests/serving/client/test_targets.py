"""How servers are named, and what becomes of the names."""

from __future__ import annotations

import pytest

from serving.client import InvalidRequest, Unavailable, targets


@pytest.mark.parametrize(
    ("texts", "uri", "secure", "local"),
    [
        (["host"], "dns:///host:8500", None, False),
        (["host:9000"], "dns:///host:9000", None, False),
        (["localhost:1"], "dns:///localhost:1", None, True),
        (["127.0.0.1"], "ipv4:127.0.0.1:8500", None, True),
        (["127.9.9.9:7"], "ipv4:127.9.9.9:7", None, True),
        (["10.0.0.7:65535"], "ipv4:10.0.0.7:65535", None, False),
        (["[::1]:9"], "ipv6:[::1]:9", None, True),
        (["[fd00::2]"], "ipv6:[fd00::2]:8500", None, False),
        (["grpc://host:1"], "dns:///host:1", False, False),
        (["grpcs://host/"], "dns:///host:8500", True, False),
        (["grpcs://[::1]:443"], "ipv6:[::1]:443", True, True),
        (["unix:/run/r.sock"], "unix:/run/r.sock", None, True),
        (["unix:///run/r.sock"], "unix:/run/r.sock", None, True),
        (["unix:r.sock"], "unix:r.sock", None, True),
        (["10.0.0.1:1", "10.0.0.2:2"], "ipv4:10.0.0.1:1,10.0.0.2:2", None, False),
        (["127.0.0.1:1", "127.0.0.2:2"], "ipv4:127.0.0.1:1,127.0.0.2:2", None, True),
        (["10.0.0.1:1", "[::1]:2"], "ipv6:[::ffff:10.0.0.1]:1,[::1]:2", None, False),
    ],
)
def test_servers_become_one_target(
    texts: list[str], uri: str, secure: bool | None, local: bool
) -> None:
    found = targets.target(texts)
    assert (found.uri, found.secure, found.local) == (uri, secure, local)


def test_names_among_several_servers_are_resolved_and_each_address_is_taken_once() -> None:
    known = {"a": ["10.0.0.1", "10.0.0.2"], "b": ["10.0.0.2", "fd00::1"]}
    found = targets.target(["a:1", "b:1"], lambda host, _: known[host])
    assert found.uri == "ipv6:[::ffff:10.0.0.1]:1,[::ffff:10.0.0.2]:1,[fd00::1]:1"
    assert found.server_name == ""


def test_one_name_with_several_ports_is_whom_certificates_name() -> None:
    found = targets.target(["a:1", "a:2"], lambda *_: ["10.0.0.1"])
    assert (found.uri, found.server_name) == ("ipv4:10.0.0.1:1,10.0.0.1:2", "a")


def test_a_name_that_does_not_resolve_is_told() -> None:
    with pytest.raises(Unavailable, match=r"'no\.such\.invalid' cannot be resolved"):
        targets.target(["no.such.invalid:1", "127.0.0.1:2"])


@pytest.mark.parametrize(
    "text",
    [
        *("", ":8500", "host:", "host:0", "host:65536", "host:port", "a b:1", "::1", "[::1"),
        *("[nonsense]:1", "http://host:1", "https://host", "grpc://", "grpc://host:1/path"),
    ],
)
def test_what_is_no_server_is_refused_with_examples(text: str) -> None:
    with pytest.raises(InvalidRequest, match="Expected a server such as") as caught:
        targets.target([text])
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ([], "at least one server"),
        (["grpc://a:1", "grpcs://a:2"], "either grpc:// or grpcs://"),
        (["a:1", "unix:/x"], "Unix socket cannot be one of several"),
    ],
)
def test_servers_that_do_not_go_together_are_refused(texts: list[str], message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        targets.target(texts)
