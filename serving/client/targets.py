"""Where servers are: turns what a caller writes into one gRPC target.

    host, host:8500, 10.0.0.7:8500, [::1]:8500     without TLS unless the client has some
    grpc://host:8500, grpcs://host:8500            without, and with TLS
    unix:/run/ringway.sock                         a socket of this machine

One name is left to gRPC (`dns:///name`), which asks again when connections break and balances over
all of its addresses. Of several servers gRPC takes addresses only, so that names among them are
resolved once, when the client is made. If some are IPv4 and some are IPv6, the former are written
as IPv6 (`::ffff:10.0.0.7`, RFC 4291 2.5.5.2), as a target holds one family.

What to do with a target is left to `serving.client.channel`.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import re
import socket
from collections.abc import Callable, Sequence

from serving.client.errors import InvalidRequest, Unavailable, refused
from serving.wire.errors import StatusCode

DEFAULT_PORT = 8500

_URL = re.compile(r"(?P<scheme>grpcs?)://(?P<rest>[^/]+)/?")
_PLACE = re.compile(r"(?:\[(?P<v6>[^\]]+)\]|(?P<host>[^:/\[\]\s]+))(?::(?P<port>\d{1,5}))?")
_UNIX = re.compile(r"unix:(?P<path>.+)")

Resolve = Callable[[str, int], Sequence[str]]


@dataclasses.dataclass(frozen=True, slots=True)
class Server:
    """One server as it was named.

    Attributes:
        host: Name or address; "" for a Unix socket.
        port: 1 to 65535; 0 for a Unix socket.
        secure: Whether the URL asks for TLS; None where it says nothing.
        path: Path of a Unix socket, or "".
    """

    host: str
    port: int
    secure: bool | None = None
    path: str = ""

    @property
    def address(self) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
        """The host as an address, or None where it is a name."""
        try:
            return ipaddress.ip_address(self.host)
        except ValueError:
            return None

    @property
    def local(self) -> bool:
        """Whether what is sent there cannot leave this machine."""
        if self.path or self.host.lower() == "localhost":
            return True
        address = self.address
        return address is not None and address.is_loopback


@dataclasses.dataclass(frozen=True, slots=True)
class Target:
    """What a channel is opened to.

    Attributes:
        uri: In gRPC's own syntax.
        secure: Whether its URLs ask for TLS; None where they say nothing.
        local: Whether what is sent there cannot leave this machine.
        server_name: Whom a certificate has to name; "" where gRPC takes it from `uri`.
    """

    uri: str
    secure: bool | None
    local: bool
    server_name: str = ""


def parse(text: str) -> Server:
    """Reads one server as a caller writes it.

    Raises:
        InvalidRequest: The text is none of the forms above.
    """
    if unix := _UNIX.fullmatch(text):
        path = unix["path"]
        return Server("", 0, path=f"/{path.lstrip('/')}" if path.startswith("//") else path)
    url = _URL.fullmatch(text)
    place = _PLACE.fullmatch(url["rest"] if url else text)
    if place is None:
        raise _malformed(text)
    port = int(place["port"] or DEFAULT_PORT)
    server = Server(place["v6"] or place["host"], port, url and url["scheme"] == "grpcs")
    if not 0 < port < 2**16 or (place["v6"] and server.address is None):
        raise _malformed(text)
    return server


def target(texts: Sequence[str], resolve: Resolve | None = None) -> Target:
    """Returns the one target for all servers of a client.

    Args:
        texts: Servers as a caller writes them, at least one.
        resolve: Returns the addresses of a name and a port; the system's resolver by default.

    Raises:
        InvalidRequest: There is none, or one that cannot be read, or they do not go together.
        Unavailable: One of several names cannot be resolved.
    """
    if not texts:
        raise refused("A client needs at least one server, such as '127.0.0.1:8500'.")
    servers = [parse(text) for text in texts]
    if len({server.secure for server in servers}) > 1:
        raise refused(
            f"Expected either grpc:// or grpcs:// for all servers, received {', '.join(texts)}."
        )
    secure = servers[0].secure
    local = all(server.local for server in servers)
    if len(servers) == 1:
        return Target(_single(servers[0]), secure, local)
    if any(server.path for server in servers):
        raise refused(f"A Unix socket cannot be one of several servers: {', '.join(texts)}.")
    hosts = {server.host for server in servers}
    uri = _several(servers, resolve or _system_addresses)
    return Target(uri, secure, local, server_name=hosts.pop() if len(hosts) == 1 else "")


def _malformed(text: str) -> InvalidRequest:
    return refused(
        f"Expected a server such as '127.0.0.1:8500', '[::1]:8500', 'grpcs://host:443' or "
        f"'unix:/path', received {text!r}."
    )


def _single(server: Server) -> str:
    if server.path:
        return f"unix:{server.path}"
    if server.address is None:
        return f"dns:///{server.host}:{server.port}"
    return _addresses([(server.host, server.port)])


def _several(servers: Sequence[Server], resolve: Resolve) -> str:
    places: dict[tuple[str, int], None] = {}  # a set that keeps the order
    for server in servers:
        hosts = [server.host] if server.address else resolve(server.host, server.port)
        places.update(dict.fromkeys((host, server.port) for host in hosts))
    return _addresses(list(places))


def _addresses(places: Sequence[tuple[str, int]]) -> str:
    parsed = [(ipaddress.ip_address(host), port) for host, port in places]
    if all(address.version == 4 for address, _ in parsed):
        return "ipv4:" + ",".join(f"{address}:{port}" for address, port in parsed)
    mapped = [(str(a) if a.version == 6 else f"::ffff:{a}", port) for a, port in parsed]
    return "ipv6:" + ",".join(f"[{host}]:{port}" for host, port in mapped)


def _system_addresses(host: str, port: int) -> Sequence[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise Unavailable(
            StatusCode.UNAVAILABLE, f"The name {host!r} cannot be resolved: {error}."
        ) from error
    return [str(entry[4][0]) for entry in found]
