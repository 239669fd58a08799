"""Files that flags name, read from disk; TLS is tried with real connections."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime
import ipaddress
import json
import socket
import ssl
import threading
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from lifecycle_models import NumberLoader, comes_true, config_of, on_loop, push, spec

from serving.server import config_files
from serving.server.models import ManagerOptions, ModelManager
from serving.server.options import ServerOptions
from serving.wire.errors import ServingError
from serving.wire.messages import ModelServerConfig

MODELS = 'model_config_list { config { name: "m" base_path: "/m" model_platform: "tensorflow" } }'


def refusal(call: Any, *arguments: Any) -> tuple[str, str]:
    with pytest.raises(ServingError) as caught:
        call(*arguments)
    return caught.value.code.name, caught.value.message


def test_models_come_from_a_file_or_from_two_flags(tmp_path):
    file = tmp_path / "models.pbtxt"
    file.write_text(MODELS)
    (model,) = config_files.models(
        ServerOptions(model_config_file=str(file), model_name="x", model_base_path="/x")
    ).model_config_list.config
    assert (model.name, model.base_path, model.model_platform) == ("m", "/m", "tensorflow")
    (model,) = config_files.models(
        ServerOptions(model_name="x", model_base_path="/x")
    ).model_config_list.config
    assert (model.name, model.base_path, model.model_platform) == ("x", "/x", "tensorflow")


@pytest.mark.parametrize(
    ("text", "where"),
    [
        (b"model_config_list { config { nom: 1 } }", "1:30"),
        (b"model_config_list {\n  config {", "2:10"),
        (b"{}", "1:1"),
    ],
)
def test_bad_text_is_told_as_tensorflow_serving_does(tmp_path, caplog, text, where):
    file = tmp_path / "models.pbtxt"
    file.write_bytes(text)
    assert refusal(config_files.read, str(file), ModelServerConfig) == (
        "INVALID_ARGUMENT",
        f"Invalid protobuf file: '{file}'",
    )
    expected = f"Error parsing text-format tensorflow.serving.ModelServerConfig: {where}"
    assert expected in caplog.text


def test_a_file_that_cannot_be_read_is_told(tmp_path):
    missing = tmp_path / "missing"
    assert refusal(config_files.read, str(missing), ModelServerConfig) == (
        "NOT_FOUND",
        f"{missing}; No such file or directory",
    )
    assert refusal(config_files.read, str(tmp_path), ModelServerConfig) == (
        "FAILED_PRECONDITION",
        f"{tmp_path}; Is a directory",
    )
    latin = tmp_path / "latin"
    latin.write_bytes(b"# caf\xe9")
    assert refusal(config_files.read, str(latin), ModelServerConfig)[0] == "INVALID_ARGUMENT"


def test_batching_parameters_are_returned_as_they_are(tmp_path):
    file = tmp_path / "batching.pbtxt"
    file.write_text("max_batch_size { value: 128 } allowed_batch_sizes: [64, 128]")
    found = config_files.batching_parameters(str(file))
    assert found.max_batch_size.value == 128
    assert list(found.allowed_batch_sizes) == [64, 128]
    assert not found.HasField("num_batch_threads")


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("", None),
        ("prometheus_config {}", None),
        ('prometheus_config { path: "/metrics" }', None),
        ("prometheus_config { enable: true }", "/monitoring/prometheus/metrics"),
        ('prometheus_config { enable: true path: "/metrics" }', "/metrics"),
    ],
)
def test_metrics_are_served_where_the_file_says(tmp_path, text, path):
    file = tmp_path / "monitoring.pbtxt"
    file.write_text(text)
    assert config_files.metrics_path(str(file)) == path
    assert config_files.metrics_path("") is None


def test_a_metrics_path_begins_with_a_slash(tmp_path):
    file = tmp_path / "monitoring.pbtxt"
    file.write_text('prometheus_config { enable: true path: "metrics" }')
    code, message = refusal(config_files.metrics_path, str(file))
    assert code == "INVALID_ARGUMENT"
    assert "got 'metrics'" in message


@dataclasses.dataclass(frozen=True)
class Certificate:
    key: str
    certificate: str

    def files(self, folder: Path) -> tuple[str, str]:
        (folder / "key.pem").write_text(self.key)
        (folder / "cert.pem").write_text(self.certificate)
        return str(folder / "cert.pem"), str(folder / "key.pem")


def self_signed(name: str) -> Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    plain = serialization.NoEncryption()
    return Certificate(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain).decode(),
        certificate.public_bytes(pem).decode(),
    )


SERVER = self_signed("server")
CLIENT = self_signed("client")


def ssl_file(folder: Path, **fields: Any) -> str:
    file = folder / "ssl.pbtxt"
    # JSON quotes text as the text format does, and writes booleans alike.
    file.write_text("\n".join(f"{name}: {json.dumps(value)}" for name, value in fields.items()))
    return str(file)


def talk(server: ssl.SSLContext, client: ssl.SSLContext) -> str | None:
    """Returns the protocol that both sides agree on; raises what the client meets."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        plain, _ = listener.accept()
        try:
            with plain, server.wrap_socket(plain, server_side=True) as secured:
                secured.sendall(b"hello")
        except OSError:
            pass  # the client tells

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        address = listener.getsockname()
        with (
            socket.create_connection(address, timeout=10) as plain,
            client.wrap_socket(plain, server_hostname="127.0.0.1") as secured,
        ):
            assert secured.recv(5) == b"hello"
            return secured.selected_alpn_protocol()
    finally:
        thread.join()
        listener.close()


def client_context(*protocols: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=SERVER.certificate)
    if protocols:
        context.set_alpn_protocols(list(protocols))
    return context


PAIR = {"server_key": SERVER.key, "server_cert": SERVER.certificate}


def test_pem_text_makes_a_server_that_clients_trust(tmp_path):
    context = config_files.tls(ssl_file(tmp_path, **PAIR), alpn=("h2",))
    assert context is not None
    assert talk(context, client_context("h2", "http/1.1")) == "h2"
    assert talk(context, client_context()) is None
    assert config_files.tls("") is None


def test_client_certificates_are_asked_for_where_the_file_says(tmp_path):
    path = ssl_file(tmp_path, **PAIR, custom_ca=CLIENT.certificate, client_verify=True)
    context = config_files.tls(path)
    assert context is not None
    with pytest.raises((ssl.SSLError, ConnectionError)):
        talk(context, client_context())
    known, stranger = client_context(), client_context()
    known.load_cert_chain(*CLIENT.files(tmp_path))
    assert talk(context, known) is None
    stranger.load_cert_chain(*SERVER.files(tmp_path))
    with pytest.raises((ssl.SSLError, ConnectionError)):
        talk(context, stranger)


def encrypted_key() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    ).decode()


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"server_key": SERVER.key},
        {"server_key": "/etc/key.pem", "server_cert": "/etc/cert.pem"},
        {"server_key": CLIENT.key, "server_cert": SERVER.certificate},
        {"server_key": encrypted_key(), "server_cert": SERVER.certificate},
        {**PAIR, "custom_ca": "not PEM"},
    ],
)
def test_pem_that_cannot_be_used_is_refused(tmp_path, fields):
    code, message = refusal(config_files.tls, ssl_file(tmp_path, **fields))
    assert code == "INVALID_ARGUMENT"
    assert "Expected PEM text in server_key and server_cert" in message


def test_a_changed_file_changes_the_models_and_a_bad_one_does_not(tmp_path, caplog):
    for name in ("m", "n"):
        push(tmp_path / name, 1, "1")
    file = tmp_path / "models.pbtxt"
    options = ManagerOptions(poll_interval_sec=0.01)

    def names(manager: ModelManager) -> list[str]:
        return [view.name for view in manager.models()]

    async def body() -> None:
        manager = ModelManager(NumberLoader(), options)
        await manager.start(config_of(tmp_path / "m"))
        follow = asyncio.create_task(config_files.follow_models(str(file), 0.01, manager.apply))
        await comes_true(lambda: "No such file" in caplog.text)
        file.write_text(str(config_of(tmp_path / "m", tmp_path / "n")))
        await comes_true(lambda: names(manager) == ["m", "n"])
        await comes_true(manager.ready)
        file.write_text("model_config_list { oops")
        await comes_true(lambda: "Error parsing text-format" in caplog.text)
        file.write_text(str(config_of(tmp_path / "n", tmp_path / "n")))
        await comes_true(lambda: "Illegal to list model n multiple times" in caplog.text)
        await asyncio.sleep(0.05)
        assert names(manager) == ["m", "n"]
        assert caplog.text.count("Illegal to list model n") == 1
        manager.acquire(spec("m")).release()
        file.write_text(str(config_of(tmp_path / "n")))
        await comes_true(lambda: names(manager) == ["n"])
        assert not follow.done()
        follow.cancel()
        await manager.stop()

    on_loop(body())


def test_a_label_takes_effect_once_its_version_serves(tmp_path):
    base = tmp_path / "m"
    push(base, 1, "1")
    file = tmp_path / "models.pbtxt"
    label = 'version_labels { key: "new" value: 2 }'
    file.write_text(str(config_of(base, more=label)))

    async def body() -> None:
        manager = ModelManager(NumberLoader(), ManagerOptions(poll_interval_sec=0.01))
        await manager.start(config_of(base))
        follow = asyncio.create_task(config_files.follow_models(str(file), 0.01, manager.apply))
        await asyncio.sleep(0.05)
        assert manager.models()[0].labels == {}
        push(base, 2, "2")
        await comes_true(lambda: manager.models()[0].labels == {"new": 2})
        manager.acquire(spec("m", label="new")).release()
        follow.cancel()
        await manager.stop()

    on_loop(body())


def test_following_outlives_what_breaks_it(tmp_path, caplog):
    file = tmp_path / "models.pbtxt"
    file.write_text(MODELS)
    calls: list[Any] = []

    def apply(config: Any) -> None:
        calls.append(config)
        raise RuntimeError("broken")

    async def body() -> None:
        follow = asyncio.create_task(config_files.follow_models(str(file), 0.001, apply))
        await comes_true(lambda: len(calls) > 2)
        follow.cancel()

    on_loop(body())
    assert "could not be applied" in caplog.text
