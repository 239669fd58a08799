"""Lets in only callers who show an API key, as `authorization: Bearer KEY`.

The file holds one key per line; empty lines, and those that begin with `#`, count for nothing. Keys
are kept and compared as hashes, each comparison taking the same time whatever the key. Which calls
need a key is for the transports.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
from pathlib import Path

from serving.wire import errors
from serving.wire.errors import ServingError, StatusCode

_logger = logging.getLogger(__name__)

_EXPECTED = "Expected the header 'authorization: Bearer KEY'"


class ApiKeys:
    """The keys of a file.

    Args:
        path: The file.

    Raises:
        ServingError: The file cannot be read, or has no key.
    """

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        self._stamp = self._look()
        self._hashes = self._read()

    def authenticate(self, header: str | None) -> None:
        """Checks the value of an `authorization` header; None where there is none.

        Raises:
            ServingError: UNAUTHENTICATED.
        """
        if not header:
            raise _refused(f"No API key was sent. {_EXPECTED}.")
        scheme, _, key = header.strip().partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            raise _refused(f"The authorization header is not understood. {_EXPECTED}.")
        digest = _hash(key.strip())
        # All are compared, so that the time does not tell which one it was.
        matches = [hmac.compare_digest(digest, known) for known in self._hashes]
        if not any(matches):
            raise _refused("The API key is not known.")

    def refresh(self) -> bool:
        """Reads the file again if it changed; blocks.

        Returns:
            Whether there are new keys. A file that cannot be read, or has no key, is logged once,
            and the old keys stay.
        """
        stamp = self._look()
        if stamp == self._stamp:
            return False
        self._stamp = stamp
        try:
            self._hashes = self._read()
        except ServingError as error:
            _logger.error("%s The keys before stay in force.", error.message)
            return False
        return True

    def _look(self) -> tuple[int, int, int] | None:
        try:
            status = self._path.stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size, status.st_ino

    def _read(self) -> tuple[bytes, ...]:
        try:
            lines = self._path.read_text("utf-8").splitlines()
        except (OSError, ValueError) as error:
            raise ServingError(
                StatusCode.FAILED_PRECONDITION,
                f"The API keys file {self._path} cannot be read: {error}.",
            ) from error
        keys = [line.strip() for line in lines]
        hashes = tuple(_hash(key) for key in keys if key and not key.startswith("#"))
        if not hashes:
            raise errors.invalid(
                f"The API keys file {self._path} has no key. Expected one per line; "
                "leave --api_keys_file out to let every caller in."
            )
        return hashes


def _hash(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "backslashreplace")).digest()


def _refused(message: str) -> ServingError:
    return ServingError(StatusCode.UNAUTHENTICATED, message)
