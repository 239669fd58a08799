import json
from pathlib import Path

import pytest

from pipelines.continuous.alert_log import AlertLog
from pipelines.continuous.alerts import Alert, DeliveryError


def alert(subject: str) -> Alert:
    return Alert(pipeline="flights", kind="drift", subject=subject, text="temp ü °", raised_sec=0.0)


def subjects(path: Path) -> list[str]:
    found = []
    for line in path.read_text().splitlines():
        try:
            found.append(json.loads(line)["subject"])
        except ValueError:
            found.append("cut")
    return found


def test_an_alert_is_written_once_however_often_it_is_sent(tmp_path: Path) -> None:
    log = AlertLog(path=tmp_path / "new" / "alerts.jsonl")
    for subject in ("a", "b", "a", "b", "c"):
        log.send(alert(subject), now_sec=0)
    assert subjects(log.path) == ["a", "b", "c"]
    assert json.loads(log.path.read_text().splitlines()[0]) == alert("a").document()


def test_a_line_that_was_cut_is_left_and_its_alert_written_again(tmp_path: Path) -> None:
    log = AlertLog(path=tmp_path / "alerts.jsonl")
    log.send(alert("a"), now_sec=0)
    log.send(alert("b"), now_sec=0)
    whole = log.path.read_bytes()
    log.path.write_bytes(whole[:-20])
    log.send(alert("b"), now_sec=0)
    assert subjects(log.path) == ["a", "cut", "b"]


def test_lines_of_others_are_left_alone(tmp_path: Path) -> None:
    log = AlertLog(path=tmp_path / "alerts.jsonl")
    log.path.write_bytes(b'hello\n[1]\n{"id": 3}\n\xff\n')
    log.send(alert("a"), now_sec=0)
    assert log.path.read_bytes().startswith(b'hello\n[1]\n{"id": 3}\n\xff\n{"id"')


def test_a_file_that_cannot_be_written_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path, tmp_path / "file" / "alerts.jsonl"):
        with pytest.raises(DeliveryError, match="cannot be written"):
            AlertLog(path=path).send(alert("a"), now_sec=0)
