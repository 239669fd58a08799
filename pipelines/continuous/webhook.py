"""Posts alerts to a URL, signed so that the receiver can tell who sent them, and when.

    POST /path HTTP/1.1
    Content-Type: application/json
    X-Ringway-Alert-Id: 0a1b2c3d4e5f6071
    X-Ringway-Signature: t=1362358800,v1=<hex of HMAC-SHA256(secret, "1362358800." + body)>

The scheme is that of Stripe's webhooks. The time is part of what is signed, so that a receiver can
refuse what somebody recorded and sends again later; `verify` is what it should do. An alert may
come twice, where the first answer was lost, and has the same id then. Trying again is left to
`deliveries`.

Source: https://docs.stripe.com/webhooks/signature
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import hmac
import http.client
import json
import math
import socket
import threading
import urllib.parse

from pipelines.continuous.alerts import Alert, DeliveryError
from pipelines.errors import UsageError

SIGNATURE_HEADER = "X-Ringway-Signature"
ID_HEADER = "X-Ringway-Alert-Id"
_SCHEMES = ("http", "https")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Webhook:
    """A URL that takes alerts.

    Attributes:
        url: `http://…` or `https://…`; may hold a secret in its path.
        secret: Key of the signature; not signed where empty.
        timeout_sec: After this the whole exchange has failed.
        name: As in `Channel`.
        resend_in_doubt: As in `Channel`; the receiver tells by the id.

    Raises:
        UsageError: The URL cannot be used.
    """

    url: str = dataclasses.field(repr=False)
    secret: str = dataclasses.field(default="", repr=False)
    timeout_sec: float = 10.0
    name: str = "webhook"
    resend_in_doubt: bool = True

    def __post_init__(self) -> None:
        try:
            parts = urllib.parse.urlsplit(self.url)
            usable = parts.scheme in _SCHEMES and bool(parts.hostname) and parts.port != 0
        except ValueError:
            usable = False
        if not usable or "@" in parts.netloc or any(c.isspace() for c in self.url):
            raise UsageError(
                "the URL of a webhook: expected http://host/path or https://host/path, without a "
                "user; received something else, which is not shown as it may hold a secret",
                remedy="Correct the URL; put a secret into the key of the signature.",
            )

    def send(self, alert: Alert, *, now_sec: float) -> None:
        """Posts an alert.

        Raises:
            DeliveryError: There is no answer in time, or it is none of success (2xx). Redirects
                are not followed: the signature is meant for this receiver.
        """
        body = json.dumps(alert.document(), ensure_ascii=False).encode()
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "ringway",
            "Connection": "close",
            ID_HEADER: alert.id,
        }
        if self.secret:
            headers[SIGNATURE_HEADER] = sign(body, self.secret, now_sec=now_sec)
        status = self._post(body, headers)
        if not 200 <= status < 300:
            raise DeliveryError(f"{self._host} answered {status}, expected 200 to 299")

    @property
    def _host(self) -> str:
        """The host alone: the path may hold a secret."""
        return urllib.parse.urlsplit(self.url).netloc

    def _post(self, body: bytes, headers: dict[str, str]) -> int:
        parts = urllib.parse.urlsplit(self.url)
        make = (
            http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        )
        connection = make(parts.hostname or "", parts.port, timeout=self.timeout_sec)
        expired = threading.Event()

        def expire() -> None:
            expired.set()
            _cut(connection)

        # The connection's own limit is for each read: a receiver could answer byte by byte.
        timer = threading.Timer(self.timeout_sec, expire)
        timer.daemon = True
        timer.start()
        try:
            target = urllib.parse.urlunsplit(("", "", parts.path or "/", parts.query, ""))
            connection.request("POST", target, body, headers)
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException, ValueError) as error:
            if expired.is_set() or isinstance(error, TimeoutError):
                raise self._too_late() from error
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise DeliveryError(f"{self._host} cannot be reached: {reason}") from error
        finally:
            timer.cancel()
            connection.close()
        if expired.is_set():  # in the middle of the headers, which reads like their end
            raise self._too_late()
        return status

    def _too_late(self) -> DeliveryError:
        return DeliveryError(f"{self._host} did not answer within {self.timeout_sec:g} s")


def _cut(connection: http.client.HTTPConnection) -> None:
    """Ends a connection under the thread that waits for it."""
    held = connection.sock
    if held is not None:
        with contextlib.suppress(OSError):
            # Of the plain socket: closing TLS in order would wait for the other side.
            socket.socket.shutdown(held, socket.SHUT_RDWR)


def sign(body: bytes, secret: str, *, now_sec: float) -> str:
    """Returns the signature of a body at a time, as the header holds it."""
    stamp = math.floor(now_sec)
    return f"t={stamp},v1={_digest(body, secret, str(stamp))}"


def verify(
    header: str, body: bytes, secret: str, *, now_sec: float, tolerance_sec: float = 300.0
) -> bool:
    """Returns whether a body was signed with this secret, and not long ago.

    Args:
        header: The signature's header.
        body: The body as it came.
        secret: Key of the signature.
        now_sec: The time, seconds since the epoch.
        tolerance_sec: How far the signature's time may be from it.
    """
    parts = dict(part.strip().partition("=")[::2] for part in header.split(","))
    stamp, given = parts.get("t", ""), parts.get("v1", "")
    if not (stamp.isascii() and stamp.isdigit()) or abs(now_sec - int(stamp)) > tolerance_sec:
        return False
    return hmac.compare_digest(_digest(body, secret, stamp).encode(), given.encode())


def _digest(body: bytes, secret: str, stamp: str) -> str:
    return hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
