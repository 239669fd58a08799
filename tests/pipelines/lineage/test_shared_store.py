"""Stores on real servers: PostgreSQL and MariaDB, started here on loopback as an ordinary user."""

import contextlib
import dataclasses
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import toy_runs
from ml_metadata.proto import metadata_store_pb2 as proto

from pipelines.errors import MetadataError
from pipelines.lineage import graph, model_lineage
from pipelines.lineage.store import open_store
from pipelines.workspace import Workspace

REPOSITORY = Path(__file__).resolve().parents[3]
PASSWORD, ESCAPED = "p@ss/word", "p%40ss%2Fword"
DEADLINE_SEC = 30.0


@dataclasses.dataclass(frozen=True)
class Server:
    scheme: str
    port: int

    def url(self, database: str, password: str = ESCAPED) -> str:
        user = "ring"
        return f"{self.scheme}://{user}:{password}@127.0.0.1:{self.port}/{database}"


def _program(*names: str) -> str:
    """Returns the first program found; Debian keeps PostgreSQL's off the path."""
    folders = [os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"]
    folders += map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True))
    for name in names:
        found = shutil.which(name, path=os.pathsep.join(folders))
        if found:
            return os.path.realpath(found) if "postgres" in os.path.realpath(found) else found
    pytest.skip(f"no program {' or '.join(names)}: install postgresql or mariadb-server")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _as_user() -> dict[str, Any]:
    """Returns how to start a process: servers refuse root, so root starts them as nobody."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    """Yields a folder that the servers' user owns; pytest's own are closed to other users."""
    with tempfile.TemporaryDirectory(dir="/tmp", ignore_cleanup_errors=True) as name:
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(name, nobody.pw_uid, nobody.pw_gid)
        yield Path(name)


@contextlib.contextmanager
def _running(command: list[str], folder: Path, ready: Callable[[], bool]) -> Iterator[None]:
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, **_as_user())
    try:
        end = time.monotonic() + DEADLINE_SEC
        while not ready():
            assert process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < end, (folder / "log").read_text()
        yield
    finally:
        process.terminate()
        try:
            process.wait(timeout=DEADLINE_SEC)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(command: list[str], text: str = "") -> bool:
    done = subprocess.run(command, input=text, text=True, capture_output=True, check=False)
    return done.returncode == 0


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    initdb, postgres = _program("initdb"), _program("postgres")
    with _folder() as folder:
        secret = folder / "secret"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        options = ["--username=ring", "--auth=scram-sha-256", f"--pwfile={secret}"]
        subprocess.run(
            [initdb, "-D", str(folder / "data"), *options, "--no-sync", "--encoding=UTF8"],
            check=True,
            capture_output=True,
            cwd=folder,
            **_as_user(),
        )
        port = _free_port()
        settings = (f"port={port}", "listen_addresses=127.0.0.1", "fsync=off")
        command = [postgres, "-D", str(folder / "data"), "-c", "unix_socket_directories="]
        for setting in settings:
            command += ["-c", setting]
        server = Server("postgresql", port)
        with _running(command, folder, lambda: _opens(server)):
            yield server


@pytest.fixture(scope="session")
def mysql() -> Iterator[Server]:
    install, mariadbd = _program("mariadb-install-db"), _program("mariadbd")
    client = _program("mariadb")
    with _folder() as folder:
        subprocess.run(
            [
                install,
                "--no-defaults",
                f"--datadir={folder / 'data'}",
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
            ],
            check=True,
            capture_output=True,
            cwd=folder,
            **_as_user(),
        )
        port, unix = _free_port(), folder / "socket"
        command = [
            mariadbd,
            "--no-defaults",
            f"--datadir={folder / 'data'}",
            f"--socket={unix}",
            f"--port={port}",
            "--bind-address=127.0.0.1",
            f"--pid-file={folder / 'pid'}",
            "--innodb-flush-log-at-trx-commit=0",
        ]
        account = (
            f"CREATE USER 'ring'@'%' IDENTIFIED BY '{PASSWORD}'; GRANT ALL ON *.* TO 'ring'@'%';"
        )
        administer = [client, "--no-defaults", "-S", str(unix), "-u", "root"]
        with _running(command, folder, lambda: _answers(administer, account)):
            yield Server("mysql", port)


def _opens(server: Server) -> bool:
    try:
        open_store(server.url("ready"))
    except MetadataError:
        return False
    return True


@pytest.fixture(params=["postgresql", "mysql"])
def server(request: pytest.FixtureRequest) -> Server:
    found: Server = request.getfixturevalue(request.param)
    return found


def test_a_whole_history_is_written_and_read_back(
    server: Server, write_store: Callable[[Any], Any], tmp_path: Path
) -> None:
    writer = write_store(open_store(server.url("history")))
    made = writer.taxi_run("taxi-1", tmp_path)
    writer.taxi_run("taxi-2", tmp_path, span=2, hyperparameters=made["best_hyperparameters"])
    history = graph.load(open_store(server.url("history"), read_only=True), "taxi")
    assert [run.name for run in history.runs] == ["taxi-1", "taxi-2"]
    found = model_lineage.lineage_of(history, model_lineage.find_model(history))
    assert {(use.purpose, use.examples.span) for use in found.data} == {
        ("training", 2),
        ("tuning", 1),
        ("evaluation", 2),
    }
    assert found.blessing == "BLESSED"


@pytest.mark.parametrize(
    "text", ["it's", 'back\\slash "quoted"', '{"a": "{\\"b\\": 1}"}', "é 漢 \n %s $1 ?"]
)
def test_any_text_comes_back_as_it_was(server: Server, text: str) -> None:
    store = open_store(server.url("texts"))
    type_id = store.put_context_type(proto.ContextType(name="pipeline"))
    name = f"{text} {time.monotonic_ns()}"
    context = proto.Context(type_id=type_id, name=name)
    context.custom_properties["plain"].string_value = text
    context.custom_properties[f"key {text[:3]}"].struct_value["inner"] = text
    store.put_contexts([context])
    found = store.get_context_by_type_and_name("pipeline", name)
    assert found.custom_properties == context.custom_properties


def test_wrong_credentials_are_named_without_the_password(
    server: Server, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(MetadataError) as caught:
        open_store(server.url("any", password="wrong"))
    message = str(caught.value)
    assert f"{server.scheme}://ring:***@127.0.0.1:{server.port}/any cannot be opened" in message
    assert "password" in message.replace("***", "")
    assert "'ring'" in caught.value.remedy
    assert "wrong" not in message.replace("wrong user", "")
    assert capfd.readouterr() == ("", "")


def test_reading_never_makes_a_database(server: Server) -> None:
    with pytest.raises(MetadataError, match=r"(?i)does not exist|unknown database") as caught:
        open_store(server.url("absent"), read_only=True)
    assert "Run a pipeline first" in caught.value.remedy


def test_opening_prints_nothing(server: Server, capfd: pytest.CaptureFixture[str]) -> None:
    open_store(server.url("quiet"))
    assert capfd.readouterr() == ("", "")


def test_the_other_kind_of_server_is_recognised(postgresql: Server, mysql: Server) -> None:
    with pytest.raises(MetadataError, match="is no postgresql server"):
        open_store(Server("postgresql", mysql.port).url("any"))


_OPEN = "import sys; from pipelines.lineage.store import open_store; open_store(sys.argv[1])"


def test_several_processes_may_open_an_empty_database_at_once(server: Server) -> None:
    command = [sys.executable, "-c", _OPEN, server.url("begun_together")]
    started = [subprocess.Popen(command, cwd=REPOSITORY) for _ in range(4)]
    assert [process.wait(timeout=50) for process in started] == [0, 0, 0, 0]


def test_threads_may_share_a_store(server: Server) -> None:
    store = open_store(server.url("threads"))
    type_id = store.put_artifact_type(proto.ArtifactType(name="Examples"))
    wrong: list[str] = []

    def write(name: str) -> None:
        for number in range(30):
            uri = f"{name}-{number}"
            ids = store.put_artifacts([proto.Artifact(type_id=type_id, uri=uri)])
            wrong.extend(a.uri for a in store.get_artifacts_by_id(ids) if a.uri != uri)

    threads = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(store.get_artifacts()) == 120


def test_the_runner_keeps_its_runs_there(server: Server, tmp_path: Path) -> None:
    url = server.url("runs")
    workspace = Workspace(root=tmp_path, metadata_url=url)
    for expected in ("ran", "cached"):
        report = toy_runs.run(workspace, toy_runs.chain())
        assert {node.id: str(node.state) for node in report.nodes} == {
            "Source": expected,
            "Double": expected,
        }
    history = graph.load(open_store(url, read_only=True), "toy")
    assert [run.state for run in history.runs] == ["SUCCEEDED", "SUCCEEDED"]
