"""Asks a database server for a sign of life, with a time limit.

ML Metadata's own client waits without a limit for a server that accepts a connection and says
nothing, and holds Python's global lock while it waits. This module finds such servers first; what
it lets through either answers the client or refuses it. It sends no credentials.

    MySQL        the server speaks first: a packet whose sequence number is 0
    PostgreSQL   we send SSLRequest (code 80877103); the server answers "S" or "N"

Sources: MySQL Internals Manual, "Connection Phase"; PostgreSQL manual, "Message Formats".
"""

from __future__ import annotations

import socket
import struct

from pipelines.lineage.url import StoreUrl

TIMEOUT_SEC = 5.0
_SSL_REQUEST = struct.pack("!ii", 8, 80877103)


def why_unreachable(url: StoreUrl, *, timeout_sec: float = TIMEOUT_SEC) -> str:
    """Returns why a server cannot be used, in one sentence; empty when it answers.

    Args:
        url: A `mysql` or `postgresql` URL. One with a Unix socket is not asked: a connection
            to a socket fails at once when nobody listens.
        timeout_sec: Limit for connecting and for the answer, each.
    """
    if url.socket:
        return ""
    where = f"{url.host}:{url.port}"
    try:
        with socket.create_connection((url.host, url.port), timeout=timeout_sec) as connection:
            return _why_not_ours(connection, url.scheme, where)
    except socket.gaierror:
        return f"the host name {url.host!r} is not known"
    except TimeoutError:
        return f"nothing answered at {where} within {timeout_sec:g} s"
    except OSError as error:
        return f"no connection to {where}: {error.strerror or error}"


def _why_not_ours(connection: socket.socket, scheme: str, where: str) -> str:
    if scheme == "postgresql":
        connection.sendall(_SSL_REQUEST)
        answer = connection.recv(1)
        if answer in (b"S", b"N"):
            return ""
    else:
        answer = connection.recv(5, socket.MSG_WAITALL)
        # Three bytes of length, one of sequence, then protocol 10 or an error packet (0xff).
        if len(answer) == 5 and answer[3] == 0 and answer[4] in (10, 0xFF):
            return ""
    return f"what listens at {where} is no {scheme} server (it answered {answer!r})"
