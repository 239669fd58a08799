"""Certificates for the tests of TLS, made by the `openssl` command: an authority, and whom it
vouches for.
"""

from __future__ import annotations

import subprocess
from pathlib import Path


class Authority:
    """A certificate authority in a folder.

    Attributes:
        ca: Path of its certificate.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.ca = folder / "ca.pem"
        _openssl(
            *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
            *("-keyout", str(folder / "ca.key"), "-out", str(self.ca), "-days", "1"),
            *("-subj", "/CN=tests"),
        )

    def issue(self, name: str, alternatives: str) -> tuple[Path, Path]:
        """Returns the paths of a key and its certificate.

        Args:
            name: Of the files.
            alternatives: Whom it names, as openssl writes it: `DNS:localhost,IP:127.0.0.1`.
        """
        key, request = self._folder / f"{name}.key", self._folder / f"{name}.csr"
        certificate, extension = self._folder / f"{name}.pem", self._folder / f"{name}.ext"
        extension.write_text(f"subjectAltName={alternatives}\n")
        _openssl(
            *("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
            *("-keyout", str(key), "-out", str(request), "-subj", f"/CN={name}"),
        )
        _openssl(
            *("x509", "-req", "-in", str(request), "-CA", str(self.ca), "-CAcreateserial"),
            *("-CAkey", str(self._folder / "ca.key"), "-days", "1", "-extfile", str(extension)),
            *("-out", str(certificate)),
        )
        return key, certificate


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, timeout=60)
