"""References to container images: what makes one complete.

    registry.example:5000/team/ringway:1.2@sha256:0123…
    └──── host ────────┘ └─ path ────┘ └tag┘ └ digest ┘

Source: the grammar of distribution/reference. Whether the image exists is left to the cluster.
"""

from __future__ import annotations

import dataclasses
import re

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_TAG = re.compile(r"\w[\w.-]{0,127}")
_HOST = re.compile(r"[a-zA-Z0-9.-]+(:\d+)?")
_PATH = re.compile(r"[a-z0-9]+([._-]+[a-z0-9]+)*(/[a-z0-9]+([._-]+[a-z0-9]+)*)*")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImageReference:
    """An image's name in parts; empty where it has none.

    Attributes:
        host: The registry.
        path: The repository in it.
        tag: The tag, which may mean another image tomorrow.
        digest: `sha256:` and 64 hexadecimal digits, which never does.
    """

    host: str
    path: str
    tag: str
    digest: str


def parse(text: str) -> ImageReference:
    """Returns a reference's parts, whatever they are."""
    name, _, digest = text.partition("@")
    head, slash, rest = name.partition("/")
    is_host = bool(slash) and ("." in head or ":" in head or head == "localhost")
    host, path = (head, rest) if is_host else ("", name)
    path, _, tag = path.partition(":")
    return ImageReference(host=host, path=path, tag=tag, digest=digest)


def why_incomplete(text: str, *, allow_tag: bool = False) -> str:
    """Returns what a reference lacks; empty when it names one image, wherever it is read.

    Args:
        text: The reference.
        allow_tag: Whether a tag will do where there is no digest.
    """
    image = parse(text)
    if not _HOST.fullmatch(image.host):
        return "it names no registry, so each machine would ask its own"
    if not _PATH.fullmatch(image.path):
        return f"{image.path!r} is no repository's name"
    if image.tag and not _TAG.fullmatch(image.tag):
        return f"{image.tag!r} is no tag"
    if image.digest:
        return "" if _DIGEST.fullmatch(image.digest) else f"{image.digest!r} is no digest"
    if not image.tag:
        return "it has no digest"
    return "" if allow_tag else f"the tag {image.tag!r} may mean another image at the next task"
