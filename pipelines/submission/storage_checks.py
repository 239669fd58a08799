"""Whether tasks can reach what they share: artifacts, the workspace and the metadata store.

Each task is a container of its own: what it writes anywhere but on a volume or in an object store
is gone when it ends. Nothing here asks a network; a bucket's rights show in the first task.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

from pipelines.errors import MetadataError
from pipelines.lineage import url as store_url
from pipelines.runners.kubeflow.settings import METADATA_VARIABLE, Settings, Volume
from pipelines.submission.findings import Finding
from pipelines.submission.snapshot import Snapshot

SCHEMES = ("gs", "s3", "minio")
_KEY_VARIABLES = {"AWS_ACCESS_KEY_ID", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_PROFILE"}


def root(snapshot: Snapshot) -> Iterator[Finding]:
    """Artifacts have to lie where every task can read and write them."""
    settings = snapshot.settings
    place = settings.pipeline_root
    if not place:
        return  # the pipeline's own, which lies in the workspace
    scheme, separator, rest = place.partition("://")
    if separator:
        yield from _bucket(settings, place, scheme, rest)
    elif not place.startswith("/"):
        yield _not_writable(f"expected gs://, s3://, minio:// or a folder, received {place!r}")
    elif volume_of(place, settings.volumes) is None:
        yield _not_writable(f"{place} is on none of the volumes, so it ends with its task")


def _not_writable(problem: str) -> Finding:
    return Finding(
        check="root",
        problem=f"{problem}.",
        remedy="Name a bucket, or a folder on a volume: --volume CLAIM:/path --root /path/runs.",
    )


def _bucket(settings: Settings, place: str, scheme: str, rest: str) -> Iterator[Finding]:
    if scheme not in SCHEMES:
        yield _not_writable(f"{scheme}:// is not supported; expected one of {', '.join(SCHEMES)}")
        return
    if not rest.strip("/") or rest.startswith("/") or ".." in rest.split("/"):
        yield _not_writable(f"{place} names no bucket and folder")
    variables = {*settings.env, *(secret.variable or secret.key for secret in settings.secrets)}
    if scheme == "minio" and "AWS_ENDPOINT_URL" not in variables:
        yield Finding(
            check="root",
            problem="minio:// does not say which server; AWS_ENDPOINT_URL is not set.",
            remedy="Give it: --env AWS_ENDPOINT_URL=http://minio-service.kubeflow:9000",
        )
    known = bool(variables & _KEY_VARIABLES) or bool(settings.service_account)
    if scheme in ("s3", "minio") and not known:
        yield Finding(
            check="root",
            problem=f"no task is given a key for {place}.",
            remedy="Give one: --secret AWS_ACCESS_KEY_ID=NAME:KEY --secret "
            "AWS_SECRET_ACCESS_KEY=NAME:KEY, or a --service-account that may write.",
            serious=scheme == "minio",
        )


def workspace(snapshot: Snapshot) -> Iterator[Finding]:
    """Made data and pushed models have to outlive the tasks that write them."""
    settings = snapshot.settings
    if not snapshot.of_repository or volume_of(settings.workspace, settings.volumes):
        return
    yield Finding(
        check="workspace",
        problem=f"{settings.workspace} is on none of the volumes; made data and pushed models "
        "would end with the task that wrote them.",
        remedy=f"Mount one: --volume CLAIM:{settings.workspace}",
    )


def metadata(snapshot: Snapshot) -> Iterator[Finding]:
    """Every task writes to one metadata store, and the next run reads it."""
    settings = snapshot.settings
    if settings.metadata_secret is not None:
        return
    url = settings.env.get(METADATA_VARIABLE, "")
    if not url:
        # The default is a file in the workspace.
        url = f"sqlite:///{settings.workspace}/metadata.sqlite"
    try:
        parts = store_url.parse(url)
    except MetadataError as error:
        yield Finding(check="metadata store", problem=str(error), remedy=error.remedy)
        return
    if parts.path is not None:
        yield from _file(str(parts.path), settings)
        return
    if not parts.host or _is_here(parts.host):
        yield _unreachable(f"{parts.masked} is on the machine that asks, which each task is itself")
    if parts.password:
        yield Finding(
            check="metadata store",
            problem="its password would stand in the pipeline, for all who may look at it.",
            remedy="Put the URL into a secret: --metadata-secret NAME:KEY",
            serious=False,
        )


def _file(path: str, settings: Settings) -> Iterator[Finding]:
    if volume_of(path, settings.volumes) is None:
        yield _unreachable(f"the SQLite file {path} is on none of the volumes")
    else:
        yield Finding(
            check="metadata store",
            problem=f"the SQLite file {path} is shared by tasks that run at the same time; not "
            "every volume has the locks that it needs.",
            remedy="A server is safer: --metadata-secret NAME:KEY",
            serious=False,
        )


def _unreachable(problem: str) -> Finding:
    return Finding(
        check="metadata store",
        problem=f"{problem}; no other task would see what one records.",
        remedy="Name a MySQL or PostgreSQL in a secret: --metadata-secret NAME:KEY",
    )


def volume_of(path: str, volumes: tuple[Volume, ...]) -> Volume | None:
    """Returns the volume that a path lies on; None when there is none."""
    for volume in volumes:
        if path == volume.path or path.startswith(f"{volume.path}/"):
            return volume
    return None


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def secrets_in_env(snapshot: Snapshot) -> Iterator[Finding]:
    """What stands in the pipeline is read by all who may look at it."""
    for name, value in snapshot.settings.env.items():
        speaks = any(word in name.upper() for word in ("PASSWORD", "SECRET", "TOKEN"))
        if (speaks and value) or (name != METADATA_VARIABLE and _has_password(value)):
            yield Finding(
                check="environment",
                problem=f"{name} would stand in the pipeline, for all who may look at it.",
                remedy=f"Put it into a secret: --secret {name}=NAME:KEY",
                serious=False,
            )


def _has_password(text: str) -> bool:
    try:
        return bool(urlsplit(text).password)
    except ValueError:
        return False


CHECKS: tuple[Callable[[Snapshot], Iterator[Finding]], ...] = (
    root,
    workspace,
    metadata,
    secrets_in_env,
)
