"""Places in the data that explain how a run ended, whichever component read it."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines import preflight
from pipelines.cli.explain import places
from pipelines.config import PipelineConfig
from pipelines.lineage.keys import RunState
from pipelines.runners.local.failures import Failure
from pipelines.runners.local.report import NodeReport, RunReport
from pipelines.runners.local.schedule import NodeState
from pipelines.verdicts import Objection, Outcome

SCHEMA = 'feature { name: "fare" type: FLOAT } feature { name: "tips" type: FLOAT }'
FAILED = NodeReport(
    id="Reader",
    state=NodeState.FAILED,
    failure=Failure(error="InputError", message="no"),
    ingests=True,
)


@pytest.fixture
def config(tmp_path: Path) -> PipelineConfig:
    (tmp_path / "schema.pbtxt").write_text(SCHEMA)
    return PipelineConfig(
        name="trips",
        data_root=str(tmp_path / "data"),
        schema_path=str(tmp_path / "schema.pbtxt"),
        label="tips",
        preprocessing_fn="a.b",
        run_fn="a.b",
        tuner_fn="a.b",
        eval_config_fn="a.b",
    )


def report(state: str, *nodes: NodeReport, subject: str = "") -> RunReport:
    objections = (Objection(subject=subject, reason="is text"),) if subject else ()
    outcome = Outcome(state=state, objections=objections)
    return RunReport(run_id="r", pipeline="trips", outcome=outcome, nodes=nodes, seconds=1.0)


def spans(root: Path, last_row: str) -> preflight.DataFolder:
    rows = "fare,tips\n" + "1.5,0.5\n" * 20
    for number, text in enumerate([rows, rows + last_row]):
        (root / f"span-{number}").mkdir(parents=True)
        (root / f"span-{number}" / "trips.csv").write_text(text)
    return preflight.check_data(root, "span-{SPAN}/*", "2")


def test_a_reader_that_failed_leads_to_the_row(tmp_path: Path, config: PipelineConfig) -> None:
    folder = spans(tmp_path / "data", "1.5\n")
    (place,) = places(report(RunState.FAILED, FAILED), folder, config)
    assert place.startswith(f"{tmp_path}/data/span-1/trips.csv, line 22: expected 2 cells")
    other = NodeReport(id="Trainer", state=NodeState.FAILED, failure=FAILED.failure)
    assert not list(places(report(RunState.FAILED, other), folder, config))


def test_anomalies_lead_to_the_cell(tmp_path: Path, config: PipelineConfig) -> None:
    folder = spans(tmp_path / "data", "twelve,0.5\n")
    (place,) = places(report(RunState.ANOMALIES, subject="fare"), folder, config)
    assert f"{tmp_path}/data/span-1/trips.csv, line 22, column 'fare': 'twelve'" in place
    assert not list(places(report(RunState.ANOMALIES, subject="a rule"), folder, config))


def test_rows_of_parquet_have_no_lines(tmp_path: Path, config: PipelineConfig) -> None:
    (tmp_path / "data").mkdir()
    table = pa.table({"fare": ["twelve"], "tips": [0.5]})
    pq.write_table(table, tmp_path / "data" / "trips.parquet")
    folder = preflight.check_data(tmp_path / "data")
    for ended in (
        report(RunState.FAILED, FAILED),
        report(RunState.ANOMALIES, subject="fare"),
    ):
        assert not list(places(ended, folder, config))
