"""What must be right before anything is uploaded: one pure function for each question.

    findings = checks.all_findings(snapshot)

Every check is asked, so that a user sees all there is to mend at once. Where the tasks' files and
metadata lie is asked in `storage_checks`; how a Kubeflow reads the compiled pipeline in
`pipelines.runners.kubeflow.rules`.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

from pipelines.runners.kubeflow.settings import EVERY_NODE
from pipelines.submission import cron, images, storage_checks
from pipelines.submission.findings import Finding
from pipelines.submission.snapshot import Snapshot
from pipelines.typed_values import did_you_mean

Check = Callable[[Snapshot], Iterator[Finding]]

# Releases whose sources were read; an API of the same number is taken for the same.
OLDEST_VERSION, NEWEST_VERSION = (2, 0), (2, 17)
# backend/src/apiserver/validation/length.go
_LONGEST = {"experiment": 128, "namespace": 63}
_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_MOST_LISTED = 20


def image(snapshot: Snapshot) -> Iterator[Finding]:
    """Every task must run the same image, today and when the pipeline runs again."""
    text = snapshot.settings.image
    reason = images.why_incomplete(text, allow_tag=snapshot.allow_tag)
    if reason:
        yield Finding(
            check="image",
            problem=f"expected registry/repository@sha256:digest, received {text!r}: {reason}.",
            remedy="Push the image and name it by the digest that the registry gives"
            + ("." if snapshot.allow_tag else ", or take a tag with --allow-tag."),
        )


def parameters(snapshot: Snapshot) -> Iterator[Finding]:
    """A server refuses parameters that it does not know, or of another type."""
    yield from snapshot.parameter_findings


def nodes(snapshot: Snapshot) -> Iterator[Finding]:
    """Resources for a node that is not there would be lost in silence."""
    if snapshot.compiled is None:
        return
    known = [EVERY_NODE, *snapshot.compiled.tasks.values()]
    for node in snapshot.settings.resources:
        if node not in known:
            yield Finding(
                check="resources",
                problem=f"there is no node {node!r}; the pipeline's: {', '.join(known)}.",
                remedy=did_you_mean(node, known),
            )


def schedule(snapshot: Snapshot) -> Iterator[Finding]:
    """The server reads cron in a way of its own."""
    if snapshot.schedule:
        reason = cron.why_bad(snapshot.schedule)
        if reason:
            yield Finding(
                check="schedule",
                problem=f"{snapshot.schedule!r}: {reason}.",
                remedy="Write five fields, such as '0 3 * * *'; Sunday is 0.",
            )


def compiled(snapshot: Snapshot) -> Iterator[Finding]:
    """The pipeline has to compile, to something that a server, its driver and launcher take."""
    if snapshot.not_compiled is not None:
        yield snapshot.not_compiled
    if snapshot.compiled is None:
        return
    from pipelines.runners.kubeflow import rules

    violations = [
        violation
        for violation in rules.check(snapshot.compiled.spec, snapshot.compiled.platform_spec)
        if violation.rule != "image"  # said once above, not for each task
    ]
    for violation in violations[:_MOST_LISTED]:
        yield Finding(check="compiled pipeline", problem=str(violation))
    if len(violations) > _MOST_LISTED:
        left = len(violations) - _MOST_LISTED
        yield Finding(check="compiled pipeline", problem=f"… and {left} more.")


def local_paths(snapshot: Snapshot) -> Iterator[Finding]:
    """No argument may name a folder that only this machine has."""
    if snapshot.compiled is None:
        return
    text = json.dumps([snapshot.compiled.spec, snapshot.compiled.platform_spec])
    image_folder = snapshot.settings.image_folder
    for folder in snapshot.local_folders:
        inside = image_folder == folder or image_folder.startswith(f"{folder}/")
        if not inside and re.search(rf"(?<![\w./-]){re.escape(folder)}(?![\w-])", text):
            yield Finding(
                check="local paths",
                problem=f"an argument names {folder}, which a task does not have.",
                remedy="Name a path on a volume or in the image.",
            )


def names(snapshot: Snapshot) -> Iterator[Finding]:
    """Names go into columns of the server's database, and into Kubernetes."""
    for what, text in (("experiment", snapshot.experiment), ("namespace", snapshot.namespace)):
        if len(text) > _LONGEST[what]:
            yield Finding(
                check=what,
                problem=f"expected at most {_LONGEST[what]} characters, received {len(text)}.",
            )
    if snapshot.namespace and not _NAMESPACE.fullmatch(snapshot.namespace):
        yield Finding(
            check="namespace",
            problem=f"expected small letters, digits and dashes, received {snapshot.namespace!r}.",
        )


def server(snapshot: Snapshot) -> Iterator[Finding]:
    """The server has to answer, know us, and be one whose rules are known."""
    contact = snapshot.contact
    if contact is None:
        return
    if contact.problem:
        yield Finding(
            check="server", problem=f"{contact.host}: {contact.problem}", remedy=contact.remedy
        )
    if contact.health is not None:
        yield from _version(contact.host, contact.health.version)
    if contact.sends_token and not _is_private(contact.host):
        yield Finding(
            check="server",
            problem=f"{contact.host} is not encrypted; the token can be read on the way.",
            remedy="Use https://.",
            serious=False,
        )


def namespace(snapshot: Snapshot) -> Iterator[Finding]:
    """A server of many users asks for a namespace; one of a single user ignores it."""
    health = snapshot.contact.health if snapshot.contact else None
    if health is None or health.multi_user == bool(snapshot.namespace):
        return
    yield Finding(
        check="namespace",
        problem="the server has many users and needs to be told whose namespace runs the pipeline."
        if health.multi_user
        else f"the server has a single user and takes no notice of {snapshot.namespace!r}.",
        remedy="Give it with --namespace." if health.multi_user else "",
        serious=health.multi_user,
    )


CHECKS: tuple[Check, ...] = (
    server,
    namespace,
    names,
    image,
    *storage_checks.CHECKS,
    nodes,
    parameters,
    schedule,
    local_paths,
    compiled,
)


def all_findings(snapshot: Snapshot) -> tuple[Finding, ...]:
    """Returns what every check has to say, in their order."""
    return tuple(finding for check in CHECKS for finding in check(snapshot))


def _version(host: str, text: str) -> Iterator[Finding]:
    match = re.match(r"v?(\d+)\.(\d+)", text)
    version = (int(match[1]), int(match[2])) if match else None
    known = f"{'.'.join(map(str, OLDEST_VERSION))} to {'.'.join(map(str, NEWEST_VERSION))}"
    if version is None:
        problem = f"{host} does not say its version; {known} are known."
    elif version < OLDEST_VERSION or version[0] != NEWEST_VERSION[0]:
        problem = f"{host} is of version {text}; expected {known}."
    elif version > NEWEST_VERSION:
        problem = f"{host} is of version {text}, newer than any that is known ({known})."
    else:
        return
    serious = version is not None and version[0] != NEWEST_VERSION[0]
    yield Finding(
        check="server",
        problem=problem,
        remedy="Submit to a Kubeflow Pipelines 2." if serious else "",
        serious=serious,
    )


def _is_private(host: str) -> bool:
    parts = urlsplit(host)
    name = parts.hostname or ""
    if parts.scheme == "https" or name == "localhost" or name.endswith(".cluster.local"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
