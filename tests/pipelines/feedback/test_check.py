"""A check of live performance on a workspace in which the taxi pipeline has run once.

The served rows are those that training held out. In the first hour the answers are close to what
came to pass, in the second they are drawn by lot, and in the third few labels come.
"""

from __future__ import annotations

from pathlib import Path

import log_gen_records as logs
import numpy as np
import pytest
import tensorflow_model_analysis as tfma
from sklearn.metrics import roc_auc_score

from pipelines import config
from pipelines.feedback import check, labels
from pipelines.lineage import graph
from pipelines.lineage.store import open_store
from pipelines.runners.local.report import Silent
from pipelines.taxi.labels import big_tip
from pipelines.workspace import Workspace
from serving.wire.messages import Example

TAXI = config.named("taxi")
ROWS = 2000
TOLD = 300  # labels of the third hour
AS_OF = float(logs.START + 4 * logs.HOUR)


class Served:
    """The workspace, its log and its labels.

    Attributes:
        workspace: In which the pipeline has run.
        version: That it pushed.
        labels: 1 or 0, of the rows of each hour.
        scores: What was answered, by hour.
    """

    def __init__(self, home: Path, version: str) -> None:
        self.workspace = Workspace.from_environment({"RINGWAY_HOME": str(home)})
        self.version = version
        [held_out] = (home / "pipelines" / "taxi").glob("*ExampleGen/examples/*/Split-eval")
        rows = [Example.FromString(text) for text in logs.written(held_out)[:ROWS]]
        tips = [self._taken(row, "tips") for row in rows]
        fares = [self._value(row, "fare") for row in rows]
        self.labels = big_tip({"tips": np.array(tips), "fare": np.array(fares)})
        rng = np.random.default_rng(1)
        informed = 1 / (1 + np.exp(-rng.normal(3 * self.labels, 1.0)))
        self.scores = [informed, rng.random(ROWS), informed]
        self.log, self.drop = home / "served", home / "labels"
        for hour, scores in enumerate(self.scores):
            self._answer(rows, scores, hour)
            told = TOLD if hour == 2 else ROWS
            labels.deliver(
                self.drop,
                [
                    {"request_id": f"{hour}-{place}", "tips": tip}
                    for place, tip in enumerate(tips[:told])
                ],
                wanted=labels.wanted_of(TAXI),
                now_sec=logs.START + hour * logs.HOUR + 1800.0,
                token=f"hour{hour}",
            )

    def look(self, hour: int, **changed):
        start = logs.START + hour * logs.HOUR
        return check.of_window(
            TAXI,
            self.workspace,
            log=self.log,
            labels=self.drop,
            since=start,
            until=start + logs.HOUR,
            as_of=AS_OF,
            progress=Silent(),
            now=lambda: AS_OF,
            **changed,
        )

    def _answer(self, rows, scores, hour) -> None:
        spec = logs.model_spec(version=int(self.version))
        moment = logs.START + hour * logs.HOUR + 100.0
        records = [
            logs.record(
                "predict",
                logs.serialized([row], [score]),
                f"{hour}-{place}",
                now=moment,
                spec=spec,
                rate=1.0,
            )
            for place, (row, score) in enumerate(zip(rows, scores, strict=True))
        ]
        logs.write_log(self.log, records, started=moment, name=f"hour{hour}")

    @staticmethod
    def _value(row, name: str) -> float:
        values = row.features.feature[name].float_list.value
        return float(values[0]) if values else float("nan")

    def _taken(self, row, name: str) -> float:
        value = self._value(row, name)
        row.features.feature.pop(name)
        return value


@pytest.fixture(scope="module")
def served(taxi) -> Served:
    ringway, report = taxi
    assert report["exit_code"] == 0, report
    return Served(ringway.home, Path(report["pushed_to"]).name)


@pytest.fixture(scope="module")
def good(served):
    return served.look(0)


def test_answers_close_to_what_came_to_pass_are_ok(served, good):
    assert (good.status, good.findings.cause) == ("OK", "")
    assert good.findings.counts["matched"] == ROWS
    [verdict] = good.by_version.values()
    assert (verdict.version, verdict.rows, verdict.served) == (served.version, ROWS, ROWS)
    exact = roc_auc_score(served.labels, served.scores[0])
    assert verdict.value == pytest.approx(exact, abs=2e-4)
    assert verdict.baseline == pytest.approx(0.948, abs=0.01)
    # A little lower than what may be lost, as the evaluation is of a sample, too.
    assert 0 < verdict.baseline - TAXI.feedback.max_auc_drop - verdict.bound < 0.01


def test_answers_drawn_by_lot_are_degraded(served, good):
    bad = served.look(1)
    assert bad.status == "DEGRADED"
    assert bad.findings.version == served.version
    assert bad.findings.interval[1] < bad.findings.bound
    assert 0.4 < bad.by_version[served.version].value < 0.6
    assert bad.run.outcome.exit_code == 0  # a check that finds something has not failed


def test_few_labels_are_not_compared(served, good):
    few = served.look(2)
    assert few.status == "NOT_COMPARED"
    assert f"received {TOLD} of 2,000" in few.findings.cause


def test_slices_and_metrics_are_those_of_evaluator(served, good):
    store = open_store(served.workspace.metadata_url, read_only=True)
    trained = graph.load(store, "taxi")
    [evaluation] = trained.of_type("ModelEvaluation")
    promised = tfma.load_eval_result(evaluation.uri)
    live = tfma.load_eval_result(str(good.folder))
    columns = {column for key, _ in live.slicing_metrics for column, _ in key}
    assert columns - {"ringway_model_version"} == {
        column for key, _ in promised.slicing_metrics for column, _ in key
    }
    [whole] = [found for key, found in live.slicing_metrics if len(key) == 1]
    assert set(promised.get_metric_names()) <= set(whole[""][""])
    with_baseline = [one for one in good.findings.findings if one.slice != "overall"]
    assert any(one.baseline is not None for one in with_baseline)


def test_lineage_leads_from_the_check_to_the_training(served, good):
    store = open_store(served.workspace.metadata_url, read_only=True)
    checked, trained = graph.load(store, "taxi-feedback"), graph.load(store, "taxi")
    validator = checked.execution_of(good.run.run_id, "PerformanceValidator")
    assert validator is not None
    inputs = {link.key: link.artifact_id for link in validator.inputs}
    maker = trained.maker(inputs["evaluations"])
    assert maker is not None
    assert maker.component == "Evaluator"
    [performance] = [checked.artifacts[link.artifact_id] for link in validator.outputs]
    assert performance.properties["status"] == "OK"
    assert performance.properties["blessed"] == 1
    assert performance.properties["labelled_rows"] == ROWS
    assert performance.uri == str(good.folder)


def test_what_has_not_happened_is_told_without_a_run(served):
    answer = served.look(3)
    assert (answer.status, answer.run, answer.folder) == ("NOT_COMPARED", None, None)
    assert answer.findings.cause.startswith("nothing was served from 2026-11-21T20:00:00Z")
