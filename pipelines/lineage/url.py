"""Reads the URL of a metadata store; knows nothing of ML Metadata and opens nothing.

    sqlite:///relative.sqlite    sqlite:////absolute/metadata.sqlite
    mysql://user:password@host:3306/database?ssl_ca=/etc/ca.pem
    postgresql://user:password@host:5432/database?sslmode=require
    postgresql:///database?host=/var/run/postgresql          (a Unix socket)

User, password and database are percent-decoded, so a password `p@ss` is written `p%40ss`.
"""

from __future__ import annotations

import dataclasses
import difflib
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from urllib.parse import parse_qsl, unquote, urlsplit

from pipelines.errors import MetadataError

DEFAULT_PORTS: Mapping[str, int] = MappingProxyType({"mysql": 3306, "postgresql": 5432})
OPTIONS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "mysql": ("socket", "ssl_ca", "ssl_capath", "ssl_cert", "ssl_cipher", "ssl_key"),
        "postgresql": ("host", "sslmode", "sslrootcert", "sslcert", "sslkey", "sslpassword"),
    }
)
FORMS = "sqlite:///PATH, mysql://USER:PASSWORD@HOST:PORT/DATABASE or postgresql://…"
_PASSWORD = re.compile(r"^([a-z+0-9]+://[^:/?#]*):[^/]*@", re.IGNORECASE)


@dataclasses.dataclass(frozen=True, kw_only=True)
class StoreUrl:
    """A store's URL in parts.

    Attributes:
        scheme: "sqlite", "mysql" or "postgresql".
        path: The file of a SQLite store; None for servers.
        host: Host name or address; empty when a Unix socket is used.
        port: TCP port; the engine's usual one by default.
        user: Empty when the URL names none.
        password: Empty when the URL names none.
        database: Name of the database.
        options: What stood after `?`; only names listed in `OPTIONS`.
        masked: The URL for messages, its password replaced by `***`.
    """

    scheme: str
    masked: str
    path: Path | None = None
    host: str = ""
    port: int = 0
    user: str = ""
    password: str = dataclasses.field(default="", repr=False)
    database: str = ""
    options: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def socket(self) -> str:
        """Returns the Unix socket (MySQL) or its folder (PostgreSQL); empty over TCP."""
        return self.options.get("socket") or self.options.get("host") or ""


def mask(url: str) -> str:
    """Returns the URL with its password replaced by `***`.

    Everything up to the last `@` before the path counts as password, so that a password holding
    an unescaped `@` or `:` does not leak either.
    """
    masked = _PASSWORD.sub(r"\1:***@", url)
    return re.sub(r"(?i)(password=)[^&#]*", r"\1***", masked)


def parse(url: str) -> StoreUrl:
    """Returns the parts of a store's URL.

    Raises:
        MetadataError: The scheme, the port, the database or an option is missing or unknown.
    """
    scheme, separator, rest = url.partition("://")
    if scheme == "sqlite" and separator:
        return _parse_sqlite(url, rest)
    if scheme in DEFAULT_PORTS and separator:
        return _parse_server(url)
    near = difflib.get_close_matches(scheme, ["sqlite", *DEFAULT_PORTS], n=1, cutoff=0.4)
    hint = f" Did you mean {near[0]}://?" if near else ""
    raise _refused(url, f"the scheme {scheme!r} is not one of sqlite, mysql, postgresql.{hint}")


def _refused(url: str, reason: str) -> MetadataError:
    return MetadataError(
        f"the metadata URL {mask(url)} cannot be used: {reason}",
        remedy=f"Set RINGWAY_METADATA_URL to {FORMS}; percent-encode special characters.",
    )


def _parse_sqlite(url: str, rest: str) -> StoreUrl:
    if not rest.startswith("/") or rest == "/":
        raise _refused(url, "a SQLite URL has three slashes and a path: sqlite:///PATH")
    return StoreUrl(scheme="sqlite", masked=url, path=Path(rest[1:]))


def _parse_server(url: str) -> StoreUrl:
    parts = urlsplit(url)
    try:
        port = parts.port or DEFAULT_PORTS[parts.scheme]
    except ValueError:
        raise _refused(url, "the port is not a number from 1 to 65535") from None
    database = unquote(parts.path.lstrip("/"))
    if not database or "/" in database:
        raise _refused(url, f"expected one database name after the host, received {database!r}")
    options = dict(parse_qsl(parts.query))
    _check_options(url, parts.scheme, options)
    if not parts.hostname and not (options.get("socket") or options.get("host")):
        raise _refused(url, "it names neither a host nor a Unix socket")
    return StoreUrl(
        scheme=parts.scheme,
        masked=mask(url),
        host=parts.hostname or "",
        port=port,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        database=database,
        options=options,
    )


def _check_options(url: str, scheme: str, options: Mapping[str, str]) -> None:
    for name in options:
        if name not in OPTIONS[scheme]:
            near = difflib.get_close_matches(name, OPTIONS[scheme], n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            known = ", ".join(OPTIONS[scheme])
            raise _refused(url, f"unknown option {name!r}; known: {known}.{hint}")
