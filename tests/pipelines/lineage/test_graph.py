from pathlib import Path
from typing import Any

import pytest

from pipelines.errors import UsageError
from pipelines.lineage import graph, keys
from pipelines.lineage.records import Link
from pipelines.lineage.store import open_store


def test_what_stock_tfx_writes_is_read(tiny_store: str) -> None:
    history = graph.load(open_store(tiny_store, read_only=True), "tiny")
    states = [[e.state for e in history.executions_in(run.name)] for run in history.runs]
    assert states == [["COMPLETE"] * 4, ["CACHED"] * 4, ["COMPLETE"] * 4]
    nodes = [e.node for e in history.executions_in(history.runs[0].name)]
    assert nodes == ["CsvExampleGen", "StatisticsGen", "SchemaGen", "ExampleValidator"]
    assert [run.state for run in history.runs] == ["SUCCEEDED"] * 3
    first, second = history.of_type("Examples")
    assert (first.span, second.span) == (1, 2)
    assert first.split_names == ("train", "eval")
    assert "num_files:1" in first.fingerprint


def test_a_cached_execution_is_traced_to_the_one_that_completed(tiny_store: str) -> None:
    history = graph.load(open_store(tiny_store, read_only=True), "tiny")
    examples = history.of_type("Examples")[0]
    assert [e.state for e in history.producers(examples.id)] == ["COMPLETE", "CACHED"]
    maker = history.maker(examples.id)
    assert maker is not None
    assert maker.run == history.runs[0].name
    cached = history.execution_of(history.runs[1].name, "CsvExampleGen")
    assert cached is not None
    assert history.original(cached) == maker


def test_walks_stay_within_one_lineage(tiny_store: str) -> None:
    history = graph.load(open_store(tiny_store, read_only=True), "tiny")
    first, second = history.of_type("ExampleAnomalies")
    artifacts, executions = history.upstream(second.id)
    assert {history.artifacts[id_].type for id_ in artifacts} == {
        "Examples",
        "ExampleStatistics",
        "Schema",
        "ExampleAnomalies",
    }
    assert first.id not in artifacts
    assert {history.executions[id_].run for id_ in executions} == {history.runs[2].name}
    below, _ = history.downstream(history.of_type("Examples")[0].id)
    assert first.id in below
    assert second.id not in below


def test_only_the_newest_runs_are_read_when_asked(writer: Any, tmp_path: Path) -> None:
    for number in range(1, 4):
        writer.taxi_run(f"taxi-{number}", tmp_path, span=number)
    history = graph.load(writer.store, "taxi", latest=2)
    assert [run.name for run in history.runs] == ["taxi-2", "taxi-3"]
    assert {e.run for e in history.executions.values()} == {"taxi-2", "taxi-3"}


def test_the_runner_s_words_on_a_run_are_read(writer: Any, tmp_path: Path) -> None:
    writer.taxi_run("taxi-1", tmp_path, blessed=False)
    [run] = graph.load(writer.store, "taxi").runs
    assert (run.state, run.trigger, run.stack) == ("REJECTED", "on demand", "tfx-1.16")
    assert run.duration_sec == pytest.approx(61.5)
    assert run.config == {"epochs": 5}


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        (["COMPLETE", "CACHED"], "SUCCEEDED"),
        (["COMPLETE", "FAILED"], "FAILED"),
        (["COMPLETE", "CANCELED"], "CANCELLED"),
        (["COMPLETE", "RUNNING"], "RUNNING"),
    ],
)
def test_a_run_of_another_runner_has_its_state_from_its_executions(
    writer: Any, states: list[str], expected: str
) -> None:
    writer.run("r")
    for number, state in enumerate(states):
        writer.execution("r", f"Node{number}", state=state)
    [run] = graph.load(writer.store, "taxi").runs
    assert run.state == expected
    assert (run.finished is None) == (expected == "RUNNING")


def test_a_run_that_only_names_its_pipeline_belongs_to_it(writer: Any) -> None:
    writer.run("with-parent")
    writer._context(keys.RUN_CONTEXT, "named", {keys.RUN_PIPELINE: "taxi"})
    writer._context(keys.RUN_CONTEXT, "another's", {keys.RUN_PIPELINE: "flights"})
    history = graph.load(writer.store, "taxi")
    assert [run.name for run in history.runs] == ["with-parent", "named"]


def test_what_a_resolver_hands_on_it_did_not_make(writer: Any) -> None:
    writer.run("r")
    made = writer.execution("r", "Trainer", outputs={"model": ("Model", "/m", {})})
    writer.execution(
        "r",
        "latest_blessed",
        component="Resolver",
        outputs={"model": made["model"]},
        internal=True,
    )
    history = graph.load(writer.store, "taxi")
    assert [e.node for e in history.producers(made["model"])] == ["Trainer"]


def test_an_imported_artifact_has_no_maker_and_ends_the_walk(writer: Any) -> None:
    writer.run("r")
    schema = writer.artifact("Schema", "/schema")
    writer.execution("r", "Transform", inputs={"schema": schema})
    history = graph.load(writer.store, "taxi")
    assert history.maker(schema) is None
    assert history.upstream(schema) == ({schema}, set())
    assert history.executions_in("r")[0].inputs == (
        Link(key="schema", index=0, artifact_id=schema),
    )


def test_an_unknown_pipeline_is_answered_with_the_closest(writer: Any) -> None:
    writer.run("r")
    with pytest.raises(UsageError, match=r"'taxy'.*did you mean taxi"):
        graph.load(writer.store, "taxy")


def test_a_run_more_costs_one_query_more(
    writer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    store = writer.store
    call = store._call_method

    def counted(method: str, request: Any, response: Any) -> None:
        calls.append(method)
        call(method, request, response)

    def queries() -> int:
        calls.clear()
        graph.load(store, "taxi")
        return len(calls)

    monkeypatch.setattr(store, "_call_method", counted)
    writer.taxi_run("taxi-0", tmp_path)
    few = queries()
    for number in range(1, 11):
        writer.taxi_run(f"taxi-{number}", tmp_path, span=number)
    assert queries() == few + 10
