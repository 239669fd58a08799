"""Reports: what they hold, one file for each server, and what is passed over."""

from __future__ import annotations

import os

import pytest

from serving.rollout import histogram
from serving.rollout import report as reports
from serving.rollout.errors import RolloutError
from serving.rollout.report import Report
from serving.rollout.snapshot import PROBABILITIES, ArmStats, Snapshot

SEEN = Snapshot(
    step=1,
    candidate=ArmStats(
        requests=3, errors=1, predictions=histogram.of_values(PROBABILITIES, [0.5, 0.7])
    ),
    candidate_failure="no room",
)
FULL = Report(
    server="host-8500",
    model="m",
    rollout_id="m-12",
    done=4,
    available=(11, 12),
    snapshot=SEEN,
    broken="error_rate: 3 of 3",
    first_candidate_sec=1.5,
    broken_sec=2.5,
    wall_sec_to_rollback=0.25,
)


@pytest.mark.parametrize("report", [FULL, Report(server="other-1", model="m")])
def test_json_and_file_give_back_what_was_put_in(report, tmp_path):
    assert Report.from_json(report.to_json()) == report
    reports.write(report, tmp_path)
    assert reports.read(report.server, tmp_path) == report
    assert [path.name for path in tmp_path.iterdir()] == [f"report-{report.server}.json"]


def test_all_servers_are_read_with_the_time_of_their_files(tmp_path):
    other = Report(server="a-1", model="m")
    for report, at in ((FULL, 1000.0), (other, 2000.0)):
        reports.write(report, tmp_path)
        os.utime(reports.path_of(report.server, tmp_path), (at, at))
    assert reports.read_all(tmp_path) == ((other, 2000.0), (FULL, 1000.0))


def test_what_is_torn_foreign_or_misplaced_is_passed_over_and_logged(tmp_path, caplog):
    reports.write(FULL, tmp_path)
    (tmp_path / "report-torn.json").write_text(FULL.to_json()[:-5])
    (tmp_path / "report-copied.json").write_text(FULL.to_json())
    (tmp_path / "report-folder.json").mkdir()
    (tmp_path / "order.json").write_text("{}")
    assert [report for report, _ in reports.read_all(tmp_path)] == [FULL]
    assert reports.read("torn", tmp_path) is None
    assert sorted(record.args[0].name for record in caplog.records[:3]) == [
        "report-copied.json",
        "report-folder.json",
        "report-torn.json",
    ]


def test_without_a_folder_there_are_no_reports(tmp_path):
    assert reports.read_all(tmp_path / "none") == ()
    assert reports.read("host", tmp_path / "none") is None


@pytest.mark.parametrize("server", ["", "a/b", "a\0"])
def test_a_server_whose_name_cannot_be_a_files_is_refused(server):
    with pytest.raises(RolloutError, match="a server's name"):
        Report(server=server, model="m")


@pytest.mark.parametrize("old", ['"format": 1', '"done": 4', '"available": [11, 12]'])
def test_a_field_that_is_not_valid_is_refused(old):
    with pytest.raises(RolloutError, match=old.split('"')[1]):
        Report.from_json(FULL.to_json().replace(old, old.split(":")[0] + ": [1.5]"))
