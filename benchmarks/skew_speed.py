"""Times the check of a million logged requests beside TFDV's own statistics over the same examples.

The served rows are those of flights, over and over in random order, with the columns that the log
adds, in gzip-compressed TFRecords; training is eight weeks of them, with its statistics. Nothing
has changed, so every threshold is looked for. Ringway is the whole executor of SkewValidator: it
reads both sides, makes TFDV's statistics of what was served, validates them, compares every feature
and writes the report. The join row by row, a step of its own in Beam, is left out, and with it the
flight's id; so are predictions. TFDV is `generate_statistics_from_tfrecord` of the
served examples, the schema's columns only, as Ringway looks at no others. One process each, in
turn; imports are done before the clock starts.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from benchmarks import skew_machine

REPOSITORY: Final = Path(__file__).resolve().parent.parent
SCHEMA: Final = REPOSITORY / "schemas" / "flights" / "schema.pbtxt"
RINGWAY: Final = "Ringway"
TFDV: Final = "TFDV"
GOAL: Final = 1.2
TRAINING_WEEKS: Final = (40, 47)
_BLOCK_ROWS: Final = 50_000
_FILE_BYTES: Final = 2**26
_TRAINING, _SERVING, _STATISTICS = "training", "serving", "statistics"


class Measured(NamedTuple):
    """What one process measured.

    Attributes:
        seconds: Without imports.
        cpu_seconds: Likewise, of the processor, by all threads; a busy machine lengthens them less.
        peak_mib: Largest resident memory of the process.
        result: What came out, in a word.
    """

    seconds: float
    cpu_seconds: float
    peak_mib: float
    result: str


class _Clock:
    def __init__(self) -> None:
        self._started = time.monotonic()
        self._used = time.process_time()

    def measured(self, result: str) -> Measured:
        return Measured(
            seconds=time.monotonic() - self._started,
            cpu_seconds=time.process_time() - self._used,
            peak_mib=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            result=result,
        )


def write_data(folder: Path, rows: int) -> None:
    """Writes served and training examples, and the statistics of the latter.

    Args:
        folder: Where they go.
        rows: How many are served.
    """
    from pipelines.flights import source

    table = source.departures()
    table = table[table[source.DELAY].notna()].drop(columns=[source.DELAY, source.ENTITY])
    weeks = source.span_of(table["month"], table["day"])
    rng = np.random.default_rng(17)
    like = table[weeks.between(*TRAINING_WEEKS)]
    _write(like, folder / _TRAINING / "Split-train")
    served = like.iloc[rng.integers(0, len(like), rows)]
    _write(_logged(served, rng), folder / _SERVING / "Split-serving")


def _logged(served: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    number = np.arange(len(served))
    return served.assign(
        ringway_request_id=[f"{value:032x}" for value in number],
        ringway_row=0,
        ringway_served_at=1_795_000_000 + number // 300,
        ringway_model_name="flights",
        ringway_model_version=1_795_287_766,
        ringway_sampling_rate=1.0,
        ringway_prediction=rng.random(len(served)),
    )


def _write(table: pd.DataFrame, folder: Path) -> None:
    from components.arrow_example_gen import encoding
    from components.arrow_example_gen.record_files import RecordFiles, framed

    folder.mkdir(parents=True)
    with RecordFiles(str(folder), _FILE_BYTES) as files:
        for start in range(0, len(table), _BLOCK_ROWS):
            rows = table.iloc[start : start + _BLOCK_ROWS]
            files.write(framed(encoding.examples(_batch(rows))))


def _batch(table: pd.DataFrame) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays(
        [_column(table[name]) for name in table], names=[str(name) for name in table]
    )


def _column(column: pd.Series) -> pa.Array:
    if column.dtype == object:
        return pa.array(column, pa.string(), from_pandas=True).cast(pa.large_binary())
    kind = pa.float32() if column.dtype == np.float64 else pa.int64()
    missing = column.isna().to_numpy()
    return pa.array(column.fillna(0).to_numpy(kind.to_pandas_dtype()), kind, mask=missing)


def check(folder: Path) -> Measured:
    """Runs SkewValidator's executor in this process."""
    from tfx import types
    from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
    from tfx.types import standard_artifacts

    from components.skew_validator import keys
    from components.skew_validator.component import SkewValidator
    from components.skew_validator.executor import Executor

    inputs: dict[str, list[Any]] = {
        keys.TRAINING_EXAMPLES: [_examples(folder / _TRAINING, '["train"]')],
        keys.SERVING_EXAMPLES: [_examples(folder / _SERVING, '["serving"]')],
        keys.TRAINING_STATISTICS: [_statistics_of(folder / _STATISTICS)],
        keys.SCHEMA: [standard_artifacts.Schema()],
    }
    inputs[keys.SCHEMA][0].uri = str(folder / "schema")
    output = standard_artifacts.ExampleAnomalies()
    output.uri = str(folder / "anomalies")
    node = SkewValidator(
        serving_examples=types.Channel(standard_artifacts.Examples),
        training_examples=types.Channel(standard_artifacts.Examples),
        training_statistics=types.Channel(standard_artifacts.ExampleStatistics),
        schema=types.Channel(standard_artifacts.Schema),
    )
    executor = Executor(BaseBeamExecutor.Context(tmp_dir=str(folder / "tmp"), unique_id="1"))
    clock = _Clock()
    executor.Do(inputs, {keys.ANOMALIES: [output]}, dict(node.exec_properties))
    status = output.get_string_custom_property(keys.STATUS)
    cause = output.get_string_custom_property(keys.CAUSE)
    return clock.measured(f"{status} {cause}".strip())


def describe(folder: Path, place: str = _SERVING) -> Measured:
    """Makes TFDV's statistics of examples in this process."""
    import tensorflow_data_validation as tfdv
    from google.protobuf import text_format
    from tensorflow_metadata.proto.v0 import schema_pb2

    schema = text_format.Parse(SCHEMA.read_text(), schema_pb2.Schema())
    columns = [feature.name for feature in schema.feature]
    (split,) = (folder / place).glob("Split-*")
    clock = _Clock()
    found = tfdv.generate_statistics_from_tfrecord(
        data_location=str(split / "*.gz"),
        output_path=str(folder / f"{place}.stats"),
        stats_options=tfdv.StatsOptions(feature_allowlist=columns),
    )
    result = clock.measured(f"{found.datasets[0].num_examples} rows")
    if place == _TRAINING:
        target = folder / _STATISTICS / "Split-train" / "FeatureStats.pb"
        target.parent.mkdir(parents=True)
        target.write_bytes(found.SerializeToString())
    return result


def _examples(folder: Path, splits: str) -> Any:
    from tfx.components.util import examples_utils
    from tfx.proto import example_gen_pb2
    from tfx.types import standard_artifacts

    artifact = standard_artifacts.Examples()
    artifact.uri, artifact.split_names = str(folder), splits
    examples_utils.set_payload_format(artifact, example_gen_pb2.FORMAT_TF_EXAMPLE)
    return artifact


def _statistics_of(folder: Path) -> Any:
    from tfx.types import standard_artifacts

    artifact = standard_artifacts.ExampleStatistics()
    artifact.uri, artifact.split_names = str(folder), '["train"]'
    return artifact


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds what `--speed` takes."""
    parser.add_argument("--rows", type=int, default=1_000_000, help="with --speed: served rows")
    parser.add_argument("--rounds", type=int, default=3, help="with --speed: rounds of both")


def main(options: argparse.Namespace) -> int:
    """Times both in turn and prints medians and ratio.

    Args:
        options: As `add_options` adds them.
    """
    found: dict[str, list[Measured]] = {RINGWAY: [], TFDV: []}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_data(folder, options.rows)
        (folder / "schema").mkdir()
        shutil.copy(SCHEMA, folder / "schema")
        _process("training", folder)
        for _ in range(options.rounds):
            for who, measured in found.items():
                measured.append(_process(who, folder))
                print(who, measured[-1], flush=True)
    print(skew_machine.line())
    print(text(found, options.rows))
    return 0


def text(found: dict[str, list[Measured]], rows: int) -> str:
    """Returns medians, their ratio, and its spread over the rounds."""
    lines = [f"{rows:,} rows"]
    for name, what in (("seconds", "wall clock"), ("cpu_seconds", "processor")):
        ours, theirs = ([getattr(one, name) for one in found[who]] for who in (RINGWAY, TFDV))
        ratios = [mine / other for mine, other in zip(ours, theirs, strict=True)]
        ratio = statistics.median(ours) / statistics.median(theirs)
        lines.append(
            f"{what}: check {statistics.median(ours):.1f} s, TFDV's statistics "
            f"{statistics.median(theirs):.1f} s, ratio {ratio:.2f} ({min(ratios):.2f} to "
            f"{max(ratios):.2f}), goal at most {GOAL}: {'met' if ratio <= GOAL else 'missed'}"
        )
    peaks = {who: max(one.peak_mib for one in measured) for who, measured in found.items()}
    lines.append(f"peak memory: {peaks[RINGWAY]:,.0f} and {peaks[TFDV]:,.0f} MiB")
    return "\n".join(lines)


def _process(who: str, folder: Path) -> Measured:
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.skew_speed", who, str(folder)],
        env=environment,
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{who} ended with exit code {done.returncode}:\n{done.stderr[-3000:]}")
    return Measured(*json.loads(done.stdout.splitlines()[-1]))


def _one(arguments: Sequence[str]) -> None:
    who, folder = arguments
    import tensorflow_data_validation  # noqa: F401  (imports are not timed)

    if who == RINGWAY:
        import components.skew_validator.component  # noqa: F401

        measured = check(Path(folder))
    else:
        measured = describe(Path(folder), _TRAINING if who == "training" else _SERVING)
    print(json.dumps(measured))


if __name__ == "__main__":
    _one(sys.argv[1:])
