"""The quick metrics of a rollout beside those of what PredictionLogExampleGen and the join make."""

from __future__ import annotations

import random
from collections import defaultdict
from pathlib import Path
from typing import Any

import feedback_rows
import log_gen_records as logs
import numpy as np
import pytest
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.types import standard_artifacts

from components.prediction_log_example_gen.executor import Executor
from pipelines.feedback.arm_metrics import arm_metrics
from pipelines.taxi.config import CONFIG


def served_examples(root: Path, log: Path) -> Any:
    schema = standard_artifacts.Schema()
    schema.uri = str(root / "schema")
    Path(schema.uri).mkdir()
    (Path(schema.uri) / "schema.pbtxt").write_text(Path(CONFIG.schema_path).read_text())
    examples = standard_artifacts.Examples()
    examples.uri = str(root / "examples")
    # With any Beam argument TFX would pack itself for remote workers, which takes a second.
    context = BaseBeamExecutor.Context(
        beam_pipeline_args=[], tmp_dir=str(root / "tmp"), unique_id="1"
    )
    given = {
        "log_folder": str(log),
        "window_sec": logs.HOUR,
        "start_sec": logs.START,
        "end_sec": logs.START + logs.HOUR,
        "split": "serving",
    }
    Executor(context).Do({"schema": [schema]}, {"examples": [examples]}, given)
    return examples


def test_both_ways_agree(tmp_path: Path) -> None:
    generator = random.Random(3)
    records: list[tuple[bytes, ...]] = []
    lines = ["request_id,row,tips,labelled_at\n"]
    for number in range(120):
        fares = [float(generator.randrange(5, 30)) for _ in range(generator.choice([1, 1, 3]))]
        arm = generator.choice(["stable", "stable", "candidate"])
        record = logs.record("predict", logs.taxi_rows(fares), f"id{number}", rollout=("r1", arm))
        records += [record] * generator.choice([1, 1, 1, 2])  # some callers try again
        for row in range(len(fares)):
            for _ in range(generator.choice([0, 1, 1, 2, 3])):
                tip = generator.choice([0, 2, 2, 9])
                at = int(logs.NOW) + generator.choice([60, 120, 120, 4 * 86_400])
                lines.append(f"id{number},{row},{tip},{at}\n")
    log, drop = tmp_path / "log", tmp_path / "drop"
    log.mkdir()
    drop.mkdir()
    for part in range(3):
        logs.write_log(log, records[part::3], started=logs.NOW + part)
    (drop / "labels-20261126T000000Z-x.csv").write_text("".join(lines))

    joined = feedback_rows.join(
        tmp_path,
        served_examples(tmp_path, log),
        drop,
        columns='["tips"]',
        identifiers="[]",
        as_of_sec=logs.NOW + 30 * 86_400,
    )
    scores = defaultdict(list)
    for one in joined.rows:
        truth = one["tips"][0] > np.float32(0.2) * np.float32(one["fare"][0])
        scores[one["ringway_arm"][0].decode()].append((one["ringway_prediction"][0] - truth) ** 2)

    found = arm_metrics(
        log,
        drop,
        CONFIG,
        rollout_id="r1",
        since_sec=logs.START,
        now_sec=logs.NOW + 30 * 86_400,
    )
    assert set(scores) == {"stable", "candidate"}
    for arm, values in scores.items():
        assert found[arm]["brier"].count == len(values)
        assert found[arm]["brier"].mean == pytest.approx(np.mean(values))
    assert joined.report["labels"]["contradictory"] > 0
    assert joined.report["labels"]["late"] > 0
