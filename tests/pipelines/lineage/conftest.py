"""Material for lineage tests: a store made by TFX itself, and stores written by hand.

`tiny_store` is what stock TFX's LocalDagRunner leaves after three runs of four components, the
second unchanged, the third with a new span and a changed parameter. `writer` writes what TFX would
write for models, verdicts and pushes, without running anything.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from lineage_writer import Writer
from ml_metadata.metadata_store.metadata_store import MetadataStore

from pipelines.cli.main import main
from pipelines.lineage.store import open_store

REPOSITORY = Path(__file__).resolve().parents[3]

# In a process of its own: importing TFX takes many seconds and logs a lot.
_TINY = """
import sys
from pathlib import Path
from tfx.components.example_gen.csv_example_gen.component import CsvExampleGen
from tfx.components.example_validator.component import ExampleValidator
from tfx.components.schema_gen.component import SchemaGen
from tfx.components.statistics_gen.component import StatisticsGen
from tfx.orchestration import metadata, pipeline
from tfx.orchestration.local.local_dag_runner import LocalDagRunner
from tfx.proto import example_gen_pb2

root = Path(sys.argv[1])

def write(span, rows):
    folder = root / "data" / f"span-{span}"
    folder.mkdir(parents=True)
    lines = [f"{i},{i * 1.5},{'xy'[i % 2]}" for i in range(rows)]
    (folder / "data.csv").write_text("\\n".join(["a,b,c", *lines]) + "\\n")

def run(infer_shape):
    split = example_gen_pb2.Input.Split(name="single", pattern="span-{SPAN}/*.csv")
    examples = CsvExampleGen(
        input_base=str(root / "data"), input_config=example_gen_pb2.Input(splits=[split])
    )
    statistics = StatisticsGen(examples=examples.outputs["examples"])
    schema = SchemaGen(
        statistics=statistics.outputs["statistics"], infer_feature_shape=infer_shape
    )
    validator = ExampleValidator(
        statistics=statistics.outputs["statistics"], schema=schema.outputs["schema"]
    )
    LocalDagRunner().run(
        pipeline.Pipeline(
            pipeline_name="tiny",
            pipeline_root=str(root / "root"),
            components=[examples, statistics, schema, validator],
            enable_cache=True,
            metadata_connection_config=metadata.sqlite_metadata_connection_config(
                str(root / "metadata.sqlite")
            ),
        )
    )

write(1, 60)
run(False)
run(False)
write(2, 80)
run(True)
"""


@pytest.fixture(scope="session")
def tiny_store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Returns the URL of a store that stock TFX filled."""
    root = tmp_path_factory.mktemp("tiny")
    done = subprocess.run(
        [sys.executable, "-c", _TINY, str(root)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return f"sqlite:///{root / 'metadata.sqlite'}"


@pytest.fixture
def write_store() -> Callable[[MetadataStore], Writer]:
    """Returns a maker of writers, for stores that a test opened itself."""
    return Writer


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[Writer]:
    """Yields a writer into an empty SQLite store at `tmp_path/metadata.sqlite`.

    The file lies in memory where that is possible: SQLite waits for the disk at every transaction,
    and one run is a hundred of them.
    """
    memory = Path("/dev/shm")
    folder = memory if os.access(memory, os.W_OK) else tmp_path
    with tempfile.TemporaryDirectory(dir=folder) as name:
        link = tmp_path / "metadata.sqlite"
        link.symlink_to(Path(name) / "metadata.sqlite")
        yield Writer(open_store(f"sqlite:///{link}"))


@pytest.fixture
def ringway(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Callable[..., str]:
    """Returns a function that runs the command line in this process.

    It returns what a verb prints, or its errors when it is expected to fail.
    """
    monkeypatch.setenv("RINGWAY_HOME", str(tmp_path))
    monkeypatch.delenv("RINGWAY_METADATA_URL", raising=False)

    def run(*arguments: str, code: int = 0) -> str:
        monkeypatch.setattr(sys, "argv", ["ringway", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        assert (ended.value.code or 0) == code, printed.err
        return printed.err if code else printed.out

    return run
