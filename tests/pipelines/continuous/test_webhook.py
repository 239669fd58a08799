"""Alerts posted to a real server on loopback."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator

import pytest
from continuous_receiver import Receiver, receiving

from pipelines.continuous.alerts import Alert, DeliveryError
from pipelines.continuous.webhook import ID_HEADER, SIGNATURE_HEADER, Webhook, sign, verify
from pipelines.errors import UsageError

ALERT = Alert(
    pipeline="flights", kind="drift", subject="drift::w1", text="drift ü on temp", raised_sec=0.0
)
NOW_SEC = 1_362_358_800.9


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


def test_an_alert_arrives_signed_and_named(receiver: Receiver) -> None:
    Webhook(url=f"{receiver.url}/hook?team=a", secret="s3cret").send(ALERT, now_sec=NOW_SEC)
    [(path, headers, body)] = receiver.came
    assert path == "/hook?team=a"
    assert json.loads(body) == ALERT.document()
    assert headers["Content-Type"] == "application/json"
    assert headers[ID_HEADER] == ALERT.id
    assert verify(headers[SIGNATURE_HEADER], body, "s3cret", now_sec=NOW_SEC + 299)


def test_without_a_secret_there_is_no_signature(receiver: Receiver) -> None:
    Webhook(url=receiver.url).send(ALERT, now_sec=NOW_SEC)
    [(path, headers, _)] = receiver.came
    assert path == "/"
    assert SIGNATURE_HEADER not in headers


def test_the_signature_is_hmac_sha256_of_time_and_body() -> None:
    # printf '1362358800.{}' | openssl dgst -sha256 -hmac s3cret
    assert sign(b"{}", "s3cret", now_sec=NOW_SEC) == (
        "t=1362358800,v1=4492624206bf9c259200c8074d96215c4b9e43fe1fc141cb6050a33bb41d2833"
    )


@pytest.mark.parametrize(
    ("header", "body", "secret", "now"),
    [
        ("GOOD", b"{} ", "s3cret", NOW_SEC),
        ("GOOD", b"{}", "other", NOW_SEC),
        ("GOOD", b"{}", "s3cret", NOW_SEC + 302),
        ("GOOD", b"{}", "s3cret", NOW_SEC - 302),
        ("t=1362358801,v1=SAME", b"{}", "s3cret", NOW_SEC),
        ("", b"{}", "s3cret", NOW_SEC),
        ("t=,v1=", b"{}", "s3cret", NOW_SEC),
        ("t=x,v1=é", b"{}", "s3cret", NOW_SEC),
        ("t=1362358800,v1=é", b"{}", "s3cret", NOW_SEC),
    ],
)
def test_what_was_not_signed_so_is_refused(
    header: str, body: bytes, secret: str, now: float
) -> None:
    good = sign(b"{}", "s3cret", now_sec=NOW_SEC)
    assert verify(good, b"{}", "s3cret", now_sec=NOW_SEC)
    header = header.replace("GOOD", good).replace("SAME", good.rpartition("=")[2])
    assert not verify(header, body, secret, now_sec=now)


@pytest.mark.parametrize("status", [302, 307, 400, 410, 429, 500, 503])
def test_another_answer_than_success_is_a_failure(receiver: Receiver, status: int) -> None:
    receiver.statuses = [status]
    with pytest.raises(DeliveryError, match=f"answered {status}, expected 200 to 299"):
        Webhook(url=f"{receiver.url}/secret-path").send(ALERT, now_sec=NOW_SEC)
    assert len(receiver.came) == 1  # a redirect is not followed


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_success_is_success(receiver: Receiver, status: int) -> None:
    receiver.statuses = [status]
    Webhook(url=receiver.url).send(ALERT, now_sec=NOW_SEC)


def test_a_receiver_that_answers_byte_by_byte_is_left(receiver: Receiver) -> None:
    receiver.drip = True
    with pytest.raises(DeliveryError, match=r"did not answer within 0\.5 s"):
        Webhook(url=f"{receiver.url}/hidden", timeout_sec=0.5).send(ALERT, now_sec=NOW_SEC)


def test_nobody_there_is_a_failure_that_hides_the_path() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(DeliveryError, match="cannot be reached: Connection refused") as caught:
        Webhook(url=f"http://127.0.0.1:{port}/hidden").send(ALERT, now_sec=NOW_SEC)
    assert "hidden" not in str(caught.value)


def test_a_receiver_that_takes_and_never_answers_is_left() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(DeliveryError, match=r"did not answer within 0\.3 s"):
            Webhook(url=f"http://127.0.0.1:{port}", timeout_sec=0.3).send(ALERT, now_sec=NOW_SEC)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ftp://host/x",
        "http:///path",
        "example.org/path",
        "https://user:pw@host/",
        "http://host:99999/",
        "http://host/a b",
        "http://host/\nX: y",
    ],
)
def test_a_url_that_cannot_be_used_is_refused_and_not_shown(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        Webhook(url=url)
    assert not url or url not in str(caught.value)


def test_neither_url_nor_secret_are_in_its_representation() -> None:
    shown = repr(Webhook(url="https://host/T0/B0/token", secret="s3cret"))
    assert "token" not in shown
    assert "s3cret" not in shown
