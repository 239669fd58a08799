"""Schemas as TFDV infers them, and where a run left them; with real TFDV and ML Metadata."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import ml_metadata
import pytest
from google.protobuf import text_format
from ml_metadata.proto import metadata_store_pb2 as mlmd
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2

from components.arrow_example_gen import formats
from pipelines import diagnosis, inferred_schema, schema_file
from pipelines.errors import DataError, MetadataError, UsageError
from pipelines.preflight import DataFolder

REPOSITORY = Path(__file__).parents[2]

# One process for all, since importing TFDV takes long.
SCRIPT = """
import sys
from pathlib import Path
from pipelines import schema_file
from pipelines.cli.schema import command

good, bad, output, anomalies = sys.argv[1:]
command.main(["infer", good, "--output", output], standalone_mode=False)
import tensorflow_data_validation as tfdv
statistics = tfdv.generate_statistics_from_csv(bad + "/*")
found = tfdv.validate_statistics(statistics, schema_file.read(Path(output)))
Path(anomalies).write_text(str(found))
"""


@pytest.fixture(scope="module")
def drafted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Drafts a schema for sound data and holds broken data against it."""
    folder = tmp_path_factory.mktemp("drafted")
    good, bad = folder / "good [1]", folder / "bad"
    good.mkdir()
    bad.mkdir()
    for part in range(2):
        rows = (f"{i}.5,{60 * i},{('Cash', 'Card')[i % 2]},{i % 3}.0" for i in range(40))
        (good / f"{part}.csv").write_text("fare,seconds,paid,tips\n" + "\n".join(rows) + "\n")
    rows = (
        f"{'twelve' if i == 7 else i + 0.5},{'' if i in (3, 4) else 60 * i},"
        f"{'Bitcoin' if i == 5 else 'Cash'},{i % 3}"
        for i in range(40)
    )
    (bad / "trips.csv").write_text("fare,seconds,paid,tips\n" + "\n".join(rows) + "\n")
    arguments = [good, bad, folder / "new" / "schema.pbtxt", folder / "anomalies.pbtxt"]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *map(str, arguments)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder, done.stdout + done.stderr


def test_a_draft_has_the_types_domains_and_presence_of_the_data(
    drafted: tuple[Path, str],
) -> None:
    folder, _ = drafted
    schema = schema_file.read(folder / "new" / "schema.pbtxt")
    assert {f.name: schema_pb2.FeatureType.Name(f.type) for f in schema.feature} == {
        "fare": "FLOAT",
        "seconds": "INT",
        "paid": "BYTES",
        "tips": "FLOAT",
    }
    assert all(feature.presence.min_fraction == 1 for feature in schema.feature)
    assert [sorted(domain.value) for domain in schema.string_domain] == [["Card", "Cash"]]


def test_a_draft_begins_with_what_to_review(drafted: tuple[Path, str]) -> None:
    folder, _ = drafted
    text = (folder / "new" / "schema.pbtxt").read_text()
    head = text.split("feature {")[0]
    assert head.startswith("# First draft, inferred by `ringway schema infer` from 2 file(s)")
    assert all(word in head for word in ("presence", "domain", "ranges", "environments"))


def test_drafting_says_what_it_does(drafted: tuple[Path, str]) -> None:
    folder, said = drafted
    assert "Reading 2 file(s) with 4 columns" in said
    assert f"Wrote {folder / 'new' / 'schema.pbtxt'}: 4 features" in said


def test_anomalies_of_tfdv_are_described_and_found_in_the_file(drafted: tuple[Path, str]) -> None:
    folder, _ = drafted
    schema = schema_file.read(folder / "new" / "schema.pbtxt")
    anomalies = text_format.Parse(
        (folder / "anomalies.pbtxt").read_text(), anomalies_pb2.Anomalies()
    )
    assert {report.feature for report in diagnosis.describe(anomalies, "error")} == {
        "fare",
        "seconds",
        "paid",
        "tips",
    }
    features = {feature.name: feature for feature in schema.feature}
    places = {
        name: [(o.line, o.value) for o in diagnosis.locate([folder / "bad/trips.csv"], f, schema)]
        for name, f in features.items()
    }
    assert places == {
        "fare": [(9, "twelve")],
        "seconds": [(5, "")],
        "paid": [(7, "Bitcoin")],
        "tips": [(2, "0")],
    }


@pytest.fixture
def store(tmp_path: Path) -> ml_metadata.MetadataStore:
    config = mlmd.ConnectionConfig()
    config.sqlite.filename_uri = str(tmp_path / "metadata.sqlite")
    return ml_metadata.MetadataStore(config)


def record_run(
    store: ml_metadata.MetadataStore,
    uri: Path,
    *,
    kind: str = "tfx.components.schema_gen.component.SchemaGen",
    pipeline: str = "bikes",
    state: int = mlmd.Execution.COMPLETE,
) -> None:
    """Records an execution with one output, as TFX does."""
    context = mlmd.Context(
        type_id=store.put_context_type(mlmd.ContextType(name="pipeline")), name=pipeline
    )
    artifact = mlmd.Artifact(
        type_id=store.put_artifact_type(mlmd.ArtifactType(name="Schema")), uri=str(uri)
    )
    execution = mlmd.Execution(
        type_id=store.put_execution_type(mlmd.ExecutionType(name=kind)), last_known_state=state
    )
    event = mlmd.Event(type=mlmd.Event.OUTPUT)
    store.put_execution(
        execution, [(artifact, event)], [context], reuse_context_if_already_exist=True
    )


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    for name in ("1", "2", "3"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "schema.pbtxt").write_text("feature { name: 'a' }")
    return tmp_path


def test_the_latest_finished_inference_is_found(
    store: ml_metadata.MetadataStore, outputs: Path
) -> None:
    record_run(store, outputs / "1")
    record_run(store, outputs / "2", state=mlmd.Execution.CACHED)
    record_run(store, outputs / "3", state=mlmd.Execution.FAILED)
    record_run(store, outputs / "3", pipeline="trains")
    record_run(store, outputs / "3", kind="tfx.components.schema_gen.import_schema_gen")
    assert inferred_schema.latest_path(store, "bikes") == outputs / "2" / "schema.pbtxt"


def test_without_a_run_the_answer_says_what_to_do(store: ml_metadata.MetadataStore) -> None:
    with pytest.raises(MetadataError, match="SchemaGen has not run yet") as caught:
        inferred_schema.latest_path(store, "bikes")
    assert "ringway run bikes" in caught.value.remedy
    assert "ringway schema infer" in caught.value.remedy


def test_a_deleted_output_is_told_from_one_that_never_was(
    store: ml_metadata.MetadataStore, outputs: Path
) -> None:
    record_run(store, outputs / "gone")
    with pytest.raises(MetadataError, match="no longer on disk"):
        inferred_schema.latest_path(store, "bikes")


def test_a_draft_replaces_a_file_at_once_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "new" / "schema.pbtxt"
    inferred_schema.write_atomically(path, "old")
    inferred_schema.write_atomically(path, "new ü")
    assert path.read_text(encoding="utf-8") == "new ü"
    assert list(path.parent.iterdir()) == [path]
    umask = os.umask(0)
    os.umask(umask)
    assert path.stat().st_mode & 0o777 == 0o666 & ~umask


def test_a_full_disk_leaves_the_earlier_file_as_it_was(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root to mount a small file system")
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"mounting is not allowed here: {done.stderr.strip()}")
    try:
        path = tmp_path / "schema.pbtxt"
        inferred_schema.write_atomically(path, "old")
        with pytest.raises(DataError, match="No space left on device"):
            inferred_schema.write_atomically(path, "x" * 2**17)
        assert path.read_text() == "old"
        assert list(tmp_path.iterdir()) == [path]
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def test_an_output_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="cannot be written"):
        inferred_schema.write_atomically(tmp_path / "file" / "schema.pbtxt", "text")


def test_an_existing_file_is_overwritten_only_by_force(tmp_path: Path) -> None:
    path = tmp_path / "schema.pbtxt"
    path.touch()
    with pytest.raises(UsageError, match="exists already") as caught:
        inferred_schema.check_output(path, force=False)
    assert "--force" in caught.value.remedy
    inferred_schema.check_output(path, force=True)
    inferred_schema.check_output(tmp_path / "other.pbtxt", force=False)
    with pytest.raises(UsageError, match="received a directory"):
        inferred_schema.check_output(tmp_path, force=True)


def test_the_text_of_a_draft_reads_back_as_the_schema(tmp_path: Path) -> None:
    schema = text_format.Parse(
        "feature { name: 'ort' domain: 'd' } string_domain { name: 'd' value: 'Köln' }",
        schema_pb2.Schema(),
    )
    text = inferred_schema.draft(schema, DataFolder(files=(tmp_path / "a.csv",), columns=("ort",)))
    assert "Köln" in text
    assert text_format.Parse(text, schema_pb2.Schema()) == schema


def test_a_schema_is_drafted_from_csv_only(tmp_path: Path) -> None:
    folder = DataFolder(
        files=(tmp_path / "a.parquet",), columns=("x",), format=formats.Format.PARQUET
    )
    with pytest.raises(UsageError, match="expected CSV, from which a schema is drafted, received"):
        inferred_schema.infer(folder)
