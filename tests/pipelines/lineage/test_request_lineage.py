"""`ringway lineage --request-id`, on a store made by hand and a log that the server would write."""

import datetime
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import log_gen_records as log
import pytest

from components.feedback_join import drop_folder
from components.prediction_log_example_gen import keys as log_keys
from pipelines.continuous import keys as loop_keys
from pipelines.continuous import unique_contexts
from pipelines.lineage import keys
from pipelines.lineage.request_lineage import state_at
from pipelines.rollout import keys as rollout_keys
from pipelines.rollout import records
from pipelines.rollout.records import Rollout
from serving.request_log.record import record_parts
from serving.rollout.actions import Raise, RollBack
from serving.rollout.plan import Plan, Strategy
from serving.rollout.state import after

STABLE, CANDIDATE = 1_767_323_001, 1_767_323_002
AT = int(log.NOW)
PLAN = Plan(
    id="taxi-9",
    model="taxi",
    stable_version=STABLE,
    candidate_version=CANDIDATE,
    strategy=Strategy.CANARY,
    steps=(0.05, 0.25, 1.0),
)


def _rollout() -> Rollout:
    """Step 1 an hour before the requests, step 2 ten seconds before, sent back a minute after."""
    rollout = Rollout(plan=PLAN, opened_sec=AT - 4000.0, origin="run taxi-20260103-cd34")
    state, actions = rollout.state, []
    taken: list[tuple[str, Any, float]] = [
        (rollout_keys.RAISE, Raise(step=0, share=0.05, because="both are ready"), AT - 3600.0),
        (
            rollout_keys.RAISE,
            Raise(step=1, share=0.25, because="2,000 requests without harm"),
            AT - 10.0,
        ),
        (rollout_keys.ROLL_BACK, RollBack(because="error_rate is broken"), AT + 60.0),
    ]
    for number, (kind, action, at_sec) in enumerate(taken, start=1):
        state = after(PLAN, state, action, at_sec)
        actions.append(
            records.Action(
                number=number, kind=kind, because=state.because, at_sec=at_sec, state=state
            )
        )
    return Rollout(
        plan=PLAN, opened_sec=AT - 4000.0, origin="run taxi-20260103-cd34", actions=tuple(actions)
    )


@pytest.mark.parametrize(
    ("at_sec", "number"),
    [
        (AT - 3602, None),
        (AT - 3600, 1),
        (AT - 11, 1),
        (AT - 10, 2),
        (AT + 59, 2),
        (AT + 60, 3),
        (AT + 10_000, 3),
    ],
)
def test_the_state_is_that_of_the_last_action_before(at_sec: float, number: int | None) -> None:
    found = state_at(_rollout(), at_sec)
    assert (found and found.number) == number


def _record(request_id: str, arm: str, version: int, fares: list[float]) -> tuple[bytes, ...]:
    request, response = log.taxi_rows(fares)
    return record_parts(
        "predict",
        request.SerializeToString(),
        response.SerializeToString(),
        model_spec=log.model_spec(version=version).SerializeToString(),
        request_id=request_id,
        now=log.NOW,
        sampling_rate=1.0,
        rollout=(PLAN.id, arm) if arm else ("", ""),
    )


@pytest.fixture
def home(writer: Any, tmp_path: Path) -> Path:
    """Two runs, the second by the loop; a rollout, a log, labels, and a check of the window."""
    first = writer.taxi_run("taxi-20260102-ab12", tmp_path)
    writer.taxi_run("taxi-20260103-cd34", tmp_path, span=2, epochs=9, baseline=first["model"])
    schema = tmp_path / "taxi-20260103-cd34" / "schema" / "schema.pbtxt"
    schema.write_text("feature { name: 'fare' }\nfeature { name: 'tolls' type: FLOAT }\n")
    store = writer.store
    run = store.get_context_by_type_and_name(keys.RUN_CONTEXT, "taxi-20260103-cd34")
    unique_contexts.update(
        store,
        run,
        {
            keys.RUN_TRIGGER: "new span",
            loop_keys.BECAUSE: "span 2 is new",
            loop_keys.EVIDENCE: json.dumps(["span/2"]),
        },
    )
    rollout = _rollout()
    records.open_rollout(
        store, "taxi", PLAN, origin=rollout.origin, now_sec=rollout.opened_sec, token="t"
    )
    for action in rollout.actions:
        assert records.record(store, "taxi", rollout, action, token="t")
    _write_check(writer, "taxi-skew", "OK", "")
    _write_check(writer, "taxi-feedback", "DEGRADED", "auc is 0.61 [0.58, 0.64], below 0.7")
    log.write_log(
        tmp_path / "requests" / "taxi",
        [
            _record("by-candidate", "candidate", CANDIDATE, [12.5, 3.0]),
            _record("shadowed", "stable", STABLE, [8.0]),
            _record("shadowed", "shadow", CANDIDATE, [9.0]),
            _record("pushed-by-hand", "", 5, [1.0]),
        ],
    )
    drop_folder.write(
        tmp_path / "feedback" / "taxi",
        b"request_id,row,tip\nby-candidate,1,4.5\nsomebody,0,1\n",
        now_sec=AT + 3600,
        token="a",
        suffix=".csv",
    )
    return tmp_path


def _write_check(writer: Any, pipeline: str, status: str, cause: str) -> None:
    """Writes two runs of a check: of the hour of the requests, and of the hour before."""
    other, writer.pipeline = writer.pipeline, pipeline
    for hours, said in ((1, "NOT_COMPARED"), (0, status)):
        start = log.START - hours * log.HOUR
        name = writer.run(f"{pipeline}-{hours}")
        window = {log_keys.START: start, log_keys.END: start + log.HOUR}
        made = writer.execution(
            name,
            "PredictionLogExampleGen",
            outputs={"examples": ("Examples", f"/{pipeline}/{hours}/examples", window)},
        )
        verdict = {"status": said, "cause": cause}
        writer.execution(
            name,
            "Validator",
            inputs={"serving_examples": made["examples"]},
            outputs={"anomalies": ("ExampleAnomalies", f"/{pipeline}/{hours}/found", verdict)},
        )
    writer.pipeline = other


def test_the_whole_way_back_from_an_answer(home: Path, ringway: Callable[..., str]) -> None:
    told = json.loads(ringway("lineage", "--request-id", "by-candidate", "--format", "json"))
    assert (told["pipeline"], told["version"]) == ("taxi", str(CANDIDATE))
    [served] = told["served"]
    assert (served["arm"], served["rows"]) == ("candidate", 2)
    # The log's models answer a hundredth of the fare.
    assert [row["answered"] for row in served["shown"]] == [
        {"outputs": pytest.approx(0.125)},
        {"outputs": pytest.approx(0.03)},
    ]
    assert served["shown"][0]["asked"] == {"area": 8, "company": "Blue", "fare": 12.5}
    assert (told["run"]["run"], told["run"]["trigger"]) == ("taxi-20260103-cd34", "new span")
    assert (told["run"]["because"], told["run"]["evidence"]) == ("span 2 is new", ["span/2"])
    model = told["model"]
    assert [use["spans"] for use in model["data"] if use["purpose"] == "training"] == [[2]]
    assert model["hyperparameters"]["values"] == {"units": 64, "rate": 0.01}
    assert model["evaluations"][0]["metrics"]["overall"]["auc"] == 0.8


def test_the_rollout_as_it_stood_at_that_moment(home: Path, ringway: Callable[..., str]) -> None:
    told = json.loads(ringway("lineage", "taxi", "--request-id", "by-candidate", "--format=json"))
    rollout = told["rollout"]
    assert (rollout["strategy"], rollout["arm"], rollout["steps"]) == ("canary", "candidate", 3)
    assert rollout["then"]["because"] == "2,000 requests without harm"
    assert (rollout["then"]["step"], rollout["then"]["share"]) == (1, 0.25)
    assert (rollout["outcome"], rollout["outcome_because"]) == (
        "rolled back",
        "error_rate is broken",
    )


def test_schema_changes_checks_and_label(home: Path, ringway: Callable[..., str]) -> None:
    told = json.loads(ringway("lineage", "--request-id", "by-candidate", "--format", "json"))
    changes = told["schema_changes"]
    assert changes["since_version"] == str(STABLE)
    assert [(one["feature"], one["aspect"]) for one in changes["changes"]] == [("tolls", "added")]
    said = {one["pipeline"]: (one["run"], one["status"]) for one in told["checks"]}
    assert said == {
        "taxi-skew": ("taxi-skew-0", "OK"),
        "taxi-feedback": ("taxi-feedback-0", "DEGRADED"),
    }
    # The run recorded no label column, and the pipeline's own configuration has another one.
    assert told["labels"] == []


def test_a_label_is_found_by_request_and_row(
    home: Path, writer: Any, ringway: Callable[..., str]
) -> None:
    run = writer.store.get_context_by_type_and_name(keys.RUN_CONTEXT, "taxi-20260103-cd34")
    config = {"label": "tip", "feedback": {"max_delay_sec": 7200.0}}
    unique_contexts.update(writer.store, run, {keys.RUN_CONFIG: json.dumps(config)})
    [label] = json.loads(ringway("lineage", "--request-id", "by-candidate", "--format", "json"))[
        "labels"
    ]
    assert (label["row"], label["label"], label["reason"]) == (1, {"tip": 4.5}, None)
    assert label["files"] == [f"labels-{_name_time(AT + 3600)}-a.csv"]
    config["feedback"] = {"max_delay_sec": 60.0}
    unique_contexts.update(writer.store, run, {keys.RUN_CONFIG: json.dumps(config)})
    [late] = json.loads(ringway("lineage", "--request-id", "by-candidate", "--format", "json"))[
        "labels"
    ]
    assert (late["label"], late["reason"], late["late"]) == (None, "late", 1)


def _name_time(seconds: float) -> str:
    moment = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    return moment.strftime("%Y%m%dT%H%M%SZ")


def test_the_callers_answer_counts_and_the_shadows_is_shown(
    home: Path, ringway: Callable[..., str]
) -> None:
    told = json.loads(ringway("lineage", "--request-id", "shadowed", "--format", "json"))
    assert told["version"] == str(STABLE)
    assert [one["arm"] for one in told["served"]] == ["stable", "shadow"]
    assert told["run"]["run"] == "taxi-20260102-ab12"
    assert told["run"]["because"] is None
    text = ringway("lineage", "--request-id", "shadowed")
    assert "What a shadow answered, which no caller saw" in text


def test_as_text(home: Path, ringway: Callable[..., str]) -> None:
    text = ringway("lineage", "--request-id", "by-candidate")
    for expected in (
        "Request by-candidate to taxi",
        "answered  outputs=0.125",
        "step 2 of 3, the candidate's share 0.25, since",
        "rolled back",
        "span 2 is new",
        "DEGRADED: auc is 0.61 [0.58, 0.64], below 0.7",
        f"changed since version {STABLE}:",
        "tolls, added: nothing → ",
        f"version           {CANDIDATE}",
    ):
        assert expected in text


def test_as_a_page(home: Path, ringway: Callable[..., str], tmp_path: Path) -> None:
    page = tmp_path / "request.html"
    ringway("lineage", "--request-id", "by-candidate", "--format", "html", "--output", str(page))
    text = page.read_text()
    for expected in (
        f"request by-candidate, answered by model {CANDIDATE}",
        "What the caller got",
        "2,000 requests without harm",
        "DEGRADED",
        "<svg",
    ):
        assert expected in text
    assert "http://" not in text
    assert "https://" not in text


def test_a_version_that_no_run_pushed_still_says_what_was_answered(
    home: Path, ringway: Callable[..., str]
) -> None:
    text = ringway("lineage", "taxi", "--request-id", "pushed-by-hand")
    assert "no run in ML Metadata pushed 5" in text
    assert "no rollout dealt this request" in text
    error = ringway("lineage", "--request-id", "pushed-by-hand", "--format", "html", code=1)
    assert "no lineage to draw" in error


def test_without_ml_metadata_the_log_still_answers(
    tmp_path: Path, ringway: Callable[..., str]
) -> None:
    log.write_log(tmp_path / "elsewhere", [_record("a", "", 7, [2.0])])
    text = ringway("lineage", "taxi", "--request-id", "a", "--log", str(tmp_path / "elsewhere"))
    assert "answered  outputs=0.02" in text


def test_a_request_in_two_logs_asks_for_a_name(home: Path, ringway: Callable[..., str]) -> None:
    log.write_log(home / "requests" / "flights", [_record("shadowed", "", 7, [2.0])])
    error = ringway("lineage", "--request-id", "shadowed", code=2)
    assert "in the logs of flights and taxi" in error


def test_a_request_that_is_nowhere_says_where_it_was_sought(
    home: Path, ringway: Callable[..., str]
) -> None:
    error = ringway("lineage", "--request-id", "unheard-of", code=1)
    assert "no request unheard-of is in" in error
    assert "requests/taxi (1 files)" in error


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "Missing argument 'PIPELINE'"),
        (("--request-id", "a", "--span", "3"), "leave --model and --span away"),
        (("--request-id", "a", "--log", "/tmp"), "--log needs the name"),
        (("taxi", "--log", "/tmp"), "--log goes with --request-id"),
        (("--request-id", ""), "expected the id"),
    ],
)
def test_what_does_not_go_together_is_refused(
    ringway: Callable[..., str], arguments: tuple[str, ...], message: str
) -> None:
    assert message in ringway("lineage", *arguments, code=2)
