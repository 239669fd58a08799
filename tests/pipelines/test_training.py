"""What a run of a training pipeline depends on."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

from pipelines import training
from pipelines.config import PipelineConfig
from pipelines.preflight import DataFolder
from pipelines.runners.local import unchanged
from pipelines.taxi.config import CONFIG
from pipelines.training import Training
from pipelines.workspace import Workspace


def ready(config: PipelineConfig) -> Training:
    return Training(
        module="pipelines.taxi.pipeline",
        asked=config,
        config=config,
        data=DataFolder(files=(), columns=()),
    )


def test_rules_are_looked_at_again_only_where_they_or_the_schema_changed(tmp_path: Path) -> None:
    workspace = Workspace.from_environment({"RINGWAY_HOME": str(tmp_path)})
    rules = tmp_path / "quality.toml"
    shutil.copy(CONFIG.quality_path, rules)
    config = dataclasses.replace(CONFIG, quality_path=str(rules))
    assert not training.rules_were_read(config, workspace)
    witness = unchanged.Witness(
        identity=ready(config).identity(0.0), run_id="r", last_artifact_id=1
    )
    witness.write(tmp_path / "state" / "taxi" / "unchanged.json")
    assert training.rules_were_read(config, workspace)
    rules.write_text(rules.read_text() + "\n")
    assert not training.rules_were_read(config, workspace)
    other = dataclasses.replace(CONFIG, schema_path=str(rules))
    assert not training.rules_were_read(other, workspace)


def test_a_rerun_in_another_hour_is_no_unchanged_one_where_rules_count_from_now(
    tmp_path: Path,
) -> None:
    rules = tmp_path / "quality.toml"
    config = dataclasses.replace(CONFIG, quality_path=str(rules))

    def identity(text: str, now_sec: float) -> unchanged.Identity:
        rules.write_text(text)
        return ready(config).identity(now_sec)

    recent = '[[timeliness.age]]\nname = "a"\ncolumn = "trip_start_timestamp"\nmax_age = "1d"\n'
    assert identity(recent, 7200.0) == identity(recent, 10799.0)
    assert identity(recent, 7200.0) != identity(recent, 10800.0)
    of_old = recent.replace("age]", "gap]")
    assert identity(of_old, 7200.0) == identity(of_old, 10800.0)
