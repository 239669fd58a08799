"""Puts a pipeline on the server and starts a run of it, each once, whatever answers are lost.

A thing has a name that only one submission gives it: a version that of its content, a run one with
the submission's id in it. So where an answer is lost, the name tells whether it was done.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from pipelines.submission.names import version_name
from pipelines.submission.records import Source
from pipelines.submission.server import Server
from pipelines.submission.server_errors import AnswerLostError, ServerError

_CONFLICT = 409
# In seconds: a request whose answer was lost may still be at work behind the connection.
_ASK_AGAIN_SEC = (1, 2, 4)
_TRIES = 2


def ensure_experiment(
    server: Server,
    name: str,
    namespace: str,
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> str:
    """Returns the id of an experiment, which is created where it is missing."""
    return _ensure(
        lambda: server.experiment(name, namespace),
        lambda: server.create_experiment(name, namespace),
        sleep,
    )


def ensure_version(
    server: Server,
    pipeline: str,
    content: str,
    namespace: str,
    description: str,
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> tuple[str, str, bool]:
    """Returns pipeline and version of a content, uploaded unless it is there already.

    Args:
        server: The server.
        pipeline: Its name.
        content: The compiled pipeline, as YAML.
        namespace: Whose pipeline it is; empty for a shared one.
        description: Of the version.
        sleep: Waits before looking again.

    Returns:
        The pipeline's id, the version's id, and whether it was uploaded now.

    Raises:
        ServerError: The server refused it.
    """
    pipeline_id = _ensure(
        lambda: server.pipeline(pipeline, namespace),
        lambda: server.create_pipeline(pipeline, namespace),
        sleep,
    )
    name = version_name(pipeline, content)
    found = server.version(pipeline_id, name)
    if found:
        return pipeline_id, found, False
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{name}.yaml"
        path.write_text(content, encoding="utf-8")
        version_id = _ensure(
            lambda: server.version(pipeline_id, name),
            lambda: server.upload_version(pipeline_id, name, path, description),
            sleep,
        )
    return pipeline_id, version_id, True


def start_run(
    server: Server,
    name: str,
    source: Source,
    experiment_id: str,
    description: str,
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> str:
    """Starts a run and returns its id; never two, if the name is no other submission's.

    Raises:
        ServerError: The server refused it, or it is not known whether it was started.
    """
    return create_once(
        lambda: server.create_run(name, source, experiment_id, description),
        lambda: next(iter(server.runs_named(name, experiment_id)), None),
        sleep=sleep,
    )


def create_once(
    create: Callable[[], str],
    find: Callable[[], str | None],
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> str:
    """Creates a thing and returns its id; where the answer is lost, looks before trying again.

    Args:
        create: Creates it.
        find: Returns the id of the one that was created, if there is one.
        sleep: Waits before looking again.

    Raises:
        ServerError: It was refused, or lost each time.
    """
    for _ in range(_TRIES - 1):
        try:
            return create()
        except AnswerLostError:
            found = _found(find, sleep)
            if found:
                return found
    try:
        return create()
    except AnswerLostError as error:
        found = _found(find, sleep)
        if found:
            return found
        raise ServerError(
            f"{error} It is not known whether the request was carried out.",
            status=error.status,
            remedy="Look at the server's page before submitting again.",
        ) from error


def _found(find: Callable[[], str | None], sleep: Callable[[float], None]) -> str | None:
    for pause_sec in _ASK_AGAIN_SEC:
        found = find()
        if found:
            return found
        sleep(pause_sec)
    return find()


def _ensure(
    find: Callable[[], str | None], create: Callable[[], str], sleep: Callable[[float], None]
) -> str:
    """Returns the id of a thing that is there, or is created: by us, or by somebody just before."""
    found = find()
    if found:
        return found
    try:
        return create_once(create, find, sleep=sleep)
    except ServerError as error:
        # Of two who create it at the same time, one is told that the name is taken.
        found = find() if error.status in (_CONFLICT, 400) else None
        if not found:
            raise
        return found
