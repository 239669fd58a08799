"""An S3 object store: places in it, the connection, and its errors in words of ours.

MinIO, SeaweedFS and others speak S3 too: `minio://` is the same with an endpoint of one's own.
Copying to and from it is left to `remote_files`.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import re
import time
import urllib.parse
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, TypeVar

from pipelines.errors import DataError, RingwayError, UsageError

if TYPE_CHECKING:
    from pyarrow import fs

SCHEMES = ("s3://", "minio://")
_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
_REGIONS = ("AWS_REGION", "AWS_DEFAULT_REGION")
# Without a region pyarrow asks Amazon for one, which a cluster of one's own may not reach.
_DEFAULT_REGION = "us-east-1"
_CONNECT_TIMEOUT_SEC = 10
_REQUEST_TIMEOUT_SEC = 60
_THREADS = 16  # A request is mostly waiting.
_ATTEMPTS = 4
_FIRST_WAIT_SEC = 0.5
_TOO_DEEP = "maximum nesting depth"  # What pyarrow makes of `a//b`.
_T = TypeVar("_T")
_REFUSED = re.compile(
    r"ACCESS_DENIED|INVALID_ACCESS_KEY_ID|SIGNATURE_DOES_NOT_MATCH|INVALID_CLIENT_TOKEN_ID|"
    r"MISSING_AUTHENTICATION_TOKEN|EXPIRED_TOKEN|"
    r"ExpiredToken|InvalidToken|code 15\b|code 100\b.*403"
)


@dataclasses.dataclass(frozen=True)
class Place:
    """A file or folder in a bucket.

    Attributes:
        scheme: `s3` or `minio`.
        bucket: The bucket.
        key: The path in it, without slashes at either end; empty for the bucket itself.
    """

    scheme: str
    bucket: str
    key: str

    @property
    def uri(self) -> str:
        """The place as a URI."""
        return f"{self.scheme}://{self.path}"

    @property
    def path(self) -> str:
        """The place as pyarrow names it."""
        return f"{self.bucket}/{self.key}" if self.key else self.bucket


def place(uri: str) -> Place:
    """Returns the place that a URI names.

    Raises:
        UsageError: The URI is of another kind, or has a path that leads elsewhere on a disk.
    """
    scheme, _, rest = uri.partition("://")
    bucket, _, key = rest.partition("/")
    key = key.rstrip("/")
    if f"{scheme}://" not in SCHEMES or not bucket or not is_plain(bucket) or "?" in rest:
        raise UsageError(
            f"{uri!r} is no place in an object store: expected s3://BUCKET/PATH or "
            "minio://BUCKET/PATH."
        )
    if key and not is_plain(key):
        raise UsageError(
            f"{uri!r}: expected a path without empty parts, `.` and `..`.",
            remedy="Write the path out.",
        )
    return Place(scheme, bucket, key)


def is_plain(path: str) -> bool:
    """Whether a relative path stays below its folder on any disk: no empty part, `.` or `..`."""
    parts = path.split("/")
    return all(part not in {"", ".", ".."} and "\0" not in part for part in parts)


def connect(environment: Mapping[str, str], scheme: str) -> fs.S3FileSystem:
    """Returns a connection as the usual variables of Amazon's tools describe it.

    Args:
        environment: AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,
            AWS_SESSION_TOKEN, AWS_REGION are read. Without keys the pod's own identity counts.
        scheme: `s3` or `minio`.

    Raises:
        UsageError: `minio` without an endpoint, or one that is no URL.
    """
    from pyarrow import fs

    endpoint = _first(environment, _ENDPOINTS)
    options: dict[str, str] = {}
    if endpoint:
        url = urllib.parse.urlsplit(endpoint)
        if url.scheme not in {"http", "https"} or not url.netloc or url.path.strip("/"):
            raise UsageError(
                f"AWS_ENDPOINT_URL is {endpoint!r}; expected a URL such as http://minio:9000."
            )
        options |= {"scheme": url.scheme, "endpoint_override": url.netloc}
    elif scheme == "minio":
        raise UsageError(
            "minio:// needs an endpoint, and AWS_ENDPOINT_URL is not set.",
            remedy="Set it, such as to http://minio-service.kubeflow:9000.",
        )
    key, secret = (
        environment.get(f"AWS_{name}") for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY")
    )
    if key and secret:
        options |= {"access_key": key, "secret_key": secret}
        if token := environment.get("AWS_SESSION_TOKEN"):
            options["session_token"] = token
    return fs.S3FileSystem(
        region=_first(environment, _REGIONS) or _DEFAULT_REGION,
        connect_timeout=_CONNECT_TIMEOUT_SEC,
        request_timeout=_REQUEST_TIMEOUT_SEC,
        **options,
    )


def _first(environment: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((environment[name] for name in names if environment.get(name)), "")


@contextlib.contextmanager
def told(where: Place) -> Iterator[None]:
    """Turns the store's errors into ours, with the place and a remedy.

    Raises:
        DataError: Nothing is there, or the bucket is not.
        RingwayError: Credentials are refused, or the store cannot be reached.
    """
    try:
        yield
    except FileNotFoundError as error:
        raise missing(where) from error
    except OSError as error:
        if error.errno is not None:
            raise RingwayError(
                f"{where.uri} cannot be mirrored on this machine: {error}",
                remedy="Look at the space and the rights of the mirror's folder.",
            ) from error
        raise _translated(where, str(error)) from error


def missing(where: Place) -> DataError:
    """Returns the error that nothing is at a place."""
    return DataError(
        f"{where.uri} is not there.",
        remedy="Look whether the run that was to write it has succeeded, and mend the URI.",
    )


def no_bucket(where: Place) -> DataError:
    """Returns the error that a place's bucket is not there."""
    return DataError(
        f"{where.uri}: there is no bucket {where.bucket}.",
        remedy="Make it, or mend the URI. Buckets are never made by a run.",
    )


def odd_names(where: Place, names: str) -> DataError:
    """Returns the error that a folder has objects whose names no file can have."""
    return DataError(
        f"{where.uri} has objects that cannot be files: {names}.",
        remedy="Rename or remove them.",
    )


def is_final(error: OSError) -> bool:
    """Whether asking again would give the same answer."""
    text = str(error)
    # The store's errors have no number; this machine's have: a full disk stays full.
    own = error.errno is not None or _TOO_DEEP in text
    return own or "NO_SUCH_BUCKET" in text or bool(_REFUSED.search(text))


def _translated(where: Place, text: str) -> RingwayError:
    if "NO_SUCH_BUCKET" in text:
        return no_bucket(where)
    if _TOO_DEEP in text:
        return odd_names(where, "deeper folders than any disk has, or empty names")
    if _REFUSED.search(text):
        return RingwayError(
            f"{where.uri}: the object store refuses these credentials: {text}",
            remedy="Look at AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, with temporary ones, "
            "AWS_SESSION_TOKEN, or at the rights of the tasks' service account.",
        )
    return RingwayError(
        f"{where.uri}: the object store does not answer as expected: {text}",
        remedy="Look at AWS_ENDPOINT_URL and AWS_REGION, and whether the store is up.",
    )


def at_once(act: Callable[[str], _T], names: Iterable[str]) -> dict[str, _T]:
    """Returns what an action gives for each name; the first failure stops those not begun."""
    with concurrent.futures.ThreadPoolExecutor(_THREADS) as pool:
        futures = {name: pool.submit(act, name) for name in names}
        try:
            return {name: future.result() for name, future in futures.items()}
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def again(act: Callable[[], _T]) -> _T:
    """Returns what an action gives, tried again when the network or the store was at fault."""
    wait_sec = _FIRST_WAIT_SEC
    for left in range(_ATTEMPTS - 1, -1, -1):
        try:
            return act()
        except OSError as error:
            if left == 0 or is_final(error):
                raise
        time.sleep(wait_sec)
        wait_sec *= 2
    raise AssertionError("the last attempt returns or raises")
