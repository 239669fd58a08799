from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from pipelines.cli.doctor import command, text
from pipelines.doctor import (
    Devices,
    Engine,
    Finding,
    Java,
    Level,
    Metadata,
    Snapshot,
    examine,
    healthy,
)

WELL = Snapshot(
    stack="tfx-1.16",
    python="3.11.2",
    versions={"tfx": "1.16.0", "ml-metadata": "1.16.0"},
    locked={"tfx": "1.16.0", "ml-metadata": "1.16.0"},
    cores=4,
    memory_gib=16.0,
    free_memory_gib=8.0,
    root=Path("/srv/ringway"),
    root_writable=True,
    free_disk_gib=100.0,
    devices=Devices(names=("CPU:0",)),
    metadata=Metadata(url="sqlite:///metadata.sqlite", reachable=True),
    java=Java(version="17.0.15", maven=True),
    engines=(
        Engine(
            name="flink",
            job_server=Path("/jars/beam-runners-flink-1.19-job-server-2.61.0.jar"),
            fetch="mvn copy",
            supported="1.19",
        ),
    ),
)
FLINK = WELL.engines[0]
GPU_UNSEEN = Devices(names=("CPU:0",), nvidia=True)
GPU_SEEN = Devices(names=("CPU:0", "GPU:0"), nvidia=True)


def found(subject: str, **changes: Any) -> Finding:
    """Returns the finding on one subject, of a machine that is well but for the changes."""
    findings = examine(dataclasses.replace(WELL, **changes))
    (finding,) = (finding for finding in findings if finding.subject == subject)
    return finding


def test_a_machine_in_order_has_nothing_to_mend() -> None:
    findings = examine(WELL)
    assert {finding.level for finding in findings} == {Level.OK}
    assert not any(finding.remedy for finding in findings)
    assert healthy(findings)


@pytest.mark.parametrize(
    ("subject", "changes", "level", "words"),
    [
        ("stack", {"stack": None}, Level.SHORTFALL, "make run"),
        ("tfx", {"versions": {"tfx": None}}, Level.SHORTFALL, "make clean venv"),
        ("tfx", {"versions": {"tfx": "1.15.1"}}, Level.NOTE, "make clean venv"),
        ("tfx", {"locked": {}}, Level.OK, ""),
        ("cores", {"cores": 1}, Level.NOTE, "2 or more"),
        ("cores", {"cores": 2}, Level.OK, ""),
        ("memory", {"free_memory_gib": 4.0}, Level.OK, ""),
        ("memory", {"free_memory_gib": 3.9}, Level.NOTE, "4 GiB free"),
        ("memory", {"free_memory_gib": 1.9}, Level.SHORTFALL, "2 GiB free"),
        ("disk", {"free_disk_gib": 5.0}, Level.OK, ""),
        ("disk", {"free_disk_gib": 4.9}, Level.NOTE, "5 GiB free"),
        ("disk", {"free_disk_gib": 0.4}, Level.SHORTFALL, "RINGWAY_HOME"),
        ("disk", {"root_writable": False}, Level.SHORTFALL, "RINGWAY_HOME"),
        ("devices", {"devices": GPU_SEEN}, Level.OK, ""),
        ("devices", {"devices": GPU_UNSEEN}, Level.NOTE, "nvidia-smi"),
        ("devices", {"devices": Devices(error="ImportError: x")}, Level.SHORTFALL, "make clean"),
        (
            "devices",
            {"devices": Devices(error="it was ended by SIGILL", avx=False)},
            Level.SHORTFALL,
            "AVX",
        ),
        (
            "metadata",
            {"metadata": Metadata(url="mysql://db", error="refused")},
            Level.SHORTFALL,
            "RINGWAY_METADATA_URL",
        ),
        (
            "metadata",
            {"metadata": Metadata(url="mysql://db", error="refused", remedy="Ask the admin.")},
            Level.SHORTFALL,
            "Ask the admin.",
        ),
        ("metadata", {"metadata": Metadata(url="sqlite:///x", absent=True)}, Level.OK, ""),
        ("java", {"java": Java()}, Level.NOTE, "default-jre-headless"),
        ("java", {"java": Java(version="1.8.0_402")}, Level.NOTE, "default-jre-headless"),
        ("java", {"java": Java(version="21")}, Level.OK, ""),
        (
            "beam on flink",
            {"engines": (dataclasses.replace(FLINK, job_server=None),)},
            Level.NOTE,
            "python3 setup/beam_jars.py, or mvn copy",
        ),
        (
            "beam on flink",
            {"engines": (dataclasses.replace(FLINK, job_server=None),), "java": Java()},
            Level.NOTE,
            "apt-get install maven",
        ),
        (
            "beam on flink",
            {"engines": (dataclasses.replace(FLINK, cluster="1.18.1"),)},
            Level.NOTE,
            "Let flink 1.19 run",
        ),
        (
            "beam on flink",
            {"engines": (dataclasses.replace(FLINK, cluster="1.19.3"),)},
            Level.OK,
            "",
        ),
    ],
)
def test_each_shortfall_has_its_level_and_remedy(
    subject: str, changes: dict[str, Any], level: Level, words: str
) -> None:
    finding = found(subject, **changes)
    assert finding.level == level
    assert words in finding.remedy
    assert bool(finding.remedy) == (level != Level.OK)


def test_a_note_does_not_prevent_work_and_a_shortfall_does() -> None:
    assert healthy(examine(dataclasses.replace(WELL, cores=1)))
    assert not healthy(examine(dataclasses.replace(WELL, root_writable=False)))


def test_text_shows_a_remedy_below_what_it_mends() -> None:
    shown = text(examine(dataclasses.replace(WELL, stack=None))).splitlines()
    assert shown[0].startswith("FAIL  stack")
    assert shown[1].strip().startswith("→ Call .venv/bin/ringway")
    assert shown[-1] == "Mend what is marked FAIL first."


def test_this_machine_is_examined_for_real(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "not" / "yet"
    monkeypatch.setenv("RINGWAY_HOME", str(home))
    monkeypatch.setenv("RINGWAY_METADATA_URL", "postgresql://u:secret@127.0.0.1:1/db")
    answer = CliRunner().invoke(command, ["--format", "json"])
    assert answer.exit_code == 1
    assert "secret" not in answer.output
    report = json.loads(answer.output)
    levels = {finding["subject"]: finding["level"] for finding in report["findings"]}
    # Nothing listens at port 1. What else may be short depends on the machine.
    assert levels["metadata"] == "shortfall"
    assert levels["stack"] == levels["tfx"] == levels["devices"] == "ok"
    assert "CPU:0" in report["snapshot"]["devices"]["names"]
    assert not home.exists()
