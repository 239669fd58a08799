"""How a client decides to connect."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from serving.client import Client, InvalidRequest, Tls, channel, targets

DEFAULTS: dict[str, Any] = {
    "tls": None,
    "has_key": False,
    "allow_insecure_key": False,
    "attempts": 5,
    "keepalive_sec": None,
}


def plan(*servers: str, **changes: Any) -> channel.Plan:
    return channel.plan(targets.target(servers), **{**DEFAULTS, **changes})


def test_only_unavailable_is_retried_on_both_services() -> None:
    config = json.loads(channel.service_config(4))
    (method,) = config["methodConfig"]
    assert method["retryPolicy"]["retryableStatusCodes"] == ["UNAVAILABLE"]
    assert method["retryPolicy"]["maxAttempts"] == 4
    services = [name["service"] for name in method["name"]]
    assert services == ["tensorflow.serving.PredictionService", "tensorflow.serving.ModelService"]


def test_one_attempt_means_no_retries() -> None:
    assert "methodConfig" not in json.loads(channel.service_config(1))


@pytest.mark.parametrize("attempts", [0, 6])
def test_gRPC_makes_one_to_five_attempts(attempts: int) -> None:
    with pytest.raises(InvalidRequest, match="1 to 5 attempts"):
        plan("host", attempts=attempts)


def test_a_url_with_s_means_TLS_without_further_ado() -> None:
    assert plan("grpcs://host").credentials is not None
    assert plan("grpc://host").credentials is None
    assert plan("host", tls=Tls()).credentials is not None


def test_a_url_without_s_contradicts_keys_for_TLS() -> None:
    with pytest.raises(InvalidRequest, match="grpc:// means no TLS"):
        plan("grpc://host", tls=Tls())


@pytest.mark.parametrize("server", ["127.0.0.1", "[::1]:1", "localhost", "unix:/x", "grpcs://h"])
def test_an_API_key_goes_over_TLS_or_stays_on_this_machine(server: str) -> None:
    plan(server, has_key=True)


def test_an_API_key_does_not_go_over_a_network_unencrypted_unless_told_to() -> None:
    with pytest.raises(InvalidRequest, match="would go to dns:///host:8500 unencrypted"):
        plan("host", has_key=True)
    with pytest.raises(InvalidRequest, match="unencrypted"):
        plan("127.0.0.1", "10.0.0.1", has_key=True)
    plan("host", has_key=True, allow_insecure_key=True)


def test_several_names_need_the_one_that_certificates_hold() -> None:
    with pytest.raises(InvalidRequest, match="server_name"):
        plan("10.0.0.1", "10.0.0.2", tls=Tls())
    options = dict(plan("10.0.0.1", "10.0.0.2", tls=Tls(server_name="models")).options)
    assert options["grpc.default_authority"] == "models"


def test_messages_of_any_size_pass_and_are_retried() -> None:
    options = dict(plan("host").options)
    assert options["grpc.max_send_message_length"] == -1
    assert options["grpc.max_receive_message_length"] == -1
    assert options["grpc.per_rpc_retry_buffer_size"] == 2**31 - 1


def test_a_slow_handshake_is_waited_for_and_a_server_that_comes_back_found_soon() -> None:
    options = dict(plan("host").options)
    assert options["grpc.min_reconnect_backoff_ms"] == 10_000  # the time of one attempt
    assert options["grpc.max_reconnect_backoff_ms"] == 2000


def test_proxies_are_for_other_machines() -> None:
    assert dict(plan("localhost").options)["grpc.enable_http_proxy"] == 0
    assert "grpc.enable_http_proxy" not in dict(plan("host").options)


def test_keep_alive_is_off_unless_asked_for() -> None:
    assert "grpc.keepalive_time_ms" not in dict(plan("host").options)
    assert dict(plan("host", keepalive_sec=30).options)["grpc.keepalive_time_ms"] == 30_000
    with pytest.raises(InvalidRequest, match="keepalive_sec of at least 1"):
        plan("host", keepalive_sec=0)


@pytest.mark.parametrize(
    ("tls", "message"),
    [
        (Tls(ca="/no/such.pem"), r"Tls\(ca='/no/such.pem'\) cannot be read: No such file"),
        (Tls(ca=b"nothing"), "expected PEM"),
        (Tls(certificate=b"-----BEGIN CERTIFICATE-----"), "together, received one"),
        (Tls(key=b"-----BEGIN PRIVATE KEY-----"), "together, received one"),
    ],
)
def test_keys_that_cannot_be_used_are_told(tls: Tls, message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        plan("host", tls=tls)


def test_a_file_that_is_no_PEM_is_named(tmp_path: Path) -> None:
    (tmp_path / "ca.der").write_bytes(b"\x30\x82")
    with pytest.raises(InvalidRequest, match=r"ca\.der"):
        plan("host", tls=Tls(ca=tmp_path / "ca.der"))


@pytest.mark.parametrize("key", ["", "two words", "line\nbreak", "ключ"])
def test_an_API_key_that_no_header_can_hold_is_refused_without_showing_it(key: str) -> None:
    with pytest.raises(InvalidRequest, match="visible ASCII") as caught:
        Client("127.0.0.1", api_key=key)
    assert not key or key not in str(caught.value)


@pytest.mark.parametrize("timeout_sec", [0, -1, float("nan")])
def test_a_timeout_has_to_be_positive(timeout_sec: float) -> None:
    with pytest.raises(InvalidRequest, match="timeout_sec above 0"):
        Client("127.0.0.1", timeout_sec=timeout_sec)
