"""The server's verdict, sharpened by ML Metadata where its store can be read."""

from pathlib import Path

import pytest
from ml_metadata.proto import metadata_store_pb2

from pipelines.lineage import keys
from pipelines.lineage.store import open_store
from pipelines.submission import outcome
from pipelines.submission.records import RunStatus


def run(state: str, error: str = "") -> RunStatus:
    return RunStatus(run_id="1", name="tiny-1", state=state, error=error)


@pytest.mark.parametrize(
    ("state", "recorded", "expected", "code"),
    [
        ("SUCCEEDED", None, "SUCCEEDED", 0),
        ("SUCCEEDED", ("BLESSED", ""), "BLESSED", 0),
        ("FAILED", None, "FAILED", 1),
        ("FAILED", ("ANOMALIES", "fare: is new"), "ANOMALIES", 3),
        ("FAILED", ("REJECTED", "auc: too low"), "REJECTED", 4),
        ("FAILED", ("FAILED", "Trainer: crashed"), "FAILED", 1),
        # The task that would have written the end was killed.
        ("FAILED", ("RUNNING", ""), "FAILED", 1),
        ("CANCELED", ("RUNNING", ""), "CANCELLED", 130),
    ],
)
def test_endings(state: str, recorded: tuple[str, str] | None, expected: str, code: int) -> None:
    ending = outcome.ending(run(state), recorded)
    assert (ending.state, ending.exit_code) == (expected, code)
    if recorded and recorded[1]:
        assert ending.reason == recorded[1]


def test_without_a_record_the_servers_words_are_the_reason() -> None:
    assert outcome.ending(run("FAILED", "quota"), None, "why").reason == "quota"
    assert outcome.ending(run("FAILED"), None, "why").note == "why"


def test_a_runs_record_is_read_by_pipeline_and_id(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'metadata.sqlite'}"
    store = open_store(url)
    kind = metadata_store_pb2.ContextType(name=keys.RUN_CONTEXT)
    context = metadata_store_pb2.Context(type_id=store.put_context_type(kind), name="tiny-1234")
    context.custom_properties[keys.RUN_STATE].string_value = "ANOMALIES"
    context.custom_properties[keys.RUN_REASON].string_value = "fare: is new"
    store.put_contexts([context])
    assert outcome.recorded(url, "tiny", "1234") == (("ANOMALIES", "fare: is new"), "")
    nothing, note = outcome.recorded(url, "tiny", "5678")
    assert nothing is None
    assert "does not have this run" in note


def test_a_store_that_is_not_here_is_a_note_and_is_not_made(tmp_path: Path) -> None:
    path = tmp_path / "metadata.sqlite"
    nothing, note = outcome.recorded(f"sqlite:///{path}", "tiny", "1")
    assert nothing is None
    assert "cannot be read here" in note
    assert not path.exists()
