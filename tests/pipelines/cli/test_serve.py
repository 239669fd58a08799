"""`ringway serve`: what it refuses at once, and `ringway serve tune` on a real model."""

from __future__ import annotations

import numpy as np
import pytest
import saved_models
from click.testing import CliRunner
from google.protobuf import text_format

from pipelines.cli import main
from pipelines.errors import DataError, RingwayError, UsageError
from serving.wire import tensors
from serving.wire.messages import BatchingParameters, PredictionLog


@pytest.fixture
def ringway(monkeypatch, tmp_path):
    monkeypatch.setenv("RINGWAY_HOME", str(tmp_path))

    def call(*arguments):
        return CliRunner().invoke(main.ringway, ["serve", *arguments])

    return call


def warm_up_request(x):
    log = PredictionLog()
    log.predict_log.request.model_spec.name = "half"
    tensors.fill(log.predict_log.request.inputs["x"], np.array(x, np.float32))
    return log


def pushed(home, version, logs):
    folder = saved_models.half_plus_two(home / "models" / "half" / str(version))
    if logs:
        saved_models.with_warmup(folder, logs)
    return folder


def test_a_pipeline_that_does_not_exist_is_refused_with_the_known_ones(ringway):
    done = ringway("taxy")
    assert isinstance(done.exception, UsageError)
    assert "taxi" in str(done.exception)


def test_a_backend_that_is_no_grpc_url_is_refused(ringway):
    done = ringway("taxi", "--backend", "http://host:8500")
    assert isinstance(done.exception, RingwayError)
    assert "grpc://host:port" in done.stdout


def test_help_tells_of_both_commands(ringway):
    assert "ringway serve tune taxi" in ringway("--help").stdout
    assert "--max-p99-ms" in ringway("tune", "--help").stdout


def test_tune_measures_and_writes_a_file_that_batching_reads(ringway, tmp_path):
    pushed(tmp_path, 3, [warm_up_request([1.0, 2.0])])
    output = tmp_path / "batching.pbtxt"
    done = ringway("tune", "half", "--seconds", "0.01", "--output", str(output))
    assert done.exit_code == 0, done.exception
    written = text_format.Parse(output.read_text(), BatchingParameters())
    assert written.max_execution_batch_size.value >= 1
    comments = [line for line in output.read_text().splitlines() if line.startswith("#")]
    assert "serving_default of half 3" in comments[0]
    assert any("1024" in line for line in comments)


def test_tune_without_anything_pushed_says_how_to_push(ringway):
    done = ringway("tune", "half")
    assert isinstance(done.exception, DataError)
    assert "ringway run half" in done.exception.remedy


def test_tune_without_requests_says_where_to_get_some(ringway, tmp_path):
    pushed(tmp_path, 3, [])
    done = ringway("tune", "half")
    assert isinstance(done.exception, DataError)
    assert "--requests" in done.exception.remedy


@pytest.mark.parametrize(
    ("arguments", "text"),
    [(["--version", "9"], "it has 3"), (["--signature", "other"], "it has serving_default")],
)
def test_tune_names_the_versions_and_signatures_there_are(ringway, tmp_path, arguments, text):
    pushed(tmp_path, 3, [warm_up_request([1.0])])
    done = ringway("tune", "half", *arguments)
    assert isinstance(done.exception, UsageError)
    assert text in str(done.exception)
