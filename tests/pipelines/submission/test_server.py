"""What a server says is told as it is: who asks, what is missing, what is no Kubeflow at all."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from kubeflow_server import KubeflowServer

from pipelines.submission import submitting
from pipelines.submission.credentials import Access
from pipelines.submission.server import Server
from pipelines.submission.server_errors import (
    NoAccessError,
    NotThereError,
    ServerError,
    UnreachableError,
)
from pipelines.submission.snapshot import Health


def client(host: str, token: str = "", pauses: list[float] | None = None) -> Server:
    sleep = pauses.append if pauses is not None else lambda _: None
    return Server(Access(host=host, token=token), sleep=sleep)


def test_a_server_says_its_version_and_users() -> None:
    with KubeflowServer(version="2.5.0", multi_user=True) as kubeflow:
        assert client(kubeflow.url).health() == Health(version="2.5.0", multi_user=True)
    with KubeflowServer(version="unknown") as kubeflow:
        assert client(kubeflow.url).health() == Health()


def test_nobody_there_is_said_after_some_tries() -> None:
    pauses: list[float] = []
    server = client("http://127.0.0.1:9", pauses=pauses)
    with pytest.raises(UnreachableError, match="does not answer") as caught:
        server.experiment("Default", "")
    assert "Is the address right" in caught.value.remedy
    assert pauses == [0.5, 1, 2, 4]


def test_a_request_that_was_not_sent_is_sent_again() -> None:
    # Nothing was done, so doing it again doubles nothing.
    pauses: list[float] = []
    with pytest.raises(UnreachableError):
        client("http://127.0.0.1:9", pauses=pauses).create_experiment("Default", "")
    assert len(pauses) == 4


TOKENS = {"mine": ["team"], "others": ["elsewhere"]}


@pytest.fixture
def shared() -> Iterator[KubeflowServer]:
    with KubeflowServer(multi_user=True, tokens=dict(TOKENS)) as kubeflow:
        yield kubeflow


@pytest.mark.parametrize(
    ("token", "words", "remedy"),
    [
        ("", "does not know who asks", "Give a token"),
        ("old", "token has expired", "--token-file"),
        ("others", "not authorized", "--namespace"),
    ],
)
def test_who_may_not_is_told_why(
    shared: KubeflowServer, token: str, words: str, remedy: str
) -> None:
    with pytest.raises(NoAccessError, match=words) as caught:
        client(shared.url, token).experiment("Default", "team")
    assert remedy in caught.value.remedy


def test_a_token_opens_the_namespace(shared: KubeflowServer) -> None:
    server = client(shared.url, "mine")
    created = server.create_experiment("taxi", "team")
    assert server.experiment("taxi", "team") == created
    assert server.experiment("other", "team") is None


def test_contact_tells_health_and_what_is_wrong(shared: KubeflowServer) -> None:
    access = Access(host=shared.url, token="others")
    contact = submitting.contact(Server(access), access, "taxi", "team")
    assert contact.health == Health(version="2.15.0", multi_user=True)
    assert "403" in contact.problem
    assert contact.sends_token


def test_a_run_that_is_not_there(kubeflow: KubeflowServer, server: Server) -> None:
    with pytest.raises(NotThereError, match="Run nothing not found"):
        server.run("nothing")


def test_pages_have_addresses(server: Server) -> None:
    host = server.access.host
    assert server.run_page("1") == f"{host}/#/runs/details/1"
    elsewhere = Server(server.access, ui="https://kubeflow.example/pipeline/")
    page = elsewhere.recurring_page("1")
    assert page == "https://kubeflow.example/pipeline/#/recurringrun/details/1"


class _Login(BaseHTTPRequestHandler):
    status = 200

    def do_GET(self) -> None:
        body = b"<html>Please log in</html>"
        self.send_response(self.status)
        if self.status == 302:
            self.send_header("Location", "http://127.0.0.1:9/login")
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.parametrize("status", [200, 302])
def test_a_login_page_is_no_kubeflow(status: int) -> None:
    handler = type("Login", (_Login,), {"status": status})
    with HTTPServer(("127.0.0.1", 0), handler) as http:
        thread = threading.Thread(target=http.serve_forever, args=(0.05,))
        thread.start()
        try:
            with pytest.raises(ServerError) as caught:
                client(f"http://127.0.0.1:{http.server_address[1]}").health()
        finally:
            http.shutdown()
            thread.join()
    assert "login page" in caught.value.remedy


def test_a_certificate_that_is_not_trusted(tmp_path: object) -> None:
    # TLS asked of a server that speaks none: the handshake fails as with a wrong certificate.
    with KubeflowServer() as kubeflow:
        https = kubeflow.url.replace("http://", "https://")
        with pytest.raises(ServerError, match=r"trusted connection|does not answer"):
            client(https).health()
