"""How a run on a cluster ended, in the words of ML Metadata where its store can be read here.

The server knows that a task failed; the store knows whether that was anomalies in the data, a
rejected model, or a crash.
"""

from __future__ import annotations

import dataclasses

from pipelines.errors import MetadataError
from pipelines.lineage import keys
from pipelines.lineage import url as store_url
from pipelines.lineage.keys import RunState
from pipelines.runners.kubeflow.settings import run_name
from pipelines.submission import records
from pipelines.submission.records import RunStatus
from pipelines.verdicts import EXIT_CODES


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ending:
    """How a run ended.

    Attributes:
        state: A value of `RunState`.
        reason: Why; empty when all went well.
        note: Why the metadata store was not asked; empty where it was.
    """

    state: str
    reason: str = ""
    note: str = ""

    @property
    def exit_code(self) -> int:
        """What the process exits with."""
        return EXIT_CODES[self.state]


def ending(run: RunStatus, recorded: tuple[str, str] | None, note: str = "") -> Ending:
    """Returns how a run ended, from what the server and the metadata store say.

    Args:
        run: As the server has it; it has ended.
        recorded: State and reason in the metadata store; None when it has none.
        note: Why there is none.
    """
    if run.state == records.CANCELED:
        return Ending(state=RunState.CANCELLED, reason="stopped on the server")
    state, reason = recorded or ("", "")
    if run.state in (records.SUCCEEDED, "CACHED"):
        good = state in (RunState.BLESSED, RunState.SUCCEEDED)
        return Ending(state=state if good else RunState.SUCCEEDED, note=note)
    if state in (RunState.FAILED, RunState.ANOMALIES, RunState.REJECTED):
        return Ending(state=state, reason=reason)
    said = run.error or f"the server says {run.state}"
    return Ending(state=RunState.FAILED, reason=said, note=note)


def recorded(metadata_url: str, pipeline: str, run_id: str) -> tuple[tuple[str, str] | None, str]:
    """Returns state and reason of a run in a metadata store, or None and why there is none.

    Args:
        metadata_url: The store, as this machine reaches it.
        pipeline: The pipeline's name.
        run_id: The server's id of the run.
    """
    from pipelines.lineage.store import open_store

    masked = store_url.mask(metadata_url)
    try:
        store = open_store(metadata_url, read_only=True)
        context = store.get_context_by_type_and_name(keys.RUN_CONTEXT, run_name(pipeline, run_id))
    except MetadataError as error:
        return None, f"{masked} cannot be read here: {error}"
    if context is None:
        return None, f"{masked} does not have this run; is it the store that the tasks write to?"
    said = context.custom_properties
    return (said[keys.RUN_STATE].string_value, said[keys.RUN_REASON].string_value), ""
