"""Opens the metadata store that a URL names.

Only `ml_metadata` and protobuf are imported (0.3 s); TFX and TensorFlow are not needed.
Reading the URL is left to `url`, the time limit for servers to `reachability`.

What the client of ML Metadata does, as seen with its releases of TFX 1.16 (SQLite, PostgreSQL 15,
MariaDB 10.11):

- One store may be shared by threads: a call holds Python's global lock from start to end.
- Two processes may share one SQLite file. A collision ends in `AbortedError`, which the client
  retries by itself after about 2 s (exponentially distributed); `MAX_RETRIES` bounds that.
- When several processes open one empty database of a server, all but one may fail while the
  tables are made. `open_store` retries those.
- The reason for a refused connection goes to the C library's standard error, not into the
  exception. `open_store` catches it and puts it into its own error.
"""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
import time
from collections.abc import Iterator

from ml_metadata.metadata_store.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2

from pipelines.errors import MetadataError
from pipelines.lineage import reachability
from pipelines.lineage.postgresql import PostgresqlStore
from pipelines.lineage.url import FORMS, StoreUrl, mask, parse

MAX_RETRIES = 10
_OPEN_ATTEMPTS = 40
_OPEN_PAUSE_SEC = 0.1
_SQLITE_HEADER = b"SQLite format 3\x00"
_RACES = (
    "concurrent connection to the empty database",
    "duplicate key value violates unique constraint",
    "already exists",
    # SQLite, opened while another process writes: even opening writes a little.
    "Concurrent writes aborted",
)
_NO_CONNECTION = "PostgreSQL metadata source error: connection pointer is NULL"
_LOG_LINE = re.compile(r"^[IWEF]\d{4} [\d:.]+ +\d+ \S+:\d+\] ?")
_LOG_BANNER = "WARNING: Logging before InitGoogleLogging()"


def connection_config(url: str, *, read_only: bool = False) -> metadata_store_pb2.ConnectionConfig:
    """Returns ML Metadata's connection settings for a URL, without connecting.

    Args:
        url: `sqlite:///PATH`, `mysql://…` or `postgresql://…`; see `pipelines.lineage.url`.
        read_only: Never create a file or a database.

    Raises:
        MetadataError: The URL cannot be read.
    """
    parts = parse(url)
    config = metadata_store_pb2.ConnectionConfig()
    config.retry_options.max_num_retries = MAX_RETRIES
    if parts.path is not None:
        modes = metadata_store_pb2.SqliteMetadataSourceConfig
        config.sqlite.filename_uri = str(parts.path)
        config.sqlite.connection_mode = modes.READONLY if read_only else modes.READWRITE_OPENCREATE
    elif parts.scheme == "mysql":
        _fill_mysql(config, parts, read_only)
    else:
        _fill_postgresql(config, parts, read_only)
    return config


def open_store(url: str, *, read_only: bool = False) -> MetadataStore:
    """Opens a store; makes the SQLite file, or the server's database, when there is none yet.

    Args:
        url: See `connection_config`.
        read_only: For commands that only look: an absent store is an error, and a SQLite file
            that this user may not write is fine.

    Raises:
        MetadataError: The URL cannot be read, the server does not answer or refuses the
            credentials, or the file is no database or not writable.
    """
    parts = parse(url)
    if parts.path is not None:
        _check_file(parts, read_only=read_only)
    elif reason := reachability.why_unreachable(parts):
        raise MetadataError(
            f"the metadata store {parts.masked} cannot be reached: {reason}",
            remedy="Start the server, or correct RINGWAY_METADATA_URL.",
        )
    return _connect(parts, connection_config(url, read_only=read_only))


def _fill_mysql(
    config: metadata_store_pb2.ConnectionConfig, parts: StoreUrl, read_only: bool
) -> None:
    target = config.mysql
    target.host, target.port, target.database = parts.host, parts.port, parts.database
    target.user, target.password = parts.user, parts.password
    target.skip_db_creation = read_only
    if parts.socket:
        target.socket = parts.socket
    for name, value in parts.options.items():
        if name.startswith("ssl_"):
            setattr(target.ssl_options, name.removeprefix("ssl_"), value)


def _fill_postgresql(
    config: metadata_store_pb2.ConnectionConfig, parts: StoreUrl, read_only: bool
) -> None:
    target = config.postgresql
    target.host, target.port, target.dbname = parts.host, str(parts.port), parts.database
    target.user, target.password = parts.user, parts.password
    target.skip_db_creation = read_only
    if parts.socket:
        target.host = parts.socket
    for name, value in parts.options.items():
        if name.startswith("ssl"):
            setattr(target.ssloption, name, value)


def _check_file(parts: StoreUrl, *, read_only: bool) -> None:
    path = parts.path
    assert path is not None
    if not path.exists():
        if read_only:
            raise MetadataError(
                f"there is no metadata store at {path} yet",
                remedy="Run a pipeline first, for example: ringway run taxi",
            )
        if not path.absolute().parent.is_dir():
            raise MetadataError(
                f"the metadata store {parts.masked} cannot be made: "
                f"the folder {path.absolute().parent} does not exist",
                remedy="Make the folder, or correct RINGWAY_HOME or RINGWAY_METADATA_URL.",
            )
    elif not path.is_file():
        raise MetadataError(
            f"the metadata store {parts.masked} is not a file",
            remedy=f"Name a file: {FORMS}.",
        )
    else:
        _check_header(parts)
    if not read_only:
        _check_writable(parts)


def _check_header(parts: StoreUrl) -> None:
    assert parts.path is not None
    try:
        with parts.path.open("rb") as file:
            header = file.read(len(_SQLITE_HEADER))
    except OSError as error:
        raise MetadataError(
            f"the metadata store {parts.masked} cannot be read: {error.strerror}",
            remedy=f"Give this user the right to read {parts.path}.",
        ) from error
    if header not in (b"", _SQLITE_HEADER):
        raise MetadataError(
            f"the metadata store {parts.masked} is no SQLite database: "
            f"expected the header {_SQLITE_HEADER!r}, found {header!r}",
            remedy=f"Move {parts.path} away, or name another file in RINGWAY_METADATA_URL.",
        )


def _check_writable(parts: StoreUrl) -> None:
    """Raises when SQLite could not write; it needs the folder too, for its journal."""
    assert parts.path is not None
    path = parts.path.absolute()
    effective = os.access in os.supports_effective_ids
    for needed in (path, path.parent):
        if needed.exists() and not os.access(needed, os.W_OK, effective_ids=effective):
            raise MetadataError(
                f"the metadata store {parts.masked} is read-only: {needed} cannot be written",
                remedy=f"Give this user the right to write {needed}, or set RINGWAY_HOME "
                "to a folder of your own.",
            )


def _connect(parts: StoreUrl, config: metadata_store_pb2.ConnectionConfig) -> MetadataStore:
    for attempt in range(1, _OPEN_ATTEMPTS + 1):
        output: list[str] = []
        try:
            with _caught_output(output):
                return (PostgresqlStore if parts.scheme == "postgresql" else MetadataStore)(config)
        except RuntimeError as error:
            failure = error
        reason = _reason(str(failure), output)
        if attempt == _OPEN_ATTEMPTS or not any(race in reason for race in _RACES):
            break
        time.sleep(_OPEN_PAUSE_SEC)
    raise MetadataError(
        f"the metadata store {parts.masked} cannot be opened: {reason}",
        remedy=_remedy(parts, reason),
    ) from failure


def _reason(message: str, output: list[str]) -> str:
    """Returns the most telling line of what the client raised and what it logged."""
    logged = [_LOG_LINE.sub("", line) for line in output if line.startswith("E")]
    bare = message.strip() in ("PostgreSQL metadata source error:", _NO_CONNECTION)
    if bare and logged:
        return logged[0].removeprefix("PostgreSQL error: ").strip()
    if "errno: , error:" in message:
        # MySQL's client reports nothing at all here. The server did answer the first knock.
        return "the server answers but refused the connection: wrong user, password or rights"
    return " ".join(message.split())[:400]


def _remedy(parts: StoreUrl, reason: str) -> str:
    if parts.path is not None:
        return f"Move {parts.path} away, or restore it from a backup."
    if "does not exist" in reason or "Unknown database" in reason:
        return "Run a pipeline first, which makes the database, or correct its name in the URL."
    account = f"user {parts.user!r}" if parts.user else "the user"
    remedy = f"Check {account} and the password in RINGWAY_METADATA_URL, and the rights to use "
    remedy += f"or create the database {parts.database!r}."
    if parts.scheme == "mysql":
        remedy += " The client knows the plugin mysql_native_password only."
    return remedy


@contextlib.contextmanager
def _caught_output(lines: list[str]) -> Iterator[None]:
    """Catches what C code writes to standard error; hands on all that is no log of the client."""
    with tempfile.TemporaryFile() as caught:
        saved = os.dup(2)
        os.dup2(caught.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(saved, 2)
            os.close(saved)
            caught.seek(0)
            lines.extend(caught.read().decode(errors="replace").splitlines())
            for line in lines:
                if not _is_log(line):
                    os.write(2, f"{line}\n".encode())


def _is_log(line: str) -> bool:
    # Continuations of PostgreSQL's messages start with a tab.
    return bool(_LOG_LINE.match(line)) or line.startswith((_LOG_BANNER, "\t"))


__all__ = ["MAX_RETRIES", "connection_config", "mask", "open_store"]
