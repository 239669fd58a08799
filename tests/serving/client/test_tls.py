"""TLS, mutual TLS and keys, with certificates of an authority of our own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from certificates import AuthorityFolder
from client_server import MODEL, ModelServer

from serving.client import Client, Tls, Unavailable


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> AuthorityFolder:
    return AuthorityFolder(tmp_path_factory.mktemp("authority"))


def credentials(
    authority: AuthorityFolder, *alternatives: str, verify: bool = False
) -> grpc.ServerCredentials:
    key, certificate = authority.issue("server", *alternatives)
    pair = (key.read_bytes(), certificate.read_bytes())
    ca = authority.ca.read_bytes() if verify else None
    return grpc.ssl_server_credentials([pair], ca, require_client_auth=verify)


@pytest.fixture
def server(authority: AuthorityFolder) -> Iterator[ModelServer]:
    named = credentials(authority, "localhost", "127.0.0.1")
    with ModelServer(credentials=named) as running:
        yield running


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "grpcs://localhost"])
def test_a_server_is_known_by_its_certificate(
    server: ModelServer, authority: AuthorityFolder, host: str
) -> None:
    tls = Tls(ca=authority.ca)
    with Client(f"{host}:{server.port}", tls=tls, api_key="s3cret") as client:
        assert client.predict(MODEL, {"x": [1]}).outputs["y"].tolist() == [2]
    assert server.received[0].metadata["authorization"] == "Bearer s3cret"


def test_certificates_may_be_bytes(server: ModelServer, authority: AuthorityFolder) -> None:
    with Client(server.address, tls=Tls(ca=authority.ca.read_bytes())) as client:
        assert client.status(MODEL)


def test_an_authority_that_is_not_trusted_is_refused(server: ModelServer, tmp_path: Path) -> None:
    stranger = AuthorityFolder(tmp_path)
    with (
        Client(server.address, tls=Tls(ca=stranger.ca), attempts=1) as client,
        pytest.raises(Unavailable, match=r"(?i)certificate"),
    ):
        client.status(MODEL)
    assert not server.received


def test_a_server_of_another_name_is_refused_unless_that_name_is_given(
    authority: AuthorityFolder,
) -> None:
    with ModelServer(credentials=credentials(authority, "models.example")) as server:
        tls = Tls(ca=authority.ca)
        with (
            Client(server.address, tls=tls, attempts=1) as client,
            pytest.raises(Unavailable, match=r"(?i)hostname|peer"),
        ):
            client.status(MODEL)
        tls = Tls(ca=authority.ca, server_name="models.example")
        with Client(server.address, tls=tls) as client:
            assert client.status(MODEL)


def test_several_servers_share_a_name(authority: AuthorityFolder) -> None:
    named = credentials(authority, "models.example")
    tls = Tls(ca=authority.ca, server_name="models.example")
    with ModelServer(credentials=named) as one, ModelServer(credentials=named) as two:
        with Client(one.address, two.address, tls=tls) as client:
            for _ in range(2000):
                client.status(MODEL)
                if one.received and two.received:
                    break
        assert one.received
        assert two.received


def test_one_name_with_several_ports_needs_nothing_more(
    authority: AuthorityFolder,
) -> None:
    named = credentials(authority, "localhost")
    with ModelServer(credentials=named) as one, ModelServer(credentials=named) as two:
        places = [f"localhost:{server.port}" for server in (one, two)]
        with Client(*places, tls=Tls(ca=authority.ca)) as client:
            assert client.status(MODEL)


def test_a_client_shows_its_own_certificate(authority: AuthorityFolder) -> None:
    key, certificate = authority.issue("client", "client")
    verifying = credentials(authority, "127.0.0.1", verify=True)
    with ModelServer(credentials=verifying) as server:
        mutual = Tls(ca=authority.ca, certificate=certificate, key=key)
        with Client(server.address, tls=mutual) as client:
            assert client.status(MODEL)
        with (
            Client(server.address, tls=Tls(ca=authority.ca), attempts=1) as client,
            pytest.raises(Unavailable),
        ):
            client.status(MODEL)


def test_without_TLS_a_server_that_wants_it_is_unavailable(server: ModelServer) -> None:
    with Client(server.address, attempts=1) as client, pytest.raises(Unavailable):
        client.status(MODEL, timeout_sec=20)
