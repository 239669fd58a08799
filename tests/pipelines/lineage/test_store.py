import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from ml_metadata.proto import metadata_store_pb2 as proto

from pipelines.errors import MetadataError
from pipelines.lineage.store import connection_config, open_store

REPOSITORY = Path(__file__).resolve().parents[3]
NOBODY = 65534


def test_a_sqlite_store_is_made_and_opened_again(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'a b%20c.sqlite'}"
    open_store(url).put_context_type(proto.ContextType(name="pipeline"))
    again = open_store(url, read_only=True)
    assert again.get_context_type("pipeline").name == "pipeline"
    assert (tmp_path / "a b%20c.sqlite").is_file()


def test_reading_never_makes_a_store(tmp_path: Path) -> None:
    with pytest.raises(MetadataError, match=r"no metadata store at .* yet") as caught:
        open_store(f"sqlite:///{tmp_path / 'none.sqlite'}", read_only=True)
    assert "ringway run" in caught.value.remedy
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_database_is_named_and_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("these are notes, not a database")
    with pytest.raises(MetadataError, match="is no SQLite database") as caught:
        open_store(f"sqlite:///{file}")
    assert str(file) in caught.value.remedy
    assert file.read_text() == "these are notes, not a database"


def test_a_damaged_database_is_named(tmp_path: Path) -> None:
    file = tmp_path / "metadata.sqlite"
    open_store(f"sqlite:///{file}")
    content = bytearray(file.read_bytes())
    content[100:4000] = b"\xff" * 3900
    file.write_bytes(content)
    with pytest.raises(MetadataError, match=r"cannot be opened: .*(malformed|corrupt)"):
        open_store(f"sqlite:///{file}")


def test_a_folder_is_not_a_store(tmp_path: Path) -> None:
    with pytest.raises(MetadataError, match="is not a file"):
        open_store(f"sqlite:///{tmp_path}")


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(MetadataError, match=r"the folder .*/none does not exist"):
        open_store(f"sqlite:///{tmp_path / 'none' / 'metadata.sqlite'}")


@pytest.fixture
def unprivileged() -> Iterator[Path]:
    """Yields a folder with a store in it that this user may read and not write.

    Root may write everything, so as root the test goes on as nobody.
    """
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        folder = Path(name)
        open_store(f"sqlite:///{folder / 'metadata.sqlite'}")
        (folder / "metadata.sqlite").chmod(0o444)
        folder.chmod(0o555)
        was_root = os.geteuid() == 0
        if was_root:
            os.seteuid(NOBODY)
        try:
            yield folder
        finally:
            if was_root:
                os.seteuid(0)
            folder.chmod(0o755)


def test_a_read_only_store_may_be_read_and_not_opened_for_writing(unprivileged: Path) -> None:
    url = f"sqlite:///{unprivileged / 'metadata.sqlite'}"
    assert open_store(url, read_only=True).get_contexts() == []
    with pytest.raises(MetadataError, match=r"is read-only: .* cannot be written") as caught:
        open_store(url)
    assert "RINGWAY_HOME" in caught.value.remedy


def test_a_store_is_not_begun_in_a_read_only_folder(unprivileged: Path) -> None:
    with pytest.raises(MetadataError, match="is read-only"):
        open_store(f"sqlite:///{unprivileged / 'new.sqlite'}")


def test_connection_settings_need_no_connection() -> None:
    mysql = connection_config("mysql://me:pw@h:33/d?ssl_ca=/ca.pem").mysql
    assert (mysql.host, mysql.port, mysql.database, mysql.user) == ("h", 33, "d", "me")
    assert mysql.ssl_options.ca == "/ca.pem"
    postgresql = connection_config("postgresql://me:pw@h/d?sslmode=require").postgresql
    assert (postgresql.port, postgresql.dbname, postgresql.ssloption.sslmode) == (
        "5432",
        "d",
        "require",
    )
    assert connection_config("mysql://h/d", read_only=True).mysql.skip_db_creation


_COLLIDE = """
import sys
from ml_metadata.proto import metadata_store_pb2 as proto
from pipelines.lineage.store import open_store
store = open_store(sys.argv[1])
type_id = store.put_artifact_type(proto.ArtifactType(name="Examples"))
for i in range(100):
    store.put_artifacts([proto.Artifact(type_id=type_id, uri=str(i))])
"""


def test_two_processes_write_one_sqlite_file_without_losing_anything(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'metadata.sqlite'}"
    writers = [
        subprocess.Popen([sys.executable, "-c", _COLLIDE, url], cwd=REPOSITORY) for _ in range(2)
    ]
    assert [writer.wait(timeout=50) for writer in writers] == [0, 0]
    assert len(open_store(url).get_artifacts()) == 200


def test_the_store_module_starts_without_tensorflow_or_tfx() -> None:
    program = (
        "import sys, time; begin = time.perf_counter()\n"
        "from pipelines.lineage import store, graph, why, run_diff, page\n"
        "import pipelines.cli.runs, pipelines.cli.lineage, pipelines.cli.diff, pipelines.cli.why\n"
        "heavy = {'tensorflow', 'tfx', 'apache_beam', 'pandas', 'numpy'} & set(sys.modules)\n"
        "print(sorted(heavy), time.perf_counter() - begin)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("[]")


def test_opening_prints_nothing(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    open_store(f"sqlite:///{tmp_path / 'metadata.sqlite'}")
    assert capfd.readouterr() == ("", "")


def test_a_silent_server_is_given_up_within_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    from pipelines.lineage import reachability

    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        for scheme in ("mysql", "postgresql"):
            url = reachability.StoreUrl(
                scheme=scheme, masked="", host="127.0.0.1", port=port, database="d"
            )
            begin = time.monotonic()
            assert "nothing answered" in reachability.why_unreachable(url, timeout_sec=0.2)
            assert time.monotonic() - begin < 5


def test_a_port_without_server_and_an_unknown_host_are_told_apart() -> None:
    with pytest.raises(MetadataError, match=r"u:\*\*\*@127.0.0.1:1/d cannot be reached") as caught:
        open_store("postgresql://u:secret@127.0.0.1:1/d")
    assert "Start the server" in caught.value.remedy
    with pytest.raises(MetadataError, match=r"host name 'nowhere.invalid' is not known"):
        open_store("mysql://u:secret@nowhere.invalid/d")
