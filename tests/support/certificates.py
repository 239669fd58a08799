"""Certificates for tests: an authority, a server for localhost, and a client."""

from __future__ import annotations

import dataclasses
import datetime
import ipaddress
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

# Python 3.13 insists on the extensions that RFC 5280 asks for.
_SIGNS_CERTIFICATES = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


@dataclasses.dataclass(frozen=True)
class Identity:
    """A certificate and its key, as PEM."""

    certificate: bytes
    key: bytes


class Authority:
    """Signs certificates."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])
        certificate = (
            self._builder(self._name, self._key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_SIGNS_CERTIFICATES, critical=True)
        )
        self.certificate = _pem(certificate.sign(self._key, hashes.SHA256()))

    def issue(self, name: str, *alternatives: str) -> Identity:
        """Returns a certificate for a name, which stands for hosts and addresses of this machine.

        Args:
            name: Whose it is.
            alternatives: DNS names and addresses that it covers; the name and 127.0.0.1 by default.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        covered = alternatives or (name, "127.0.0.1")
        names = x509.SubjectAlternativeName([_general_name(each) for each in covered])
        certificate = self._builder(subject, key).add_extension(names, critical=False)
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        return Identity(_pem(certificate.sign(self._key, hashes.SHA256())), private)

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey
    ) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(hours=1))
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
            )
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
                critical=False,
            )
        )


class AuthorityFolder:
    """An authority whose certificates lie in files.

    Attributes:
        ca: Path of its own certificate.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._authority = Authority()
        self.ca = folder / "ca.pem"
        self.ca.write_bytes(self._authority.certificate)

    def issue(self, name: str, *alternatives: str) -> tuple[Path, Path]:
        """Returns the paths of a key and its certificate."""
        identity = self._authority.issue(name, *alternatives)
        key, certificate = self._folder / f"{name}.key", self._folder / f"{name}.pem"
        key.write_bytes(identity.key)
        certificate.write_bytes(identity.certificate)
        return key, certificate


def server_context(
    folder: Path, authority: Authority, identity: Identity, *, verify: bool
) -> ssl.SSLContext:
    (folder / "server.pem").write_bytes(identity.certificate)
    (folder / "server.key").write_bytes(identity.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem", folder / "server.key")
    if verify:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=authority.certificate.decode())
    return context


def _general_name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
